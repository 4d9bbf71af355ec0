"""Locks: one sweep at a time in a directory. A killed process leaves no lock."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from jaxviz.values.errors import JaxvizError

try:
    import fcntl
except ImportError:  # not on this system, which then has no such lock
    fcntl = None  # type: ignore[assignment]

__all__ = ["locked"]


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds a directory for as long as the block runs.

    The lock is the operating system's, on the directory itself: it leaves no file, and ends with the process.

    Raises:
      JaxvizError: another process holds it.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JaxvizError(
                f"another sweep is at work in {directory}; wait for it to end, or give another directory"
            ) from error
        except OSError:  # a file system without locks: nothing can be known there
            pass
        yield
    finally:
        os.close(handle)
