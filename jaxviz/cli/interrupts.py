"""Interrupts: Ctrl-C and SIGTERM -> an end after the current chunks; a second Ctrl-C ends at once."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["STOPPED", "Stopped", "interrupts"]

_PRESSES = (signal.SIGINT, signal.SIGTERM)
# What the listening thread sends the main one: another signal than a press, which would be heard as one more.
_WAKE = getattr(signal, "SIGUSR1", signal.SIGINT)
_AGAIN, _PAUSE = b"\0", 0.02  # seconds
_GRACE = 3.0  # seconds for the main thread to clear up, and to come out of the compiler; then the process ends
STOPPED = 130
"""The exit code of what was stopped, as shells have it for Ctrl-C."""


class Stopped(Exception):  # noqa: N818, nothing went wrong
    """The work was stopped and its results are saved; the message says where, in one line."""


@contextlib.contextmanager
def interrupts(patience: int = 1) -> Iterator[Callable[[], bool]]:
    """Yields a function that returns whether the work should stop; while the block runs, Ctrl-C raises nothing.

    The first press is answered in one line on stderr and makes the function true. The next raises
    ``KeyboardInterrupt`` in the main thread, and ends the process where that is not heard. A thread of its own
    listens, so that presses are answered while the main thread is inside the compiler.

    Args:
      patience: presses that are answered so; 0 to stop at once at the first.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_kill"):
        yield lambda: False  # where Python takes no signals, or a thread cannot be woken
        return
    presses, main, closed = _Presses(patience), threading.get_ident(), threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def listen() -> None:
        while number := os.read(reader, 1):
            if number == _AGAIN:
                time.sleep(_PAUSE)
            if number == _AGAIN or (number[0] in _PRESSES and presses.press()):
                signal.pthread_kill(main, _WAKE)

    def handle(number: int, frame: FrameType | None) -> None:
        if number != _WAKE or closed.is_set():
            return
        if frame is not None and frame.f_code.co_name == "_xla_gc_callback":  # JAX's; what it raises is ignored
            os.write(writer, _AGAIN)
            return
        raise KeyboardInterrupt

    thread = threading.Thread(target=listen, daemon=True)
    before = {number: signal.signal(number, handle) for number in (*_PRESSES, _WAKE)}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    thread.start()
    try:
        yield presses.stop.is_set
    finally:
        closed.set()
        presses.end.cancel()
        signal.set_wakeup_fd(wakeup)
        os.close(writer)
        thread.join()
        os.close(reader)
        for number, handler in before.items():
            signal.signal(number, handler)


class _Presses:
    """Counts presses: the first sets ``stop``, and the one that ends the work at once sets ``over``."""

    def __init__(self, patience: int):
        self._left = patience
        self.stop, self.over = threading.Event(), threading.Event()
        self.end = threading.Timer(_GRACE, os._exit, [STOPPED])
        self.end.daemon = True

    def press(self) -> bool:
        """Counts a press; returns True if the main thread should be interrupted."""
        if self.over.is_set():
            return False
        self.stop.set()
        if self._left:
            self._left -= 1
            print("finishing the chunks at work; press Ctrl-C again to stop at once", file=sys.stderr, flush=True)
            return False
        self.over.set()
        self.end.start()
        return True
