"""Memory: returns the memory that a finished layer no longer needs."""

import contextlib
import ctypes
import gc

from jaxviz.ascent import programs
from jaxviz.reports import measurements

__all__ = ["release"]


def release() -> None:
    """Lets go of the programs that were compiled for a layer, and returns what they held to the system.

    Programs of other code stay: all of JAX's caches are its user's to clear. XLA's compiler takes its memory from the
    C library, which keeps what is freed until it is asked.
    """
    programs.release()
    measurements.release()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library than GNU's
        ctypes.CDLL("libc.so.6").malloc_trim(0)
