"""Asking: a question about activations -> its answer; what it asks for is checked, and why it fails is explained."""

import contextlib
import linecache
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import jax
import numpy as np
from jaxtyping import Array

from jaxviz.networks.activations import Activations
from jaxviz.networks.layer import Layer
from jaxviz.values.errors import JaxvizError, ObjectiveError, OutOfRangeError, UnknownNameError

__all__ = ["Asked", "briefly", "explained"]

Answer = TypeVar("Answer")

_OURS = str(Path(__file__).parents[1])
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platlib", "purelib")})

# What JAX raises where Python asks for a value that is not there while a function is traced, and what to write instead.
_REMEDIES = (
    (
        jax.errors.TracerBoolConversionError,
        "Python's if, while, and, or, not cannot decide by activations, which have no values yet while the function is "
        "traced; write jnp.where(condition, this, that) or jax.lax.cond",
    ),
    (
        jax.errors.TracerArrayConversionError,
        "NumPy cannot compute with activations, which have no values yet while the function is traced; use jax.numpy",
    ),
    (
        jax.errors.NonConcreteBooleanIndexError,
        "a mask cannot choose among activations, since how many it chooses is not known while the function is traced; "
        "write jnp.where(mask, values, 0)",
    ),
    (
        (jax.errors.TracerIntegerConversionError, jax.errors.ConcretizationTypeError),
        "float(), int(), range() and item() need a value, and activations have none yet while the function is traced; "
        "leave it an array of jnp",
    ),
)


class Asked(Mapping[str, Array]):
    """The activations that a question is asked of: a mapping from the names of layers, which checks indices.

    An index that is traced, as those of a batch of objectives are, has no value that could be checked; neither has one
    that JAX is given, as in ``activations["conv2d_3"][..., 99]``: JAX takes the last channel there is.
    """

    def __init__(self, activations: Activations, layers: Sequence[Layer]):
        self._activations = activations
        self._channels = {layer.name: layer.channels for layer in layers}

    def __getitem__(self, layer: str, /) -> Array:
        return self._activations[layer]

    def __contains__(self, layer: object) -> bool:
        return layer in self._channels  # without computing it

    def __iter__(self) -> Iterator[str]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)

    def channel(self, layer: str, index: Array | np.ndarray | np.integer | int, /) -> Array:
        """Returns one channel of a layer, its channel axis kept with length 1.

        Raises:
          OutOfRangeError: the layer has no such channel.
        """
        count = self._channels.get(layer)
        if count is not None and (number := _known(index)) is not None and not 0 <= number < count:
            raise OutOfRangeError(f"channel {number} of {layer!r} is out of range; there are 0 to {count - 1}")
        return self._activations.channel(layer, np.asarray(index) if isinstance(index, int | np.integer) else index)


def explained(question: Callable[[Activations], Answer], activations: Activations) -> Answer:
    """Answers a question; where a function of the user's fails at that, says at which line, and what to write instead.

    Raises:
      ObjectiveError: it fails; the cause is what it raised, with the user's lines only.
    """
    try:
        return question(activations)
    except JaxvizError:
        raise
    except Exception as error:  # whatever a user's function raises
        lines = _of_the_user(error.__traceback__)
        if not lines:
            raise
        raise ObjectiveError(f"{_place(lines[-1])}: {_reason(error)}") from _trimmed(error, lines)


@contextlib.contextmanager
def briefly() -> Iterator[None]:
    """Lets an error about the user's function out of the block without the lines of the libraries between."""
    try:
        yield
    except (ObjectiveError, OutOfRangeError, UnknownNameError) as error:
        raise type(error)(str(error)) from error.__cause__


def _known(index: Array | np.ndarray | np.integer | int) -> int | None:
    """Returns an index; None where it is traced, or not one whole number."""
    try:
        value = np.asarray(index)
    except jax.errors.TracerArrayConversionError:
        return None
    return int(value) if value.ndim == 0 and value.dtype.kind in "iu" else None


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
    return f"the objective fails in {code.co_name}, line {line.tb_lineno} of {where}" + (f", `{text}`" if text else "")


def _reason(error: Exception) -> str:
    for kinds, remedy in _REMEDIES:
        if isinstance(error, kinds):
            return remedy
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _trimmed(error: Exception, lines: Sequence[TracebackType]) -> Exception:
    """Returns an error without the lines of libraries in its traceback."""
    traceback = None
    for line in reversed(lines):
        traceback = TracebackType(traceback, line.tb_frame, line.tb_lasti, line.tb_lineno)
    error.__cause__, error.__suppress_context__ = None, True
    return error.with_traceback(traceback)
