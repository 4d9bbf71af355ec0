"""Flat weights: the weights of a file layer by layer, without nesting."""

import collections
import dataclasses
import re

import numpy as np

from jaxviz.keras.weights.numbered_weights import MODEL_LISTS
from jaxviz.keras.weights.stored import NamedWeights, NumberedWeights, WeightGroup
from jaxviz.keras.weights.weight_names import is_state, parts

__all__ = ["FlatLayer", "flatten"]


@dataclasses.dataclass(frozen=True)
class FlatLayer:
    """A layer that has weights.

    Attributes:
      name: its name behind those of the models it is in: ``outer/inner``.
      group: the path of its numbered group; empty for named weights, which stand in the network's order.
      noted: False where the file notes no names, and that of the group stands in.
      arrays: its weights by name or number, in Keras's order.
    """

    name: str
    group: str
    noted: bool
    arrays: dict[str, np.ndarray]


def flatten(weights: NamedWeights | NumberedWeights) -> list[FlatLayer]:
    """Lists the layers that have weights; numbered ones are sorted by their count."""
    return _named(weights) if isinstance(weights, NamedWeights) else _numbered(weights.root)


def _named(weights: NamedWeights) -> list[FlatLayer]:
    found: dict[str, dict[str, np.ndarray]] = collections.defaultdict(dict)
    for layer, arrays in weights.layers.items():
        kept = {name: array for name, array in arrays.items() if not is_state(name)}
        paths = {name: parts(name)[:-1] for name in kept}
        several = len(set(paths.values())) > 1
        for name, array in kept.items():
            path = [part for part in paths[name] if part != layer] if several else []
            found["/".join([layer, *path])][name] = array
    return [FlatLayer(name, "", True, arrays) for name, arrays in found.items()]


def _numbered(root: WeightGroup) -> list[FlatLayer]:
    found: list[tuple[list, FlatLayer]] = []
    waiting: list[tuple[tuple[str, ...], tuple[str, ...], bool, WeightGroup]] = [((), (), True, root)]
    while waiting:
        path, names, noted, group = waiting.pop()
        if group.variables:
            rank = [(re.sub(r"_\d+$", "", part), int((re.findall(r"_(\d{1,9})$", part) or ["-1"])[0])) for part in path]
            found.append((rank, FlatLayer("/".join(names), "/".join(path), noted, dict(group.variables))))
        for key, child in group.children.items():
            if not is_state(key):
                own = () if key in MODEL_LISTS else (child.name or key.lstrip("_"),)
                waiting.append(((*path, key), (*names, *own), noted and bool(child.name or not own), child))
    return [layer for _, layer in sorted(found, key=lambda item: item[0])]
