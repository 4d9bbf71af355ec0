"""Interrupts: Ctrl-C and SIGTERM -> the end of the work after its chunk, and at once when pressed again."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

__all__ = ["interrupts", "terminated_as_interrupted"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE = 2.0  # seconds that the second press waits for the main thread, which may be inside the compiler
_STOPPED = 130


@contextlib.contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Makes SIGTERM what Ctrl-C is, ``KeyboardInterrupt``, while the block runs."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def interrupts(unit: str = "chunk") -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether the work shall stop; while the block runs, a press no longer raises.

    The first press is answered in one line on stderr and makes the function true. The second raises
    ``KeyboardInterrupt`` in the main thread, and ends the process where that cannot be reached. A thread of its own
    hears them, so that they are answered while the main thread, where this is to be entered, is inside the compiler.

    Args:
      unit: what is finished first, for that line.
    """
    stop, at_once = threading.Event(), threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    main = threading.main_thread().ident or 0
    end = threading.Timer(_GRACE, os._exit, [_STOPPED])
    end.daemon = True

    def listen() -> None:
        while number := os.read(reader, 1):
            if number[0] not in _SIGNALS or at_once.is_set():
                continue
            if not stop.is_set():
                stop.set()
                print(f"finishing this {unit}; press Ctrl-C again to stop at once", file=sys.stderr, flush=True)
                continue
            at_once.set()
            end.start()
            signal.pthread_kill(main, signal.SIGINT)  # wakes it where it waits

    def handle(number: int, frame: object) -> None:
        if at_once.is_set():
            raise KeyboardInterrupt

    thread = threading.Thread(target=listen, daemon=True)
    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    thread.start()
    try:
        yield stop.is_set
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        end.cancel()
        os.close(writer)
        thread.join()
        os.close(reader)
