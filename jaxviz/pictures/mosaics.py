"""Mosaics: tiles in rows and columns, each as large as its strength -> one picture."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

__all__ = ["mosaic"]


def mosaic(
    tiles: UInt8[np.ndarray, "n tile_height tile_width channels"],
    strengths: Float[np.ndarray, "rows columns"],
    side: int = 448,
) -> UInt8[np.ndarray, "height width channels"]:
    """Lays tiles in rows and columns, each in the middle of its cell, with an area in proportion to its strength.

    Args:
      tiles: grey or colour, in reading order, ``rows * columns`` of them.
      strengths: from 0, which shows nothing, to 1, which fills the cell.
      side: pixels of the longer side of the whole, about.

    Example:
      >>> laid = mosaic(np.full((2, 4, 4, 1), 255, np.uint8), np.array([[1.0, 0.25]]), side=8)
      >>> laid.shape, laid[..., 0].tolist()[1]
      ((4, 8, 1), [255, 255, 255, 255, 0, 255, 255, 0])
    """
    (rows, columns), (height, width, channels) = strengths.shape, tiles.shape[1:]
    scale = side / max(rows * height, columns * width)
    cell = (max(1, round(height * scale)), max(1, round(width * scale)))
    whole = np.zeros((rows * cell[0], columns * cell[1], channels), np.uint8)
    for place, (tile, strength) in enumerate(zip(tiles, strengths.reshape(-1).tolist(), strict=True)):
        down, across = (round(edge * max(0.0, strength) ** 0.5) for edge in cell)
        if min(down, across) < 1:
            continue
        small = _resized(tile, down, across)
        top = place // columns * cell[0] + (cell[0] - down) // 2
        left = place % columns * cell[1] + (cell[1] - across) // 2
        whole[top : top + down, left : left + across] = small
    return whole


def _resized(tile: UInt8[np.ndarray, "..."], height: int, width: int) -> UInt8[np.ndarray, "..."]:
    picture = Image.fromarray(tile[..., 0] if tile.shape[-1] == 1 else tile)
    small = picture.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(small).reshape(height, width, tile.shape[-1])
