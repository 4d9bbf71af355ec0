"""Details: what the page of each unit shows of one recipe, in scripts of a few units each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxviz.galleries.scripts import number, numbers, write_script
from jaxviz.sweeps import SweptLayer
from jaxviz.visualization import Visualization

__all__ = ["TOGETHER", "Details", "curve", "write_together"]

TOGETHER = 64
"""Units whose details are one script."""

_POINTS = 160  # of a score curve, of however many steps


class Details:
    """The details of a layer's units by one recipe, written in order of arrival; those of one script are in memory.

    Args:
      folder: where to write ``details-000.js``, …
      layer: the swept layer.
      recipe: one of its recipes.
      drawn: by aspect and unit, places on that aspect's sheets and scores.
    """

    def __init__(self, folder: Path, layer: SweptLayer, recipe: str, drawn: Mapping[str, Mapping]):
        self._folder, self._layer, self._recipe, self._drawn = folder, layer, recipe, drawn
        self._waiting: list[dict[str, object]] = []
        self._written = 0

    def add(self, unit: int, part: Visualization, row: int, restarts: Sequence[int | None]) -> None:
        """Adds a unit: its row of a finished block, and the places of its restarts."""
        details: dict[str, object] = {"final": number(part.final_scores[row]), **curve(part.scores[row])}
        details["command"] = self._layer.command(unit, self._recipe)
        details["call"] = self._layer.call(unit, self._recipe)
        if part.restart_scores is not None:
            details["restarts"] = list(zip(restarts, numbers(part.restart_scores[row]), strict=True))
        details |= {aspect: images[unit] for aspect, images in self._drawn.items() if unit in images}
        self._waiting.append(details)
        if len(self._waiting) == TOGETHER:
            self.close()

    def close(self) -> None:
        """Writes what is left."""
        if self._waiting:
            write_script(self._folder, f"details-{self._written:03d}", self._waiting)
            self._waiting, self._written = [], self._written + 1


def write_together(folder: Path, name: str, each: Sequence[object]) -> None:
    """Writes what each unit has in scripts ``NAME-000.js``, … of `TOGETHER` units each."""
    for place in range(0, len(each), TOGETHER):
        write_script(folder, f"{name}-{place // TOGETHER:03d}", each[place : place + TOGETHER])


def curve(scores: np.ndarray) -> dict[str, object]:
    """Thins a score curve ``[steps]`` to steps that are evenly spread, the first and the last among them."""
    steps = np.unique(np.linspace(0, len(scores) - 1, min(_POINTS, len(scores))).round().astype(int))
    return {"steps": steps.tolist(), "scores": numbers(scores[steps])}
