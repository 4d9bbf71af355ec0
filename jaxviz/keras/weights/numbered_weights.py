"""Numbered weights: groups named by class and counted -> places, in the order of the layers of each class."""

import collections
import re
from collections.abc import Mapping, Sequence

import numpy as np

from jaxviz.keras.weights.stored import WeightGroup
from jaxviz.keras.weights.wanted import Findings, Level, Slot
from jaxviz.keras.weights.weight_names import is_state, same_part

__all__ = ["MODEL_LISTS", "match_layer", "match_numbered"]

_Groups = Mapping[str, WeightGroup]

MODEL_LISTS = ("layers", "_layers", "_layer_checkpoint_dependencies")
"""What a model keeps its layers in: Keras 3 and tf.keras since 2.13, tf.keras 2.12."""
_MODELS = ("functional", "_functional", "sequential", "model")  # a model inside a bare wrapper


def match_numbered(root: WeightGroup, levels: Sequence[Level], findings: Findings) -> None:
    """Finds the layers by the names that newer files note, else by class and order, model by model."""
    waiting: list[tuple[str, WeightGroup, Sequence[Level]]] = [("", root, levels)]
    while waiting:
        scope, group, inside = waiting.pop()
        groups = _groups_of_layers(scope, group, findings)
        for level, layer in _pairs(scope, groups, inside, findings):
            if level.inner:
                waiting.append((level.wanted.scope, layer, level.inner))
            else:
                match_layer(level, layer, findings)


def _groups_of_layers(scope: str, model: WeightGroup, findings: Findings) -> _Groups:
    """Returns the groups of a model's layers, those without weights left out."""
    lists = [name for name in MODEL_LISTS if name in model.children and _holds_weights(model.children[name])]
    if not lists:
        wrapped = [
            name for name in _MODELS if name in model.children and set(MODEL_LISTS) & set(model.children[name].children)
        ]
        if len(wrapped) == 1 and not scope:
            return _groups_of_layers(wrapped[0], model.children[wrapped[0]], findings)
    if len(lists) > 1:
        findings.refuse(f"it has layers in {' and in '.join(lists)}; which of them are the model's is unclear")
    groups = model.children[lists[0]].children if lists else model.children
    return {name: group for name, group in groups.items() if _holds_weights(group)}


def _pairs(scope: str, groups: _Groups, levels: Sequence[Level], findings: Findings) -> list[tuple[Level, WeightGroup]]:
    by_name = {level.wanted.name: level for level in levels}
    noted = [group.name for group in groups.values()]
    if len(set(noted)) == len(noted) and set(noted) == by_name.keys():
        return [(by_name[group.name], group) for group in groups.values()]
    sorts: dict[str, list[Level]] = collections.defaultdict(list)
    for level in levels:
        sorts[_class_name(level.wanted.kind)].append(level)
    counted = _counted(groups, sorts)
    if groups.keys() == by_name.keys() and any(len(counted[sort]) != len(sorts[sort]) for sort in sorts):
        return [(by_name[name], group) for name, group in groups.items()]
    pairs: list[tuple[Level, WeightGroup]] = []
    for sort, wanted in sorts.items():
        found = counted[sort]
        pairs.extend(zip(wanted, [groups[name] for name in found], strict=False))
        for level in wanted[len(found) :]:
            findings.missing(level.slots)
        for name in found[len(wanted) :]:
            findings.superfluous(f"{scope}/{name}".lstrip("/"), _all_arrays(groups[name]))
    for name in groups.keys() - {name for names in counted.values() for name in names}:
        findings.superfluous(f"{scope}/{name}".lstrip("/"), _all_arrays(groups[name]))
    return pairs


def _counted(groups: _Groups, sorts: Mapping[str, object]) -> dict[str, list[str]]:
    """Sorts the groups by class and count: ``dense``, ``dense_1``, ``dense_2``; gaps mean nothing."""
    counts: dict[str, list[tuple[int, str]]] = {sort: [] for sort in sorts}
    for name in groups:
        base, count = name, -1
        if name not in sorts and (numbered := re.fullmatch(r"(.+)_(\d{1,9})", name)):
            base, count = numbered[1], int(numbered[2])
        if base in counts:
            counts[base].append((count, name))
    return {sort: [name for _, name in sorted(found)] for sort, found in counts.items()}


def _class_name(kind: str) -> str:
    """Writes a class as Keras does in these files: ``Conv2DTranspose`` -> ``conv2d_transpose``."""
    plain = re.sub(r"\W+", "", kind.rpartition(">")[2])
    broken = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", plain)).lower()
    return "functional" if broken == "model" else broken


def match_layer(level: Level, group: WeightGroup, findings: Findings) -> None:
    """Finds the weights of one layer by order, sublayer by sublayer."""
    sublayers: dict[tuple[str, ...], list[Slot]] = collections.defaultdict(list)
    for slot in level.slots:
        sublayers[tuple(slot.name.split("/")[:-1])].append(slot)
    rest = _all_arrays(group)
    for path, slots in sublayers.items():
        place, where = _descend(group, path)
        arrays = [(f"{where}{key}", array) for key, array in place.variables.items()] if place else []
        for slot, (key, array) in zip(slots, arrays, strict=False):
            findings.place(slot, array)
            rest.pop(key)
        findings.missing(slots[len(arrays) :])
    findings.superfluous(level.wanted.scope, rest)


def _descend(group: WeightGroup, path: Sequence[str]) -> tuple[WeightGroup | None, str]:
    """Follows a path of sublayers; some versions of Keras keep them under private names."""
    where = ""
    for part in path:
        names = [name for name in group.children if name.lstrip("_") in same_part(part)]
        if len(names) != 1:
            return None, where
        where += names[0] + "/"
        group = group.children[names[0]]
    return group, where


def _all_arrays(group: WeightGroup) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    waiting = [("", group)]
    while waiting:
        path, group = waiting.pop()
        found.update((path + key, array) for key, array in group.variables.items())
        waiting.extend((f"{path}{name}/", child) for name, child in group.children.items() if not is_state(name))
    return found


def _holds_weights(group: WeightGroup) -> bool:
    return bool(_all_arrays(group))
