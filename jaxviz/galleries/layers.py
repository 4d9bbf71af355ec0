"""Layers: one swept layer -> a folder of sheets and scripts, and its entry in the network's script."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jaxviz.galleries import albums
from jaxviz.galleries.details import Details, Reader
from jaxviz.galleries.scripts import number, numbers, write_script
from jaxviz.galleries.sheets import Sheets
from jaxviz.networks.layer import Canvas
from jaxviz.reports.findings import STATUSES
from jaxviz.reports.report import COLUMNS, Report
from jaxviz.sweeps import SweptLayer
from jaxviz.visualization import Visualization

__all__ = ["write_layer"]

_WALL = 128  # pixels a side of a tile on a wall; larger pictures have sheets of their own for the units' pages
_SAMPLES = 18  # tiles of a layer on the entry page
_SHEETS = ("wall", "pictures", "samples", "restarts", "negative", "diversity", "real")


def write_layer(
    layer: SweptLayer,
    canvas: Canvas,
    folder: Path,
    *,
    readers: Mapping[int, Sequence[Reader]],
    advance: Callable[[int], None],
) -> dict[str, object]:
    """Writes the folder of a layer, a block of its units at a time.

    Args:
      layer: what was swept.
      canvas: the image that it was swept with.
      folder: an empty directory.
      readers: by unit, the units of later layers that weigh it among their strongest.
      advance: called with the number of units of each finished block.

    Returns:
      What the entry page needs to know of it.
    """
    sheets = {name: Sheets(folder, name, largest=_WALL) for name in ("wall", "samples")}
    sheets |= {name: Sheets(folder, name) for name in _SHEETS if name not in sheets}
    for tile in () if layer.real is None else layer.real.tiles:
        sheets["real"].add(tile)
    others = [name for name in layer.aspects if name != "positive"]
    drawn = {name: albums.draw_aspect(layer.blocks(name), sheets[name]) for name in others}
    details, units = Details(folder, layer, readers, drawn), _Units()
    sampled: dict[int, int] = {}  # by slot, the unit that fills it: spread over the layer, the dead passed over
    for indices, part in layer.blocks():
        for row, tile in enumerate(albums.tiles(part.images, part.dead, part.canvas)):
            unit = int(indices[row])
            units.add(unit, sheets["wall"].add(tile), number(part.final_scores[row]), part.labels[row])
            sheets["pictures"].add(tile if max(canvas.shape) > _WALL else None)
            if tile is not None and sampled.setdefault(unit * _SAMPLES // max(layer.channels, _SAMPLES), unit) == unit:
                sheets["samples"].add(tile)
            details.add(unit, part, row, _restarts(part, row, sheets["restarts"]))
        advance(len(indices))
    details.close()
    closed = {name: spec for name in _SHEETS if (spec := sheets[name].close())}
    samples = closed.pop("samples", None)
    columns = units.columns(layer.report) | {"sheets": closed}
    write_script(folder, "units", columns)
    return {
        "folder": folder.name,
        "name": layer.name,
        "kind": layer.kind,
        "shape": list(layer.output_shape),
        "channels": layer.channels,
        "complete": layer.complete,
        "done": len(units.units),
        "dead": units.places.count(None),
        "samples": samples,
        "sampled": len(sampled),
        "reads": details.reads,
    }


class _Units:
    """The columns of numbers of a layer's units, in order of arrival."""

    def __init__(self) -> None:
        self.units: list[int] = []
        self.places: list[int | None] = []
        self._scores: list[float | None] = []
        self._labels: list[str] = []

    def add(self, unit: int, place: int | None, score: float | None, label: str) -> None:
        self.units.append(unit)
        self.places.append(place)
        self._scores.append(score)
        self._labels.append(label)

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
        return {"units": self.units, "places": self.places, "numbers": known, "status": status}


def _restarts(part: Visualization, row: int, sheets: Sheets) -> list[int | None]:
    if part.restarts is None:
        return []
    dead = part.dead[row].repeat(part.restarts.shape[1])
    return [sheets.add(tile) for tile in albums.tiles(part.restarts[row], dead, part.canvas)]
