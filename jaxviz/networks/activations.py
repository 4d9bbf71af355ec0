"""Activations: the outputs of a network's layers for one image, by layer name; and the network that computes them."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, PyTree

__all__ = ["Activations", "Module"]


@runtime_checkable
class Activations(Protocol):
    """What one image excites in a network: layer name -> array, computed when asked for and not before."""

    def __getitem__(self, layer: str, /) -> Array:
        """Returns the whole output of a layer, ``[height, width, channels]`` or ``[units]``."""
        ...

    def channel(self, layer: str, index: Array | np.ndarray, /) -> Array:
        """Returns one channel of a layer, its channel axis kept with length 1, and computes no other where it can."""
        ...


@runtime_checkable
class Module(Protocol):
    """The network behind a model. Hashable and equal by value, so that an equal one made anew does not retrace."""

    # As Linen's own `apply`, which is typed no closer; `Model.ask` is.
    def apply(self, variables: PyTree, image: Array, question: Callable, /) -> PyTree:
        """Answers a question about the activations that one image excites."""
        ...
