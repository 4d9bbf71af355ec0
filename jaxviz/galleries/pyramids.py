"""Pyramids: pictures on a grid -> PNG tiles of the whole at several scales, each half as large as the one before."""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int, UInt8
from PIL import Image

__all__ = ["TILE", "write_pyramid"]

TILE = 512
"""The most pixels of a tile's side, unless one picture alone is larger."""


def write_pyramid(
    folder: Path,
    name: str,
    pictures: UInt8[np.ndarray, "cells height width shown"],
    places: Int[np.ndarray, "cells 2"],
    finished: Bool[np.ndarray, " cells"],
    side: int,
) -> dict[str, object]:
    """Writes tiles ``NAME-SCALE-ROW-COLUMN.png``; what has no picture is transparent; a tile of nothing is left out.

    A tile holds whole pictures: at the full scale no picture is on two tiles.

    Args:
      folder: where to write them.
      name: what their names begin with.
      pictures: of the cells, all of one size.
      places: row and column of each cell.
      finished: cells without a picture are left out.
      side: cells along each side of the grid.

    Returns:
      Where a page finds them: the size of a picture, the cells along a tile's side, and for each scale the rows and
      columns of the tiles that there are.
    """
    _, height, width, _ = pictures.shape
    across = max(1, TILE // max(height, width))
    tiles: dict[tuple[int, int], Image.Image] = {}
    for (row, column), picture in zip(places[finished].tolist(), pictures[finished], strict=True):
        tile = tiles.setdefault((row // across, column // across), _empty(across * width, across * height))
        whole = Image.fromarray(picture if picture.shape[-1] == 3 else picture[..., 0]).convert("RGBA")
        tile.paste(whole, (column % across * width, row % across * height))
    scales = []
    while tiles:
        scales.append(sorted(tiles))
        for (row, column), tile in tiles.items():
            tile.save(folder / f"{name}-{len(scales) - 1}-{row}-{column}.png")
        if max(map(max, tiles)) == 0:
            break
        tiles = _halved(tiles)
    return {"name": name, "height": height, "width": width, "across": across, "side": side, "scales": scales}


def _halved(tiles: dict[tuple[int, int], Image.Image]) -> dict[tuple[int, int], Image.Image]:
    """Joins four tiles each to one of the same size, at half the scale."""
    width, height = next(iter(tiles.values())).size
    joined: dict[tuple[int, int], Image.Image] = {}
    for (row, column), tile in tiles.items():
        whole = joined.setdefault((row // 2, column // 2), _empty(2 * width, 2 * height))
        whole.paste(tile, (column % 2 * width, row % 2 * height))
    return {place: whole.resize((width, height), Image.Resampling.BOX) for place, whole in joined.items()}


def _empty(width: int, height: int) -> Image.Image:
    return Image.new("RGBA", (width, height), (0, 0, 0, 0))
