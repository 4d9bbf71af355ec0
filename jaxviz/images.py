"""Images: arrays -> arrays fit to be looked at."""

import math

import numpy as np
from jaxtyping import Float, UInt8

__all__ = ["collage", "deaverage", "grid_shape", "in_range", "magnification", "normalize"]


def normalize(image: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """Gives an image of any scale a middling contrast: ``(x - mean) / (std + 1e-7) * 0.1 + 0.5``, clipped to 0..1.

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
      low: what becomes 0.
      high: what becomes 255.
    """
    return (np.clip((image - low) / (high - low), 0, 1) * 255).round().astype(np.uint8)


def deaverage(image: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Keeps what is brighter than an image's mean: ``clip(x - mean, 0, 255)``, times ``255 / max``.

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
    """Returns rows and columns for so many tiles: 2 x 5 for 10, 4 x 8 for 32, 8 x 8 for 64.

    Args:
      count: how many tiles, 1 or more.
    """
    rows = max(divisor for divisor in range(1, math.isqrt(count) + 1) if count % divisor == 0)
    if count // rows > 4 * rows and count > 8:  # nearly prime: a last row with gaps beats a ribbon
        rows = math.isqrt(count)
    return rows, -(-count // rows)


def magnification(height: int, width: int) -> int:
    """Returns how many screen pixels stand for one of an image, so that small ones can be looked at."""
    return max(1, 96 // max(height, width))


def collage(
    tiles: UInt8[np.ndarray, "n height width channels"], *, rows: int, columns: int, margin: int = 2
) -> UInt8[np.ndarray, "collage_height collage_width channels"]:
    """Lays tiles out in reading order, a black margin between them.

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
