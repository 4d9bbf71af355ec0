"""Arguments: the arguments of a caller -> checked arrays whose leading axis counts the objectives of a batch."""

from collections.abc import Iterable, Sequence

import jax
import numpy as np
from jaxtyping import Array

from jaxviz.networks.layer import Canvas, Layer
from jaxviz.networks.model import Model
from jaxviz.values.errors import JaxvizError

__all__ = [
    "Classes",
    "Indices",
    "Numbers",
    "Position",
    "images",
    "indices",
    "is_number",
    "layer_with_channels",
    "numbers",
    "places",
    "positions",
    "vectors",
    "whole_numbers",
]

Indices = int | np.integer | Iterable[int | np.integer] | np.ndarray | Array | None
"""One index or several; None for all."""

Classes = Indices | str | Iterable[int | np.integer | str]
"""One class or several, each by its number or its name; None for all."""

Numbers = int | float | Sequence | np.ndarray | Array
Position = str | Sequence | np.ndarray | Array | None
"""``"centre"``, a place such as ``(5, 5)``, or several of them ``[n, 2]``."""


def is_number(value: object) -> bool:
    """Returns whether a value can be added to objectives: a number, or an array with a number for each."""
    return isinstance(value, int | float | np.number | np.ndarray | jax.Array)


def whole_numbers(index: Indices) -> np.ndarray | None:
    """Returns indices as an array; None stands for all indices and is returned.

    Raises:
      JaxvizError: there are none, or they are not integers.
    """
    if index is None:
        return None
    given = np.asarray(index if isinstance(index, int | np.integer | np.ndarray | jax.Array) else list(index))
    if given.size == 0:
        raise JaxvizError("an empty list of indices; leave it out for all")
    if given.ndim > 1 or not np.issubdtype(given.dtype, np.integer):
        raise JaxvizError(f"indices {given.tolist()!r}: give a whole number or a list of them")
    return given


def indices(index: Array | np.ndarray | None, count: int, what: str) -> np.ndarray:
    """Returns indices ``[n]``, by default all of ``count``.

    Raises:
      JaxvizError: one of them is out of range.
    """
    if index is None:
        return np.arange(count, dtype=np.int32)
    given = np.atleast_1d(np.asarray(index))
    outside = [int(number) for number in given if not 0 <= number < count]
    if outside:
        raise JaxvizError(f"{what} {', '.join(map(str, outside))} is out of range; there are 0 to {count - 1}")
    return given.astype(np.int32)


def numbers(value: object, what: str, *, least: float = -np.inf) -> np.ndarray:
    """Returns numbers ``[n]`` in float32.

    Raises:
      JaxvizError: they are not numbers, not finite, not a list, or below the smallest allowed one.
    """
    try:
        with np.errstate(over="ignore"):  # too large for float32 is infinite, which is refused below
            given = np.atleast_1d(np.asarray(value, np.float32))
    except (TypeError, ValueError) as error:
        raise JaxvizError(f"{what} {value!r}: give a number or a list of them") from error
    if given.ndim != 1 or given.size == 0 or not np.isfinite(given).all():
        raise JaxvizError(f"{what} {value!r}: give a finite number or a list of them")
    if given.min() < least:
        raise JaxvizError(f"{what} {given.min():g}: give {least:g} or more")
    return given


def vectors(value: object, shapes: Sequence[tuple[int, ...]], what: str) -> np.ndarray:
    """Returns arrays ``[n, *shape]`` in float32; a single array without the leading axis is a batch of one.

    Args:
      value: the arrays.
      shapes: the accepted shapes; no two of them have ranks that differ by one.
      what: the name of the arrays in errors.

    Raises:
      JaxvizError: it has none of these shapes, or has values that are not finite.
    """
    try:
        given = np.asarray(value, np.float32)
    except (TypeError, ValueError) as error:
        raise JaxvizError(f"{what}: give an array of numbers") from error
    if not np.isfinite(given).all():
        raise JaxvizError(f"{what} holds {(~np.isfinite(given)).sum()} values that are NaN or infinite")
    if given.shape in shapes:
        return given[None]
    if given.shape[1:] in shapes and len(given):
        return given
    wanted = " or ".join(f"{shape} or [n, {', '.join(map(str, shape))}]" for shape in shapes)
    raise JaxvizError(f"{what} has the shape {given.shape}; give {wanted}")


def images(value: object, canvas: Canvas) -> np.ndarray:
    """Returns reference images ``[n, *canvas.shape]``.

    Raises:
      JaxvizError: they have another shape than the model's images, or have values that are not finite.
    """
    return vectors(value, [canvas.shape], "the reference image")


def layer_with_channels(model: Model, name: str) -> Layer:
    """Returns a layer that has channels.

    Raises:
      JaxvizError: the model has no such layer, or it has no channels.
    """
    layer = model.layer(name)
    if layer.channels is None:
        raise JaxvizError(f"layer {layer.name!r} ({layer.description}) has no channels to visualize")
    return layer


def places(layer: Layer) -> tuple[int, ...]:
    """Returns the number of positions of a layer along each axis, such as (24, 24); empty for a dense layer."""
    axis = layer.channel_axis
    if axis is None:
        return layer.output_shape
    axis %= len(layer.output_shape)
    return layer.output_shape[:axis] + layer.output_shape[axis + 1 :]


def positions(position: Position, layer: Layer, window: tuple[int, ...] = ()) -> np.ndarray | None:
    """Returns positions ``[n, rank]`` of a layer; None for a layer without positions.

    Args:
      position: the caller's argument.
      layer: the layer.
      window: the size of a window around each position that must fit into the layer.

    Raises:
      JaxvizError: they are not positions of this layer.
    """
    sides = places(layer)
    if not sides:
        if position is None or isinstance(position, str):
            return None
        raise JaxvizError(f"position {position!r}: layer {layer.name!r} ({layer.description}) has none; leave it out")
    if isinstance(position, str) and position == "centre":
        return np.array([[side // 2 for side in sides]], np.int32)
    rank = len(sides)
    given = np.asarray(position)
    if given.dtype.kind not in "iu" or given.ndim not in (1, 2) or given.shape[-1] != rank or not given.size:
        raise JaxvizError(
            f"position {position!r} of {layer.name!r}: give 'centre', {rank} whole numbers, or several such"
        )
    given = np.atleast_2d(given)
    before = np.array(window or (1,) * rank) // 2
    after = np.array(window or (1,) * rank) - before
    outside = ((given < before) | (given + after > sides)).any(axis=1)
    if outside.any():
        about = f" with a window of {' x '.join(map(str, window))}" if window else ""
        raise JaxvizError(
            f"position {tuple(given[outside][0].tolist())}{about} is out of range; "
            f"{layer.name!r} has {' x '.join(map(str, sides))} positions"
        )
    return given.astype(np.int32)
