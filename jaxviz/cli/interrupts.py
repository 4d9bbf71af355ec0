"""Interrupts: Ctrl-C and SIGTERM -> the end of the work after its chunk, and at once when pressed again."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["STOPPED", "Stopped", "interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE = 3.0  # seconds for the main thread to clear up, and to come out of the compiler; then the process ends
_AGAIN = 0.02
STOPPED = 130
"""The exit code of what was stopped, as shells have it for Ctrl-C."""


class Stopped(Exception):  # noqa: N818, nothing went wrong
    """The work was stopped, and what is done is kept; the message says where, in one line."""


@contextlib.contextmanager
def interrupts(patience: int = 1) -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether the work shall stop; while the block runs, a press no longer raises.

    The first press is answered in one line on stderr and makes the function true. The next raises
    ``KeyboardInterrupt`` in the main thread, and ends the process where that is not heard. A thread of its own
    listens, so that presses are answered while the main thread is inside the compiler.

    Args:
      patience: presses that are answered so; 0 to stop at once at the first.
    """
    if threading.current_thread() is not threading.main_thread():  # where Python takes no signals
        yield lambda: False
        return
    presses, main = _Presses(patience), threading.get_ident()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def listen() -> None:
        while number := os.read(reader, 1):
            if number[0] in _SIGNALS and presses.press():
                signal.pthread_kill(main, signal.SIGINT)  # wakes it where it waits

    def handle(number: int, frame: FrameType | None) -> None:
        if not presses.over.is_set():
            return
        if frame is not None and frame.f_code.co_name == "_xla_gc_callback":  # JAX's; what it raises is ignored
            threading.Timer(_AGAIN, signal.pthread_kill, (main, signal.SIGINT)).start()
            return
        raise KeyboardInterrupt

    thread = threading.Thread(target=listen, daemon=True)
    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    thread.start()
    try:
        yield presses.stop.is_set
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        presses.end.cancel()
        os.close(writer)
        thread.join()
        os.close(reader)


class _Presses:
    """Counts presses: ``stop`` is set by the first, ``over`` by the one that ends patience."""

    def __init__(self, patience: int):
        self._left = patience
        self.stop, self.over = threading.Event(), threading.Event()
        self.end = threading.Timer(_GRACE, os._exit, [STOPPED])
        self.end.daemon = True

    def press(self) -> bool:
        """Hears a press; True where the main thread is to be interrupted."""
        if self.over.is_set():
            return False
        self.stop.set()
        if self._left:
            self._left -= 1
            print("finishing this chunk; press Ctrl-C again to stop at once", file=sys.stderr, flush=True)
            return False
        self.over.set()
        self.end.start()
        return True
