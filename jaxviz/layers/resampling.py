"""Resampling: (image, the position that each pixel of the view reads) -> view.

Bilinear, for one image ``[*spatial, channels]``. Positions are counted in pixels from the centre of the first pixel.
Outside the image, a fill of None repeats the edge, and a number is the value there, with a transition of one pixel.
"""

import itertools
from collections.abc import Sequence
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.layers.lowerings import window
from jaxviz.layers.platforms import by_platform
from jaxviz.values.quantities import Quantity

__all__ = ["resample", "resize", "smoothing", "warp", "weigh"]


def resample(
    image: Float[Array, "..."], positions: Sequence[Float[Array, " _"]], fill: Quantity | None
) -> Float[Array, "..."]:
    """Looks at each axis's positions, one axis after the other.

    On a CPU it weighs the two pixels about each place; elsewhere it multiplies by a matrix for each axis, which a TPU
    does faster than to gather pixels. Both are sums of the same products.

    Args:
      image: ``[*spatial, channels]``.
      positions: for each spatial axis, where the pixels of the view look, in pixels of the image.
      fill: what is outside: None for the edge's own pixels, or a value.

    Returns:
      The view, as long on each axis as its positions.
    """
    sizes = image.shape[:-1]
    if fill is None:
        inside = [jnp.clip(at, 0, size - 1) for at, size in zip(positions, sizes, strict=True)]
        return _along_axes(image, *inside)
    return _along_axes(image - fill, *positions) + fill


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

    It weighs the four pixels about each place. On a TPU it sums the same products in another order: views and gradients
    of the image then differ by less than 1e-5 of their largest number, on sides of up to 256.

    Args:
      image: a 2-D image.
      matrix: from offsets in the view to offsets in the image, ``(row, column)``.
      shift: in pixels of the image, ``(row, column)``.
      fill: what is outside: None for the edge's own pixels, or a value.
    """
    seen = partial(_seen, repeats=fill is None)
    if fill is None:
        return seen(image, matrix, shift)
    return seen(image - fill, matrix, shift) + fill


def _along_axes(image: Array, *positions: Array) -> Array:
    """Interpolates along each axis, as suits the device that the program is lowered for; zeros are outside."""
    return by_platform(image, *positions, cpu=_by_pairs, default=_by_matrices)


def _by_pairs(image: Array, *positions: Array) -> Array:
    for axis, at in enumerate(positions):
        along = [1] * image.ndim
        along[axis] = -1
        first, size = jnp.floor(at), image.shape[axis]
        pairs = []
        for place in (first, first + 1):
            weight = jnp.where((place >= 0) & (place < size), _hat(at - place), 0)
            pixels = jnp.take(image, jnp.clip(place, 0, size - 1).astype(int), axis, mode="clip")
            pairs.append(weight.reshape(along) * pixels)
        image = reduce(jnp.add, pairs)
    return image


def _by_matrices(image: Array, *positions: Array) -> Array:
    return weigh(image, [_interpolation(at, size) for at, size in zip(positions, image.shape[:-1], strict=True)])


def _seen(image: Array, matrix: Array, shift: Array, *, repeats: bool) -> Array:
    """Looks through an affine map, as suits the device that the program is lowered for.

    A TPU gathers pixel by pixel: 8 images of 240 x 240 and their gradient move 127 GB, and 0.7 GB by products.

    Args:
      image: a 2-D image.
      matrix: as that of `warp`.
      shift: likewise.
      repeats: whether the edge's pixels are what is outside; zeros where not.
    """
    by_gathers = partial(_by_gathers, repeats=repeats)
    # Its weights, many times larger than the image, are made again for the gradient.
    by_products = jax.checkpoint(partial(_by_products, repeats=repeats))
    return by_platform(image, matrix, shift, tpu=by_products, default=by_gathers)


def _positions(shape: tuple[int, ...], matrix: Array, shift: Array) -> tuple[Array, Array]:
    """Returns the row and the column at which each pixel of the view looks, ``[height, width]``."""
    height, width, _ = shape
    down, across = jnp.arange(height) - (height - 1) / 2, jnp.arange(width) - (width - 1) / 2
    rows = matrix[0, 0] * down[:, None] + matrix[0, 1] * across[None, :] + ((height - 1) / 2 + shift[0])
    columns = matrix[1, 0] * down[:, None] + matrix[1, 1] * across[None, :] + ((width - 1) / 2 + shift[1])
    return rows, columns


def _resizing(size: int, view: int) -> Float[np.ndarray, "view size"]:
    """Weighs pixels by a triangle about each place of the view, whose ends are those of the image."""
    places = (np.arange(view) + 0.5) * (size / view) - 0.5
    reach = max(size / view, 1)
    weights = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(size)[None, :]) / reach)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def _interpolation(positions: Float[Array, " view"], size: int) -> Float[Array, "view size"]:
    return _hat(positions[:, None] - jnp.arange(size, dtype=jnp.float32)[None, :])


def _hat(distance: Array) -> Array:
    return jnp.maximum(0, 1 - jnp.abs(distance))


def _by_gathers(image: Array, matrix: Array, shift: Array, *, repeats: bool) -> Array:
    """Weighs the four pixels about each place; those outside count as 0.

    The four lie side by side, so that each pixel of the view gathers once, and its gradient scatters once.
    """
    height, width, channels = image.shape
    rows, columns = _positions(image.shape, matrix, shift)
    edge = 0 if repeats else 1  # of zeros around the image
    rows, columns = jnp.clip(rows, -edge, height - 1 + edge), jnp.clip(columns, -edge, width - 1 + edge)
    top, left = jnp.floor(rows), jnp.floor(columns)
    padded = jnp.pad(image, ((edge, edge + 1), (edge, edge + 1), (0, 0)))
    sides = (height + 2 * edge, width + 2 * edge)
    corners = [window(padded, corner, sides, (1, 1)) for corner in itertools.product((0, 1), repeat=2)]
    fours = jnp.concatenate(corners, -1).reshape(-1, 4 * channels)
    index = ((top + edge) * sides[1] + left + edge).astype(int)
    taken = fours.at[index].get(mode="clip")  # a place may be NaN
    down, across = rows - top, columns - left
    weights = ((1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across)
    # Slices, since the gradient of a split takes twice as long on a CPU.
    pixels = [taken[..., first : first + channels] for first in range(0, 4 * channels, channels)]
    return reduce(jnp.add, (weight[..., None] * four for weight, four in zip(weights, pixels, strict=True)))


def _by_products(image: Array, matrix: Array, shift: Array, *, repeats: bool) -> Array:
    """Weighs the same four pixels in two passes, along the columns and along the rows, and gathers nothing.

    The pixels of one column of the view look along a straight line in the image. The first pass takes, from each row,
    the four pixels about the place where the line crosses it. A pixel of the view looks between two rows, less than
    one from either, and the line crosses less than one column in a row (the axes change places where it crosses
    more). So what it needs is among these four, and the second pass weighs it. Catmull and Smith, "3-D Transformations
    of Images in Scanline Order", SIGGRAPH 1980, whose two passes interpolate twice; these interpolate once.
    """
    height, width, channels = image.shape
    side = max(height, width)
    rows, columns = _positions(image.shape, matrix, shift)
    steep = jnp.abs(matrix[1, 0]) > jnp.abs(matrix[0, 0])
    square = jnp.pad(image, ((0, side - height), (0, side - width), (0, 0)))
    square = jnp.where(steep, square.swapaxes(0, 1), square)
    rows, columns = jnp.where(steep, columns, rows), jnp.where(steep, rows, columns)
    last_row, last_column = jnp.where(steep, width - 1, height - 1), jnp.where(steep, height - 1, width - 1)
    down, across = jnp.where(steep, matrix[::-1, 0], matrix[:, 0])
    slope = jnp.where(down == 0, 0, across / jnp.where(down == 0, 1, down))  # of the line, in columns a row
    places = jnp.arange(side, dtype=rows.dtype)
    crossed = columns[:1] + slope * (places[:, None] - rows[:1])  # [row, column of the view]
    firsts = jnp.floor(crossed) - 1
    of_rows = _hat(rows[:, None] - places[None, :, None])  # [row of the view, row, column of the view]
    of_columns = [_hat(columns[:, None] - (firsts + place)[None]) for place in range(4)]
    taken = [jnp.clip(firsts + place, 0, last_column) if repeats else firsts + place for place in range(4)]

    def of_channel(pixels: Array) -> Array:
        # Sums of products rather than a dot, and a channel at a time: so the weights are never stored.
        near = [jnp.sum(jnp.where(at[..., None] == places[None, None], pixels[:, None], 0), 2) for at in taken]
        pairs = zip(of_columns, near, strict=True)
        return reduce(jnp.add, (jnp.sum(of_rows * weights * some[None], 1) for weights, some in pairs))

    def beyond(pixels: Array) -> Array:
        """Looks past the first or the last row, which go on for ever."""
        last = jnp.sum(jnp.where((places == last_row)[:, None], pixels, 0), 0)
        weights = _hat(jnp.clip(columns, 0, last_column)[..., None] - places[None, None])
        return jnp.sum(weights * jnp.where((rows < 0)[..., None], pixels[None, :1], last[None, None]), 2)

    each = [of_channel(square[..., channel]) for channel in range(channels)]
    if repeats:
        inside = (rows >= 0) & (rows <= last_row)
        each = [jnp.where(inside, view, beyond(square[..., number])) for number, view in enumerate(each)]
    return jnp.stack(each, -1)
