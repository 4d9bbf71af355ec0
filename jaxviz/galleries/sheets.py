"""Sheets: tiles in their order of arrival -> PNG files with many tiles each."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxviz.pictures.images import shrunk

__all__ = ["SIDE", "Sheets", "sheets_of"]

SIDE = 1024
"""The most pixels of a sheet's side: a unit's page loads a whole one, and one this large is decoded in 20 ms."""

_EDGE = 1  # pixels around a tile that repeat its edge, so that a scaled one shows nothing of its neighbours


class Sheets:
    """A growing sequence of PNG files ``NAME-000.png``, … Only the one that is being filled is in memory.

    Args:
      folder: where to write them.
      name: what their names begin with.
      largest: tiles of more pixels a side are made smaller.
    """

    def __init__(self, folder: Path, name: str, *, largest: int = SIDE - 2 * _EDGE):
        self._folder, self._name, self._largest = folder, name, largest
        self._tiles: list[np.ndarray] = []
        self._sizes: list[tuple[int, int]] = []
        self._count = 0

    def add(self, tile: UInt8[np.ndarray, "height width channels"] | None) -> int | None:
        """Lays down one more tile, all of one size, and returns its place in the sequence; None for none."""
        if tile is None:
            return None
        small = shrunk(tile, self._largest)
        if self._count == 0:
            self._height, self._width = small.shape[:2]
            self._columns, self._rows = (max(1, SIDE // (side + 2 * _EDGE)) for side in (self._width, self._height))
        self._tiles.append(np.pad(small, ((_EDGE, _EDGE), (_EDGE, _EDGE), (0, 0)), mode="edge"))
        self._count += 1
        if len(self._tiles) == self._columns * self._rows:
            self._write()
        return self._count - 1

    def close(self) -> dict[str, object] | None:
        """Writes what is left; returns where each place is to be found, for the site, None where there is no tile."""
        if not self._count:
            return None
        if self._tiles:
            self._write()
        return {
            "name": self._name,
            "width": self._width,
            "height": self._height,
            "edge": _EDGE,
            "columns": self._columns,
            "rows": self._rows,
            "sizes": self._sizes,
        }

    def _write(self) -> None:
        count, (height, width, channels) = len(self._tiles), self._tiles[0].shape
        columns = min(count, self._columns)
        rows = -(-count // self._columns)
        sheet = np.zeros((rows, height, columns, width, channels), np.uint8)
        for place, tile in enumerate(self._tiles):
            sheet[place // self._columns, :, place % self._columns] = tile
        pixels = sheet.reshape(rows * height, columns * width, channels)
        path = self._folder / f"{self._name}-{len(self._sizes):03d}.png"
        Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(path)
        self._sizes.append((columns * width, rows * height))
        self._tiles = []


def sheets_of(folder: Path, name: str, tiles: UInt8[np.ndarray, "n height width channels"]) -> dict[str, object] | None:
    """Writes tiles as sheets; returns where each place is to be found, None where there is no tile."""
    sheets = Sheets(folder, name)
    for tile in tiles:
        sheets.add(tile)
    return sheets.close()
