"""Preactivations: a model -> the same model with the input of each activation function instead of its output."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Array, PyTree

from jaxviz.networks.activations import Activations, Module
from jaxviz.networks.model import Model

__all__ = ["Names", "Renamed", "before_activation", "names_of"]

Names = tuple[tuple[str, str], ...]
"""Pairs of a layer and the array that is read in its place."""


def names_of(model: Model) -> Names:
    """Returns the layers that have an activation function, each with the name of its input."""
    return tuple((layer.name, layer.preactivation) for layer in model.layers if layer.preactivation is not None)


class Renamed:
    """Activations of which some layers are read elsewhere."""

    def __init__(self, activations: Activations, names: Names):
        self._activations = activations
        self._names = dict(names)

    def __getitem__(self, layer: str, /) -> Array:
        return self._activations[self._names.get(layer, layer)]

    def channel(self, layer: str, index: Array | np.ndarray, /) -> Array:
        return self._activations.channel(self._names.get(layer, layer), index)


@dataclasses.dataclass(frozen=True)
class _Before:
    module: Module
    names: Names

    def apply(self, variables: PyTree, image: Array, question: Callable, /) -> PyTree:
        return self.module.apply(variables, image, lambda activations: question(Renamed(activations, self.names)))


def before_activation(model: Model, names: Names) -> Model:
    """Returns a model whose layers return the inputs of their activation functions."""
    return model.replace(module=_Before(model.module, names))
