"""Running: a command -> its exit code: 0 done, 1 the work failed, 2 wrong use, 130 stopped.

Errors and jaxviz's own warnings are one line each on stderr.
"""

import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Callable, Iterator

import typer

from jaxviz.cli.interrupts import STOPPED, Stopped
from jaxviz.files import compilation_cache
from jaxviz.values.errors import JaxvizError, JaxvizWarning

__all__ = ["run"]

FAILED, WRONG_USE = 1, 2

# click's, of which typer has kept its own copy since 0.25; both have these names.
_UsageError: type[BaseException] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}


def run(work: Callable[[], object]) -> None:
    """Runs a command; wrong use becomes one line on stderr and exit code 2, failing work one line and 1."""
    try:
        compilation_cache.enable()
        with _warnings_told():
            work()
    except JaxvizError as error:
        _leave(FAILED if _of_the_disk(error) else WRONG_USE, f"error: {error}")
    except _UsageError as error:
        _leave(WRONG_USE, f"error: {_usage(error)}")
    except Stopped as stopped:
        _leave(STOPPED, str(stopped))
    except (KeyboardInterrupt, typer.Abort):
        _leave(STOPPED, "stopped")
    except (OSError, MemoryError) as error:  # no wrong use, but nothing to debug either
        _leave(FAILED, f"error: {_of_the_machine(error)}")
    except RuntimeError as error:
        if type(error).__name__ not in ("JaxRuntimeError", "XlaRuntimeError"):
            raise
        _leave(FAILED, f"error: the machine cannot run this: {str(error).partition(chr(10))[0]}")


@contextlib.contextmanager
def _warnings_told() -> Iterator[None]:
    """Prints warnings of ours as a line while the block runs, without the place in our code that they come from."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message, category, *place, **more):
            if issubclass(category, JaxvizWarning):
                print(f"warning: {message}", file=sys.stderr, flush=True)
            else:
                others(message, category, *place, **more)

        warnings.showwarning = show
        yield


def _leave(code: int, line: str) -> None:
    print(" ".join(line.split()), file=sys.stderr, flush=True)
    if code == STOPPED and "jax" in sys.modules:
        # Python would wait for the threads that climb the chunks just given up, and JAX, interrupted, may crash.
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


def _of_the_machine(error: OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return str(error) or "out of memory"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"cannot write {error.filename or 'a file'}: {error.strerror}; make room, and run the same command again"
    return str(error)


def _of_the_disk(error: JaxvizError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in _DISK


def _usage(error: BaseException) -> str:
    said = error.format_message().rstrip(".")  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "jaxviz"
    said = said.replace(". Did you mean ", "; did you mean ")
    return f"{said[:1].lower()}{said[1:]}{'' if said.endswith('?') else ';'} `{command} --help` shows how it is used"
