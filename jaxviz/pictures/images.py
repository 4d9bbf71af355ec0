"""Images: arrays -> arrays that can be displayed."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from jaxviz.values.errors import JaxvizError

__all__ = [
    "channels_last",
    "collage",
    "coloured",
    "deaverage",
    "grey_or_colour",
    "grid_shape",
    "in_range",
    "magnification",
    "normalize",
    "rendering",
    "shrunk",
]

_BAND = 16  # height in pixels of an input that has none


def normalize(image: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """Normalizes the contrast of an image of any scale: ``(x - mean) / (std + 1e-7) * 0.1 + 0.5``, clipped to 0..1.

    Source: Chollet, "How convolutional neural networks see the world", Keras blog 2016,
    https://blog.keras.io/how-convolutional-neural-networks-see-the-world.html

    Args:
      image: one image, in any unit.

    Returns:
      The image in 0..255.

    Example:
      >>> normalize(np.array([-1.0, 0.0, 1.0])).tolist()
      [96, 127, 158]
    """
    shifted = (image - image.mean()) / (image.std() + 1e-7)
    return (np.clip(shifted * 0.1 + 0.5, 0, 1) * 255).astype(np.uint8)


def in_range(image: Float[np.ndarray, "..."], low: float, high: float) -> UInt8[np.ndarray, "..."]:
    """Maps ``low..high`` to 0..255 and clips what is outside.

    Args:
      image: one image or more.
      low: the value that becomes 0.
      high: the value that becomes 255.
    """
    return (np.clip((image - low) / (high - low), 0, 1) * 255).round().astype(np.uint8)


def rendering(
    batch: Float[np.ndarray, "..."], low: float, high: float
) -> Callable[[Float[np.ndarray, "..."]], UInt8[np.ndarray, "..."]]:
    """Returns the function that maps images to 0..255: the range ``low..high`` if all are in it, else `normalize`.

    Args:
      batch: the images, or one.
      low: the smallest pixel value of the network's range.
      high: the largest.

    Example:
      >>> rendering(np.array([0.0, 0.5]), 0.0, 1.0)(np.array([0.0, 1.0])).tolist()
      [0, 255]
    """
    inside = low <= batch.min() and batch.max() <= high
    return partial(in_range, low=low, high=high) if inside else normalize


def channels_last(batch: Float[np.ndarray, "n ..."], channel_axis: int) -> Float[np.ndarray, "n height width channels"]:
    """Makes pictures of any batch: values without channels become grey pixels, vectors a row of pixels.

    Args:
      batch: images in the network's own layout.
      channel_axis: the channel axis of one image: -1 (last) or 0 (first).

    Raises:
      JaxvizError: an image has more than three axes.
    """
    if batch.ndim == 2:
        return np.repeat(batch[:, None, :, None], _BAND, axis=1)
    if batch.ndim == 3:
        return batch[..., None]
    if batch.ndim == 4:
        return np.moveaxis(batch, channel_axis if channel_axis < 0 else channel_axis + 1, -1)
    raise JaxvizError(f"images of shape {batch.shape[1:]} cannot be drawn; their numbers can be saved")


def grey_or_colour(tiles: UInt8[np.ndarray, "... channels"]) -> UInt8[np.ndarray, "... shown"]:
    """Returns tiles of 1 channel (grey) or 3 (colour) unchanged, and averages any other number to grey."""
    return tiles if tiles.shape[-1] in (1, 3) else tiles.mean(axis=-1, keepdims=True).astype(np.uint8)


def coloured(tiles: UInt8[np.ndarray, "... channels"]) -> UInt8[np.ndarray, "... 3"]:
    """Returns tiles of any number of channels as colours, grey ones in three equal channels."""
    shown = grey_or_colour(tiles)
    return np.ascontiguousarray(np.broadcast_to(shown, (*shown.shape[:-1], 3)))


def deaverage(image: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Keeps the values above an image's mean: ``clip(x - mean, 0, 255)``, times ``255 / max``.

    Source: Robinson's article of 2018 on visualizing a Keras MNIST network.

    Args:
      image: one image, in any unit.

    Returns:
      The image in 0..255 float32; zeros for a flat image.

    Example:
      >>> deaverage(np.array([0.0, 1.0, 5.0], np.float32)).tolist()
      [0.0, 0.0, 255.0]
    """
    above = np.clip(image - image.mean(), 0, 255)
    largest = above.max()
    return (above * (255 / largest) if largest > 0 else above).astype(np.float32)


def grid_shape(count: int) -> tuple[int, int]:
    """Returns the rows and columns for a number of tiles: 2 x 5 for 10, 4 x 8 for 32, 8 x 8 for 64.

    Args:
      count: the number of tiles, 1 or more.
    """
    rows = max(divisor for divisor in range(1, math.isqrt(count) + 1) if count % divisor == 0)
    if count // rows > 4 * rows and count > 8:  # nearly prime: a last row with gaps beats a ribbon
        rows = math.isqrt(count)
    return rows, -(-count // rows)


def magnification(height: int, width: int) -> int:
    """Returns the number of screen pixels for one pixel of an image, so that small images are visible."""
    return max(1, 96 // max(height, width))


def collage(
    tiles: UInt8[np.ndarray, "n height width channels"], *, rows: int, columns: int, margin: int = 2
) -> UInt8[np.ndarray, "collage_height collage_width channels"]:
    """Arranges tiles in reading order, with a black margin between them.

    Args:
      tiles: at most ``rows * columns`` images.
      rows: tiles from top to bottom.
      columns: tiles from left to right.
      margin: pixels between tiles.
    """
    count, height, width, channels = tiles.shape
    sheet = np.zeros((rows * (height + margin) - margin, columns * (width + margin) - margin, channels), np.uint8)
    for place in range(count):
        top, left = (place // columns) * (height + margin), (place % columns) * (width + margin)
        sheet[top : top + height, left : left + width] = tiles[place]
    return sheet


def shrunk(
    tile: UInt8[np.ndarray, "height width channels"], largest: int
) -> UInt8[np.ndarray, "small narrow channels"]:
    """Returns a tile made smaller, so that no side is longer than ``largest`` pixels; a small one as it is."""
    height, width, channels = tile.shape
    scale = largest / max(height, width)
    if scale >= 1:
        return tile
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(tile[..., 0] if channels == 1 else tile).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(picture).reshape(size[1], size[0], channels)
