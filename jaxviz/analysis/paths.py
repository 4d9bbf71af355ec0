"""Paths: the weights between successive layers -> the strongest ways from a unit back through them."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from jaxviz.values.errors import JaxvizError

__all__ = ["Path", "paths"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Path:
    """A way from a unit back through earlier layers.

    Attributes:
      units: the units, the last layer's first.
      weight: the product of the weights between them.
    """

    units: tuple[int, ...]
    weight: float


def paths(weights: Sequence[np.ndarray], unit: int, count: int = 8) -> tuple[Path, ...]:
    """Finds the strongest ways from a unit back through several layers: those with the largest products of weights.

    Args:
      weights: of each step back, ``[targets, sources]``, the unit's own layer first: `WeightsBetween.weights` of all
        units of a layer, or `attribution_between`. The sources of one step are the targets of the next.
      unit: of the last layer.
      count: how many ways.

    Returns:
      The ways, the strongest first, fewer where there are fewer.

    Raises:
      JaxvizError: the steps do not go together, or the unit is out of range.

    Example:
      >>> back = paths([np.array([[1.0, -3.0]]), np.array([[2.0, 0.5], [1.0, -1.0]])], unit=0, count=2)
      >>> [(path.units, path.weight) for path in back]
      [((0, 1, 0), -3.0), ((0, 1, 1), 3.0)]
    """
    if not len(weights) or count < 1:
        raise JaxvizError(f"{len(weights)} steps and {count} paths: give one or more of each")
    for place, (step, following) in enumerate(itertools.pairwise(weights)):
        if step.shape[1] != len(following):
            raise JaxvizError(
                f"step {place} ends at {step.shape[1]} units and step {place + 1} begins at {len(following)}; give the "
                "weights of all units of each layer between"
            )
    if not 0 <= unit < len(weights[0]):
        raise JaxvizError(f"unit {unit} is out of range; there are 0 to {len(weights[0]) - 1}")
    # The best ways to each unit are made of the best ways to those behind it, since lengths multiply.
    reached: dict[int, list[Path]] = {unit: [Path(units=(unit,), weight=1.0)]}
    for step in weights:
        onward: dict[int, list[Path]] = {}
        for place, ways in reached.items():
            for source in np.flatnonzero(step[place]):
                onward.setdefault(int(source), []).extend(
                    Path(units=(*way.units, int(source)), weight=way.weight * float(step[place, source]))
                    for way in ways
                )
        reached = {source: _best(ways, count) for source, ways in onward.items()}
    return tuple(_best([way for ways in reached.values() for way in ways], count))


def _best(ways: list[Path], count: int) -> list[Path]:
    return sorted(ways, key=lambda way: (-abs(way.weight), way.units))[:count]
