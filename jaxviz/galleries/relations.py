"""Relations: how a layer's units relate -> sheets, and what the pages of the layer and of its units show."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxviz.galleries.scripts import number
from jaxviz.galleries.sheets import sheets_of
from jaxviz.sweeps import Relations, SweptLayer

__all__ = ["Neighbours", "neighbours", "of_layer", "of_unit"]

Neighbours = Mapping[int, dict[str, object]]
"""By unit, the layer after it and the units there that it excites and inhibits, with the weights."""


def neighbours(layers: Sequence[SweptLayer]) -> dict[str, Neighbours]:
    """Returns for each layer what its units act on, from the relations of the layers behind it.

    Where several layers have it as the one before them, the first counts.
    """
    found: dict[str, Neighbours] = {}
    for layer in layers:
        known = layer.relations
        weights = None if known is None else known.weights
        if weights is None or weights.source in found:
            continue
        found[weights.source] = {
            unit: _told(layer.name, weights.after[unit], weights.after_weights[unit])
            for unit in range(len(weights.after))
        }
    return found


def of_layer(relations: Relations, folder: Path) -> dict[str, object]:
    """Writes the sheets of groups and films into a folder; returns what the pages show of them."""
    told: dict[str, object] = {}
    groups, film = relations.groups, relations.film
    if groups is not None:
        told["groups"] = {
            "error": number(groups.error),
            "units": groups.units.tolist(),
            "each": groups.maps.shape[1],
            "pictures": sheets_of(folder, "groups", groups.pictures),
            "maps": sheets_of(folder, "maps", np.concatenate(groups.maps)),
        }
    if film is not None:
        told["film"] = {"states": list(film.states), "frames": sheets_of(folder, "film", np.concatenate(film.frames))}
    return told


def of_unit(relations: Relations | None, unit: int, after: Neighbours) -> dict[str, object]:
    """Returns the units before and behind a unit: ``before`` and ``after``, where they are known."""
    told: dict[str, object] = {}
    weights = None if relations is None else relations.weights
    if weights is not None:
        told["before"] = _told(weights.source, weights.before[unit], weights.before_weights[unit])
    if unit in after:
        told["after"] = after[unit]
    return told


def _told(layer: str, units: np.ndarray, weights: np.ndarray) -> dict[str, object]:
    """Returns pairs of units and weights; a weight of 0 neither excites nor inhibits."""
    pairs = [
        [(unit, number(weight)) for unit, weight in zip(some, strengths, strict=True) if weight]
        for some, strengths in zip(units.tolist(), weights.tolist(), strict=True)
    ]
    return {"layer": layer, "excites": pairs[0], "inhibits": pairs[1]}
