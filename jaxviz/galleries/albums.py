"""Albums: images in a network's own range -> tiles to display, and which units of a layer have which images."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from jaxviz.galleries.scripts import number
from jaxviz.galleries.sheets import Sheets
from jaxviz.networks.layer import Canvas
from jaxviz.pictures.images import channels_last, grey_or_colour, rendering
from jaxviz.visualization import Visualization

__all__ = ["draw_aspect", "tiles"]


def tiles(
    batch: Float[np.ndarray, "n ..."], dead: Bool[np.ndarray, " n"], canvas: Canvas
) -> Iterator[UInt8[np.ndarray, "height width channels"] | None]:
    """Renders images one by one; None for the dead, and for those that hold what is no number.

    Each is rendered as if it were alone, in the range that the network was trained for where it lies in it: what a
    picture looks like must not depend on what was finished together with it.
    """
    missing = dead | ~np.isfinite(batch).all(axis=tuple(range(1, batch.ndim)))
    for picture, none in zip(channels_last(batch, canvas.channel_axis), missing, strict=True):
        yield None if none else grey_or_colour(rendering(picture, canvas.low, canvas.high)(picture))


def draw_aspect(
    blocks: Iterator[tuple[Int[np.ndarray, " k"], Visualization]], sheets: Sheets
) -> dict[int, list[tuple[int | None, float | None]]]:
    """Draws an aspect of a layer; returns by unit its images: place on the sheets, None for no picture, and score."""
    drawn: dict[int, list[tuple[int | None, float | None]]] = {}
    for units, part in blocks:
        places = [sheets.add(tile) for tile in tiles(part.images, part.dead, part.canvas)]
        images = list(zip(places, map(number, part.final_scores), strict=True))
        each = len(images) // max(len(units), 1)
        drawn |= {int(unit): images[each * row : each * (row + 1)] for row, unit in enumerate(units)}
    return drawn
