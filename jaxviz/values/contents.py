"""Contents: a function of your own -> what it computes with, so that it is known when that has changed.

JAX compares functions by identity: one that reads a variable is compiled once, with the value that the variable had
then. Functions are compared by their contents here: their code, and the values of the variables that it names.
"""

import contextlib
import dataclasses
import functools
import hashlib
import types
from collections.abc import Hashable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from jaxviz.values.frozen_arrays import FrozenArray

__all__ = ["contents", "described"]

_LIBRARIES = {"jaxviz", "jax", "jaxlib", "jaxtyping", "numpy", "optax", "flax", "functools", "math"}
_DEEPEST = 8  # of values in values, beyond which they are compared by identity
_LARGEST = 64 << 20  # bytes of an array whose numbers are compared


class Same:
    """A value that equals itself alone."""

    def __init__(self, value: object):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)

    def __repr__(self) -> str:
        return getattr(self.value, "__qualname__", type(self.value).__qualname__)


class Code(NamedTuple):
    """What a function is, and what it reads: by name the defaults, the variables around it, and those of its module."""

    code: bytes
    constants: tuple
    reads: tuple[tuple[str, Hashable], ...]


def contents(*values: object) -> tuple[Hashable, ...]:
    """Returns the contents of the functions and objects of your own among some values, and in them.

    Example:
      >>> contents(jax.nn.relu)
      ()
    """
    return tuple(_of(one, _DEEPEST) for one in _own(values, _DEEPEST))


def described(found: tuple[Hashable, ...]) -> str:
    """Returns a text that is the same in every process for the same contents, and short."""
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def _own(value: object, deepest: int) -> Iterator[object]:
    """Yields what is of your own in tuples and in values of this package."""
    if not deepest:
        return
    if isinstance(value, tuple | list):
        inside = list(value)
    elif isinstance(value, functools.partial):
        inside = [value.func, *value.args, *value.keywords.values()]
    elif dataclasses.is_dataclass(value) and not isinstance(value, type) and _is_of_library(type(value)):
        inside = [getattr(value, field.name) for field in dataclasses.fields(value)]
    else:
        if not isinstance(value, type) and not _is_of_library(value):
            yield value
        return
    for one in inside:
        yield from _own(one, deepest - 1)


def _of(value: object, deepest: int) -> Hashable:
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return type(value).__name__, repr(value)
    if not deepest or isinstance(value, types.ModuleType | type | jax.core.Tracer):
        return Same(value)
    if isinstance(value, np.ndarray | jax.Array):
        return FrozenArray.of(value) if _has_numbers(value) else Same(value)
    if isinstance(value, tuple | list | set | frozenset):
        inside = [_of(one, deepest - 1) for one in value]
        return type(value).__name__, tuple(inside if isinstance(value, tuple | list) else sorted(inside, key=repr))
    if isinstance(value, dict):
        return "dict", tuple((_of(key, deepest - 1), _of(one, deepest - 1)) for key, one in value.items())
    if isinstance(value, types.CodeType):
        return Code(value.co_code, tuple(_of(one, deepest - 1) for one in value.co_consts), ())
    if isinstance(value, functools.partial):
        return "partial", tuple(_of(one, deepest - 1) for one in (value.func, value.args, value.keywords))
    if isinstance(value, types.MethodType):
        return "method", _of(value.__func__, deepest - 1), _of(value.__self__, deepest - 1)
    if _is_of_library(value):
        return Same(value)
    if isinstance(value, types.FunctionType):
        return _of_function(value, deepest - 1)
    if (wrapped := getattr(value, "__wrapped__", None)) is not None:  # as of a function that is jitted
        return "wrapped", _of(wrapped, deepest - 1)
    if (fields := getattr(value, "__dict__", None)) is not None:
        methods = {name: one for name, one in vars(type(value)).items() if isinstance(one, types.FunctionType)}
        return Same(type(value)), _of(dict(fields), deepest - 1), _of(methods, deepest - 1)
    return Same(value)


def _of_function(function: types.FunctionType, deepest: int) -> Code:
    code = function.__code__
    reads: dict[str, object] = {"defaults": function.__defaults__, "keywords": function.__kwdefaults__}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # it has no value yet
            reads[name] = cell.cell_contents
    reads |= {name: function.__globals__[name] for name in _names(code) if name in function.__globals__}
    inside = tuple((name, _of(one, deepest)) for name, one in reads.items() if one is not function)
    return Code(code.co_code, tuple(_of(one, deepest) for one in code.co_consts), inside)


def _names(code: types.CodeType) -> Iterator[str]:
    """Yields the names that a function, and the functions in it, may read of its module."""
    yield from code.co_names
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield from _names(one)


def _is_of_library(value: object) -> bool:
    return (getattr(value, "__module__", None) or "builtins").partition(".")[0] in {"builtins", *_LIBRARIES}


def _has_numbers(array: np.ndarray | jax.Array) -> bool:
    return (
        array.dtype != object
        and not jax.dtypes.issubdtype(array.dtype, jax.dtypes.extended)
        and array.nbytes <= _LARGEST
    )
