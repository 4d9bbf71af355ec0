"""Own functions: functions of the user's -> their results; where one fails, the error says at which line and why."""

import contextlib
import inspect
import linecache
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

import jax

from jaxviz.values.errors import JaxvizError, OutOfRangeError, OwnFunctionError, UnknownNameError

__all__ = ["briefly", "explained", "name_of", "takes"]

Answer = TypeVar("Answer")
Given = ParamSpec("Given")

_OURS = str(Path(__file__).parents[1])
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platlib", "purelib")})

# What JAX raises where Python asks for a value that is not there while a function is traced, and what to write instead.
_REMEDIES = (
    (
        jax.errors.TracerBoolConversionError,
        "Python's if, while, and, or, not cannot decide by {these}, which have no values yet while the function is "
        "traced; write jnp.where(condition, this, that) or jax.lax.cond",
    ),
    (
        jax.errors.TracerArrayConversionError,
        "NumPy cannot compute with {these}, which have no values yet while the function is traced; use jax.numpy",
    ),
    (
        jax.errors.NonConcreteBooleanIndexError,
        "a mask cannot choose among {these}, since how many it chooses is not known while the function is traced; "
        "write jnp.where(mask, values, 0)",
    ),
    (
        (jax.errors.TracerIntegerConversionError, jax.errors.ConcretizationTypeError),
        "float(), int(), range() and item() need a value, and {these} have none yet while the function is traced; "
        "leave it an array of jnp",
    ),
)


def explained(
    called: str, these: str, function: Callable[Given, Answer], *arguments: Given.args, **keywords: Given.kwargs
) -> Answer:
    """Calls a function; where one of the user's fails at that, says at which line, and what to write instead.

    Args:
      called: what a message calls the function: "the objective".
      these: what it computes with: "activations".
      function: the function.
      *arguments: what it is called with.
      **keywords: likewise.

    Raises:
      OwnFunctionError: it fails; the cause is what it raised, with the user's lines only.
    """
    try:
        return function(*arguments, **keywords)
    except JaxvizError:
        raise
    except Exception as error:  # whatever a user's function raises
        lines = _of_the_user(error.__traceback__)
        if not lines:
            raise
        told = f"{called} fails in {_place(lines[-1])}: {_reason(error, these)}"
        raise OwnFunctionError(told) from _trimmed(error, lines)


@contextlib.contextmanager
def briefly() -> Iterator[None]:
    """Lets an error about the user's function out of the block without the lines of the libraries between."""
    try:
        yield
    except (OwnFunctionError, OutOfRangeError, UnknownNameError) as error:
        raise type(error)(str(error)) from error.__cause__


def name_of(function: object) -> str:
    """Returns what a function is called, or else what it is an instance of.

    Example:
      >>> name_of(sorted), name_of(3)
      ('sorted', 'int')
    """
    return getattr(function, "__name__", type(function).__name__)


def takes(function: object, count: int) -> bool:
    """Tells whether a function can be called with so many arguments; True where Python does not know.

    Example:
      >>> takes(lambda key, image: image, 2), takes(lambda image: image, 2), takes("blur", 2)
      (True, False, False)
    """
    if not callable(function):
        return False
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _of_the_user(traceback: TracebackType | None) -> list[TracebackType]:
    """Returns the entries of a traceback that are no library's."""
    found = []
    while traceback is not None:
        if not traceback.tb_frame.f_code.co_filename.startswith((_OURS, *_LIBRARIES, "<@", "<frozen")):
            found.append(traceback)
        traceback = traceback.tb_next
    return found


def _place(line: TracebackType) -> str:
    code = line.tb_frame.f_code
    text = linecache.getline(code.co_filename, line.tb_lineno).strip()
    file = Path(code.co_filename).name
    where = "its cell" if "ipykernel" in code.co_filename else file
    return f"{code.co_name}, line {line.tb_lineno} of {where}" + (f", `{text}`" if text else "")


def _reason(error: Exception, these: str) -> str:
    for kinds, remedy in _REMEDIES:
        if isinstance(error, kinds):
            return remedy.format(these=these)
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _trimmed(error: Exception, lines: Sequence[TracebackType]) -> Exception:
    """Returns an error without the lines of libraries in its traceback."""
    traceback = None
    for line in reversed(lines):
        traceback = TracebackType(traceback, line.tb_frame, line.tb_lasti, line.tb_lineno)
    error.__cause__, error.__suppress_context__ = None, True
    return error.with_traceback(traceback)
