"""Resampling: (image, the position that each pixel of the view reads) -> view.

Bilinear, for one image ``[*spatial, channels]``. Positions are counted in pixels from the centre of the first pixel.
Outside the image, a fill of None repeats the edge, and a number is the value there, with a transition of one pixel.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.values.quantities import Quantity

__all__ = ["resample", "resize", "smoothing", "warp", "weigh"]


def resample(
    image: Float[Array, "..."], positions: Sequence[Float[Array, " _"]], fill: Quantity | None
) -> Float[Array, "..."]:
    """Looks at each axis's positions: one matrix product an axis, which costs less than to gather pixels.

    Args:
      image: ``[*spatial, channels]``.
      positions: for each spatial axis, where the pixels of the view look, in pixels of the image.
      fill: what is outside: None for the edge's own pixels, or a value.

    Returns:
      The view, as long on each axis as its positions.
    """
    pairs = list(zip(positions, image.shape[:-1], strict=True))
    if fill is None:
        return weigh(image, [_interpolation(jnp.clip(at, 0, size - 1), size) for at, size in pairs])
    return weigh(image - fill, [_interpolation(at, size) for at, size in pairs]) + fill


def resize(image: Float[Array, "..."], spatial: tuple[int, ...]) -> Float[Array, "..."]:
    """Brings an image to another size: bilinear where it grows, smoothed over as many pixels as go where it shrinks."""
    return weigh(image, [jnp.asarray(_resizing(*sizes)) for sizes in zip(image.shape[:-1], spatial, strict=True)])


def weigh(image: Float[Array, "..."], matrices: Sequence[Float[Array, "_ _"]]) -> Float[Array, "..."]:
    """Multiplies each spatial axis of an image by its matrix."""
    for axis, matrix in enumerate(matrices):
        moved = jnp.tensordot(matrix, image, (1, axis), precision=jax.lax.Precision.HIGHEST)
        image = jnp.moveaxis(moved, 0, axis)
    return image


def smoothing(size: int, sigma: Quantity) -> Float[Array, "size size"]:
    """Returns the matrix that blurs an axis by a Gaussian; each row sums to 1, at the ends too.

    Args:
      size: pixels on the axis.
      sigma: standard deviation in pixels; below 0.01 it blurs nothing.
    """
    places = jnp.arange(size, dtype=jnp.float32)
    distances = (places[:, None] - places[None, :]) / jnp.maximum(sigma, 0.01)
    return jax.nn.softmax(-0.5 * distances**2, axis=1)


def warp(
    image: Float[Array, "height width channels"],
    matrix: Float[Array, "2 2"],
    shift: Float[Array, "2"],
    fill: Quantity | None,
) -> Float[Array, "height width channels"]:
    """Looks through an affine map about the centre: ``view[o] = image[matrix @ (o - centre) + centre + shift]``.

    Args:
      image: a 2-D image.
      matrix: from offsets in the view to offsets in the image, ``(row, column)``.
      shift: in pixels of the image, ``(row, column)``.
      fill: what is outside: None for the edge's own pixels, or a value.
    """
    height, width, _ = image.shape
    centre = jnp.array([(height - 1) / 2, (width - 1) / 2])
    grid = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij"), -1) - centre[None, None]
    looked = jnp.einsum("ij,hwj->hwi", matrix, grid, precision=jax.lax.Precision.HIGHEST) + (centre + shift)[None, None]
    rows, columns = looked[..., 0], looked[..., 1]
    if fill is None:
        return _gather(image, jnp.clip(rows, 0, height - 1), jnp.clip(columns, 0, width - 1))
    return _gather(image - fill, rows, columns) + fill


def _resizing(size: int, view: int) -> Float[np.ndarray, "view size"]:
    """Weighs pixels by a triangle about each place of the view, whose ends are those of the image."""
    places = (np.arange(view) + 0.5) * (size / view) - 0.5
    reach = max(size / view, 1)
    weights = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(size)[None, :]) / reach)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _interpolation(positions: Float[Array, " view"], size: int) -> Float[Array, "view size"]:
    return jnp.maximum(0, 1 - jnp.abs(positions[:, None] - jnp.arange(size, dtype=jnp.float32)[None, :]))


def _gather(image: Array, rows: Array, columns: Array) -> Array:
    """Weighs the four pixels about each place; those outside count as 0."""
    height, width, channels = image.shape
    flat = image.reshape(height * width, channels)
    top, left = jnp.floor(rows), jnp.floor(columns)
    view = jnp.zeros((*rows.shape, channels), image.dtype)
    for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        weight = (1 - jnp.abs(rows - row)) * (1 - jnp.abs(columns - column))
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        index = jnp.clip(row, 0, height - 1).astype(int) * width + jnp.clip(column, 0, width - 1).astype(int)
        view += jnp.where(inside, weight, 0)[..., None] * flat[index]
    return view
