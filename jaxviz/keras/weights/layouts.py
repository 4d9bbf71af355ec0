"""Layouts: the weights of an HDF5 file in the layout of any Keras version -> plain stored weights."""

import itertools
import re
from collections.abc import Mapping

import numpy as np

from jaxviz.keras.containers import Group
from jaxviz.keras.weights.stored import NamedWeights, NumberedWeights, WeightGroup
from jaxviz.values.errors import ModelFileError

__all__ = ["SKIPPED", "stored_weights", "text_of"]

SKIPPED = ("optimizer_weights", "optimizer", "compile_metrics", "metrics")
"""Groups at the root that hold what only training needs."""


def stored_weights(root: Group, path: str) -> NamedWeights | NumberedWeights:
    """Finds the weights in an HDF5 file.

    Raises:
      ModelFileError: it holds none that Keras wrote, or a name in it leads nowhere.
    """
    group = root.groups.get("model_weights", root)
    backend, version = (text_of(root, name) or text_of(group, name) for name in ("backend", "keras_version"))
    if "layer_names" in group.attributes or "layer_names0" in group.attributes:
        layers = {name: _layer(group, name, path) for name in _names(group, "layer_names", path)}
        return NamedWeights(layers=layers, backend=backend, keras_version=version)
    if oldest := _oldest(group):
        return NamedWeights(layers=oldest, backend=backend, keras_version=version)
    numbered = _numbered(group)
    if numbered is None:
        raise ModelFileError(f"{path} is HDF5 but holds no weights that Keras wrote")
    return NumberedWeights(root=numbered, backend=backend, keras_version=version)


def text_of(group: Group, name: str) -> str:
    """Returns an attribute of one text; empty where there is none."""
    text = group.attributes.get(name, "")
    return text if isinstance(text, str) else text[0] if len(text) == 1 else ""


def _layer(weights: Group, layer: str, path: str) -> dict[str, np.ndarray]:
    group = weights.find(layer)
    if not isinstance(group, Group):
        raise ModelFileError(f"{path}: layer {layer!r} is missing or no group of weights")
    arrays: dict[str, np.ndarray] = {}
    for name in _names(group, "weight_names", path):
        array = group.find(name)
        if not isinstance(array, np.ndarray):
            raise ModelFileError(f"{path}: layer {layer!r}: {name!r} is missing or no array")
        arrays[name] = array
    return arrays


def _names(group: Group, attribute: str, path: str) -> list[str]:
    """Reads a list of names; Keras splits one that is too long for an attribute into ``name0``, ``name1`` and so on."""
    chunks = itertools.takewhile(group.attributes.__contains__, (f"{attribute}{count}" for count in itertools.count()))
    names: list[str] = []
    for part in [attribute] if attribute in group.attributes else chunks:
        text = group.attributes[part]
        names += [text] if isinstance(text, str) else text
    if len(set(names)) != len(names):
        raise ModelFileError(f"{path}: its {attribute} names one twice")
    return names


def _oldest(group: Group) -> dict[str, dict[str, np.ndarray]]:
    """Reads the layout before Keras 1: groups ``layer_0`` … of arrays ``param_0`` and so on."""
    layers = _by_number(group.groups, "layer_")
    params = {name: _by_number(layer.arrays, "param_") for name, layer in layers.items()}
    whole = len(layers) == len(group.groups) and all(not layer.groups for layer in layers.values())
    return params if whole and any(params.values()) else {}


def _by_number(things: Mapping, prefix: str) -> dict:
    found = {name: re.fullmatch(rf"{prefix}(\d{{1,9}})", name) for name in things}
    numbered = {name: int(match[1]) for name, match in found.items() if match}
    return {name: things[name] for name in sorted(numbered, key=numbered.__getitem__)}


def _numbered(root: Group) -> WeightGroup | None:
    """Builds the tree of numbered weights; a backslash in a name is a path that Windows wrote."""
    tree, empty = _Branch(), True
    waiting = [(root, tree)]
    while waiting:
        group, branch = waiting.pop()
        for name, child in group.groups.items():
            place = branch
            for part in name.replace("\\", "/").split("/"):
                if part == "vars":
                    place.variables, place.name = child.arrays, text_of(child, "name")
                    empty = empty and not child.arrays
                else:
                    place = place.children.setdefault(part, _Branch())
            if place is not branch:
                waiting.append((child, place))
    return None if empty else tree.frozen()


class _Branch:
    """A group while its children are still being found."""

    def __init__(self) -> None:
        self.name = ""
        self.variables: Mapping[str, np.ndarray] = {}
        self.children: dict[str, _Branch] = {}

    def frozen(self) -> WeightGroup:
        order = [self]
        for branch in order:
            order.extend(branch.children.values())
        built: dict[int, WeightGroup] = {}
        for branch in reversed(order):
            keys = sorted(branch.variables, key=lambda key: (not key.isdecimal(), key.zfill(9)))
            built[id(branch)] = WeightGroup(
                name=branch.name,
                variables={key: branch.variables[key] for key in keys},
                children={name: built[id(child)] for name, child in branch.children.items()},
            )
        return built[id(self)]
