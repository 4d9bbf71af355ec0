"""Partial weights: a file of a larger network -> the arrays of the layers that a part of it has, by their names."""

import collections
from collections.abc import Mapping, Sequence

import numpy as np

from jaxviz.keras.weights.named_weights import match_layer as match_named_layer
from jaxviz.keras.weights.numbered_weights import MODEL_LISTS
from jaxviz.keras.weights.numbered_weights import match_layer as match_numbered_layer
from jaxviz.keras.weights.stored import NamedWeights, NumberedWeights, WeightGroup
from jaxviz.keras.weights.wanted import Findings, Level, Wanted
from jaxviz.keras.weights.weight_names import is_state, parts

__all__ = ["match_part"]

_Path = tuple[str, ...]


def match_part(weights: NamedWeights | NumberedWeights, wanted: Sequence[Wanted], findings: Findings) -> list[str]:
    """Finds each layer by its name, on whatever level of nested models the file has it.

    Args:
      weights: the file's.
      wanted: the layers of the part.
      findings: takes what is found, and what is not.

    Returns:
      The file's layers that the part does not have, by their names behind those of the models that they are in.
    """
    kept: Mapping[_Path, Mapping[str, np.ndarray] | WeightGroup]
    kept = _named(weights) if isinstance(weights, NamedWeights) else _numbered(weights.root)
    left = {path for path, part in kept.items() if (part.variables if isinstance(part, WeightGroup) else part)}
    for layer in wanted:
        level = Level(layer, [], list(layer.slots))
        if not level.slots:
            continue
        places = _places(tuple(layer.scope.split("/")), tuple(layer.name.split("/")), kept)
        if not places:
            findings.missing(level.slots)
        elif len(places) > 1:
            found = ", ".join("/".join(place) for place in sorted(places))
            findings.refuse(f"layer {layer.scope!r}: the file has {found}; rename it, or give the whole architecture")
        else:
            [place] = places
            left -= {path for path in left if path[: len(place)] == place}
            part = kept.get(place)
            if isinstance(part, WeightGroup):
                match_numbered_layer(level, part, findings)
            else:
                inside = [arrays for path, arrays in kept.items() if path[: len(place)] == place]
                arrays = {name: each for some in inside if isinstance(some, dict) for name, each in some.items()}
                match_named_layer(level, arrays, findings)
    return sorted("/".join(path) for path in left)


def _places(scope: _Path, name: _Path, kept: Mapping[_Path, object]) -> set[_Path]:
    """Returns where a file has a layer: as the part has it, models and all, or else by the layer's own name."""
    prefixes = {path[:length] for path in kept for length in range(1, len(path) + 1)}
    for asked in (scope, name):
        if asked in prefixes:
            return {asked}
        if found := {path for path in prefixes if path[-len(asked) :] == asked}:
            return found
    return set()


def _named(weights: NamedWeights) -> dict[_Path, dict[str, np.ndarray]]:
    """Sorts arrays by the path of the layer that they are of; a model inside is one layer with all its weights."""
    found: dict[_Path, dict[str, np.ndarray]] = collections.defaultdict(dict)
    for layer, arrays in weights.layers.items():
        for name, array in arrays.items():
            if not is_state(name):
                inner = tuple(part for part in parts(name)[:-1] if part != layer)
                found[(layer, *inner)][name] = array
    return dict(found)


def _numbered(root: WeightGroup) -> dict[_Path, WeightGroup]:
    """Returns every group by the names that the file notes; that of the group stands in for one that it does not."""
    found: dict[_Path, WeightGroup] = {}
    waiting: list[tuple[_Path, WeightGroup]] = [((), root)]
    while waiting:
        path, group = waiting.pop()
        if group.variables:
            found[path] = group
        for key, child in group.children.items():
            if not is_state(key):
                own = () if key in MODEL_LISTS else (child.name or key.lstrip("_"),)
                waiting.append(((*path, *own), child))
                found.setdefault((*path, *own), child)
    return found
