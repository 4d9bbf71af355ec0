"""Albums: the pictures of a layer by one recipe -> a folder of sheets and scripts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from jaxviz.galleries.details import Details
from jaxviz.galleries.scripts import number, numbers, write_script
from jaxviz.galleries.sheets import Sheets
from jaxviz.networks.layer import Canvas
from jaxviz.pictures.images import channels_last, grey_or_colour, rendering
from jaxviz.reports.findings import STATUSES
from jaxviz.reports.likeness import order_by_likeness
from jaxviz.reports.report import COLUMNS, Report
from jaxviz.sweeps import SweptLayer
from jaxviz.visualization import Visualization

__all__ = ["WALL", "tiles", "write_album"]

WALL = 128
"""Pixels a side of a tile on a wall; larger pictures have sheets of their own for the units' pages."""

_SAMPLES = 18  # tiles of a layer on the entry page
_COMPARED = 16  # pixels a side at which pictures are compared
_MOSAIC = 4  # pictures of a unit that a wall shows together

Drawn = dict[int, list[tuple[int | None, float | None]]]
"""By unit, its images: the place of each on the sheets, None for no picture, and its score."""


def write_album(
    layer: SweptLayer, recipe: str, canvas: Canvas, folder: Path, *, advance: Callable[[int], None]
) -> dict[str, object]:
    """Writes what there is of a layer by one recipe into a folder, a block of its units at a time.

    Args:
      layer: what was swept.
      recipe: one of its recipes.
      canvas: the image that it was swept with.
      folder: an empty directory.
      advance: called with the number of units of each finished block.

    Returns:
      What the entry page needs to know of it.
    """
    others = [name for name in layer.aspects if name != "positive"]
    sheets = {name: _Sizes(folder, name, canvas) for name in ("positive", *others)}
    restarts, samples = Sheets(folder, "restarts"), Sheets(folder, "samples", largest=WALL)
    drawn = {name: _draw(layer.blocks(name, recipe=recipe), sheets[name]) for name in others}
    details, units = Details(folder, layer, recipe, drawn), _Units()
    sampled: dict[int, int] = {}  # by slot, the unit that fills it: spread over the layer, the dead passed over
    for indices, part in layer.blocks(recipe=recipe):
        for row, tile in enumerate(tiles(part.images, part.dead, part.canvas)):
            unit = int(indices[row])
            units.add(unit, sheets["positive"].add(tile), number(part.final_scores[row]), part.labels[row], tile)
            if tile is not None and sampled.setdefault(unit * _SAMPLES // max(layer.channels, _SAMPLES), unit) == unit:
                samples.add(tile)
            details.add(unit, part, row, _restarts(part, row, restarts))
        advance(len(indices))
    details.close()
    closed = {name: spec for sizes in sheets.values() for name, spec in sizes.close().items()}
    if spec := restarts.close():
        closed["restarts"] = spec
    told = units.columns(layer.report_of(recipe)) | {"sheets": closed}
    told |= {name: _of_wall(units.units, drawn[name]) for name in others}
    write_script(folder, "units", told)
    return {
        "name": recipe,
        "folder": folder.name,
        "done": len(units.units),
        "dead": units.places.count(None),
        "samples": samples.close(),
        "sampled": len(sampled),
    }


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


class _Sizes:
    """Sheets of one sequence of tiles: of the size for a wall, and of their own size where that is larger."""

    def __init__(self, folder: Path, name: str, canvas: Canvas):
        self._sheets = {name: Sheets(folder, name, largest=WALL)}
        if max(canvas.shape) > WALL:
            self._sheets[f"{name}-full"] = Sheets(folder, f"{name}-full")

    def add(self, tile: UInt8[np.ndarray, "height width channels"] | None) -> int | None:
        return [sheets.add(tile) for sheets in self._sheets.values()].pop()  # every one gets it, at the same place

    def close(self) -> dict[str, dict[str, object]]:
        return {name: spec for name, sheets in self._sheets.items() if (spec := sheets.close())}


def _draw(blocks: Iterator[tuple[np.ndarray, Visualization]], sheets: _Sizes) -> Drawn:
    drawn: Drawn = {}
    for units, part in blocks:
        places = [sheets.add(tile) for tile in tiles(part.images, part.dead, part.canvas)]
        images = list(zip(places, map(number, part.final_scores), strict=True))
        each = len(images) // max(len(units), 1)
        drawn |= {int(unit): images[each * row : each * (row + 1)] for row, unit in enumerate(units)}
    return drawn


def _of_wall(units: list[int], drawn: Drawn) -> dict[str, object]:
    """Returns what a wall shows of an aspect: of each unit the places of some pictures, and the best score."""
    images = [drawn.get(unit, []) for unit in units]
    scores = [[score for _, score in some if score is not None] for some in images]
    return {
        "places": [[place for place, _ in some[:_MOSAIC]] for some in images],
        "scores": [max(some) if some else None for some in scores],
    }


class _Units:
    """The columns of numbers of a layer's units, in order of arrival."""

    def __init__(self) -> None:
        self.units: list[int] = []
        self.places: list[int | None] = []
        self._scores: list[float | None] = []
        self._labels: list[str] = []
        self._features: list[np.ndarray | None] = []

    def add(self, unit: int, place: int | None, score: float | None, label: str, tile: np.ndarray | None) -> None:
        self.units.append(unit)
        self.places.append(place)
        self._scores.append(score)
        self._labels.append(label)
        self._features.append(None if tile is None else _features(tile))

    def columns(self, report: Report | None) -> dict[str, object]:
        """Returns everything by column; without a report the activation reached is the final score."""
        known: dict[str, list[float | None]] = {"reached": self._scores}
        status = None
        if report is not None:
            rows = {label: row for row, label in enumerate(report.labels)}
            order = [rows[label] for label in self._labels]
            known = {name: numbers(getattr(report, name)[order]) for name in COLUMNS}
            known |= {f"judge {name}": numbers(read[order]) for name, read in report.judges.items()}
            known["ratio"] = numbers(report.ratio[order])
            always = ("reached", "ratio")  # the pages ask for these two
            known = {name: some for name, some in known.items() if name in always or any(v is not None for v in some)}
            status = [STATUSES.index(report.status[row]) for row in order]
        return {
            "units": self.units,
            "places": self.places,
            "scores": self._scores,
            "numbers": known,
            "status": status,
            "alike": self._alike(),
        }

    def _alike(self) -> list[int] | None:
        """Returns the rank of each row in the order by likeness of the pictures; None for too few pictures."""
        found = [some for some in self._features if some is not None]
        if len(found) < 3:
            return None
        none = np.zeros_like(found[0])
        order = order_by_likeness(np.stack([none if some is None else some for some in self._features]))
        return np.argsort(order).tolist()


def _features(tile: UInt8[np.ndarray, "height width channels"]) -> Float[np.ndarray, " features"]:
    """Returns what a picture is compared by: its pixels, made small, and the amplitudes of its spatial frequencies.

    Both have length 1. By pixels alone, textures that are the same but for a shift would have nothing in common.
    """
    height, width, channels = tile.shape
    sides = (min(width, _COMPARED), min(height, _COMPARED))
    picture = Image.fromarray(tile[..., 0] if channels == 1 else tile)
    small = np.asarray(picture.resize(sides, Image.Resampling.BOX), np.float32).reshape(-1)
    sides = (min(width, 2 * _COMPARED), min(height, 2 * _COMPARED))
    grey = np.asarray(picture.convert("L").resize(sides, Image.Resampling.BOX), np.float32)
    amplitudes = np.abs(np.fft.rfft2(grey - grey.mean())).astype(np.float32).reshape(-1)
    return np.concatenate([_of_length_one(small), _of_length_one(amplitudes)])


def _of_length_one(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean()
    return centred / max(float(np.linalg.norm(centred)), 1e-6)


def _restarts(part: Visualization, row: int, sheets: Sheets) -> list[int | None]:
    if part.restarts is None:
        return []
    dead = part.dead[row].repeat(part.restarts.shape[1])
    return [sheets.add(tile) for tile in tiles(part.restarts[row], dead, part.canvas)]
