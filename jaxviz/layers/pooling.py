"""Pooling: image -> smaller image, with Keras's gradient."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz.layers.convolution import Padding
from jaxviz.layers.lowerings import output_sides, window

__all__ = ["average_pool", "max_pool"]

_FEW = 9  # places of a window that are looked at all at once


def max_pool(
    image: Float[Array, "*sides channels"],
    size: tuple[int, ...],
    *,
    strides: tuple[int, ...],
    padding: Padding = (),
    dilation: tuple[int, ...] = (),
) -> Float[Array, "*out_sides channels"]:
    """Takes the largest value of each window; its gradient goes to the first of equal ones, as in Keras.

    This matters: in an image of zeros all values of a window are equal, and a gradient that is split among them (as by
    ``jnp.max``) leads to another image.

    Args:
      image: one image of one, two or three spatial axes, channels last.
      size: the window's length along each spatial axis, in pixels.
      strides: steps of the window, in pixels.
      padding: pixels of minus infinity before and after each side; none when left out.
      dilation: steps between the pixels of a window; 1 when left out.
    """
    return _over_windows(_first_maximum, _padded(image, padding, -jnp.inf), size, strides, dilation)


def average_pool(
    image: Float[Array, "*sides channels"],
    size: tuple[int, ...],
    *,
    strides: tuple[int, ...],
    padding: Padding = (),
) -> Float[Array, "*out_sides channels"]:
    """Takes the mean of each window; padding does not count, as in Keras.

    Args:
      image: one image of one, two or three spatial axes, channels last.
      size: the window's length along each spatial axis, in pixels.
      strides: steps of the window, in pixels.
      padding: pixels before and after each side that are left out of the mean; none when left out.
    """
    total = _over_windows(_sum, _padded(image, padding, 0.0), size, strides)
    if not any(map(any, padding)):
        return total / math.prod(size)
    inside = jnp.ones((*image.shape[:-1], 1), image.dtype)
    return total / _over_windows(_sum, _padded(inside, padding, 0.0), size, strides)


def _first_maximum(views: list[Array]) -> Array:
    # A tournament of neighbours, left over right where equal, keeps the first maximum in the order of the views.
    while len(views) > 1:
        pairs = zip(views[::2], views[1::2], strict=False)
        rest = views[-1:] if len(views) % 2 else []
        views = [jnp.where(left >= right, left, right) for left, right in pairs] + rest
    return views[0]


def _sum(views: list[Array]) -> Array:
    return functools.reduce(jnp.add, views)


def _padded(image: Array, padding: Padding, fill: float) -> Array:
    return jnp.pad(image, (*padding, (0, 0)), constant_values=fill) if any(map(any, padding)) else image


def _over_windows(
    reduce: Callable[[list[Array]], Array],
    image: Array,
    size: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int] = (),
) -> Array:
    """Reduces what stands at each place of the window, in reading order."""
    dilation = dilation or (1,) * len(size)
    if math.prod(size) <= _FEW:
        return reduce(_views(image, size, strides, dilation))
    # Along one axis at a time, the last one first, which is far fewer views and leaves the first of equals the first.
    for axis in reversed(range(len(size))):
        extents, steps = [1] * len(size), [1] * len(size)
        extents[axis], steps[axis] = size[axis], strides[axis]
        image = reduce(_views(image, extents, steps, dilation))
    return image


def _views(image: Array, size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> list[Array]:
    """Returns, for each place of the window in reading order, the pixels that stand there."""
    sides = output_sides(image, size, strides, dilation)
    starts = itertools.product(
        *(range(0, extent * spread, spread) for extent, spread in zip(size, dilation, strict=True))
    )
    return [window(image, start, sides, strides) for start in starts]
