"""Details: the data of each unit's page, in scripts of a few units each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxviz.galleries.scripts import number, numbers, write_script
from jaxviz.sweeps import SweptLayer
from jaxviz.visualization import Visualization

__all__ = ["TOGETHER", "Details", "Reader", "curve"]

TOGETHER = 64
"""Units whose details are one script."""

_POINTS = 160  # of a score curve, of however many steps

Reader = tuple[str, int, float | None]


class Details:
    """The details of a layer's units, written in order of arrival; only those of one script are in memory.

    Args:
      folder: where to write ``details-000.js``, …
      layer: the swept layer, for its real images and strongest weights.
      readers: by unit, the units of later layers that weigh it among their strongest, strongest first.
      drawn: by aspect and unit, places on that aspect's sheets and scores.
    """

    def __init__(
        self, folder: Path, layer: SweptLayer, readers: Mapping[int, Sequence[Reader]], drawn: Mapping[str, Mapping]
    ):
        self._folder, self._layer, self._readers, self._drawn = folder, layer, readers, drawn
        self._real, self._strongest = layer.real, layer.strongest
        self._waiting: list[dict[str, object]] = []
        self._written = 0

    @property
    def reads(self) -> str | None:
        """The layer that the strongest weights come from; None where there are none to tell of."""
        return None if self._strongest is None else self._strongest.layer

    def add(self, unit: int, part: Visualization, row: int, restarts: Sequence[int | None]) -> None:
        """Adds a unit: its row of a finished block, and the places of its restarts."""
        details: dict[str, object] = {"final": number(part.final_scores[row]), **curve(part.scores[row])}
        details["command"] = self._layer.command(unit)
        if part.restart_scores is not None:
            details["restarts"] = list(zip(restarts, numbers(part.restart_scores[row]), strict=True))
        details |= {aspect: images[unit] for aspect, images in self._drawn.items() if unit in images}
        if self._real is not None:
            real = self._real
            details["real"] = list(zip(real.places[unit].tolist(), numbers(real.activations[unit]), strict=True))
        if self._strongest is not None:
            strongest = self._strongest
            channels, weights = strongest.channels[unit].tolist(), numbers(strongest.weights[unit])
            details["strongest"] = list(zip(channels, weights, strict=True))
        if unit in self._readers:
            details["readers"] = self._readers[unit]
        self._waiting.append(details)
        if len(self._waiting) == TOGETHER:
            self.close()

    def close(self) -> None:
        """Writes what is left."""
        if self._waiting:
            write_script(self._folder, f"details-{self._written:03d}", self._waiting)
            self._waiting, self._written = [], self._written + 1


def curve(scores: np.ndarray) -> dict[str, object]:
    """Thins a score curve ``[steps]`` to steps that are evenly spread, the first and the last among them."""
    steps = np.unique(np.linspace(0, len(scores) - 1, min(_POINTS, len(scores))).round().astype(int))
    return {"steps": steps.tolist(), "scores": numbers(scores[steps])}
