"""Activations: the outputs of a network's layers for one image, by layer name; and the network that computes them."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, PyTree

__all__ = ["Activations", "Module"]


@runtime_checkable
class Activations(Protocol):
    """The activations of one image: layer name -> array, computed only when they are read."""

    def __getitem__(self, layer: str, /) -> Array:
        """Returns the whole output of a layer, ``[height, width, channels]`` or ``[units]``."""
        ...

    def channel(self, layer: str, index: Array | np.ndarray, /) -> Array:
        """Returns one channel of a layer, with a channel axis of length 1, and computes only this one if possible."""
        ...


@runtime_checkable
class Module(Protocol):
    """The network of a model. Hashable and equal by value, so that an equal network is not traced again."""

    def __hash__(self) -> int: ...

    # As Linen's own `apply`, which is typed no closer; `Model.ask` is.
    def apply(self, variables: PyTree, image: Array, question: Callable, /) -> PyTree:
        """Returns ``question(activations)`` for the activations of one image."""
        ...
