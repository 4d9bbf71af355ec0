"""Layered: objectives of one layer that are computed together."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives.base import Objective

__all__ = ["Layered", "Whole", "last"]


class Layered(Objective):
    """An objective that reads one layer."""

    layer: str
    axis: int  # where the layer counts its channels

    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def at_once(self, weights: np.ndarray, model: Model) -> Objective:
        del model
        return Together(weights, self)


def last(array: Array, axis: int) -> Array:
    """Returns an activation with its channels last."""
    return array if axis == -1 else jnp.moveaxis(array, axis, -1)


@partial(jax.tree_util.register_dataclass, data_fields=["weights", "terms"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class Together(Objective):
    """A weighted sum of objectives of one layer that differ in their numbers only.

    Attributes:
      weights: ``[n, terms]``.
      terms: their leaves are ``[n, terms, …]``.
    """

    weights: PyTree
    terms: Layered

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        # The layer is computed once, and whole, before it is read under vmap.
        whole = Whole(activations[self.terms.layer], self.terms.axis)
        scores = jax.vmap(lambda weight, term: weight * term(whole))(jnp.asarray(self.weights), self.terms)
        return jnp.sum(scores)

    def resolve(self, model: Model) -> "Together":
        return self

    def layers(self) -> tuple[str, ...]:
        return self.terms.layers()

    def labels(self) -> list[str]:
        return [f"{self.terms.layer}·{self.weights.shape[1]} terms"] * len(self.weights)


class Whole:
    """The activations of which one alone is read, once, whatever is asked of it."""

    def __init__(self, array: Array, axis: int):
        self._array = array
        self._axis = axis

    def __getitem__(self, layer: str, /) -> Array:
        del layer
        return self._array

    def channel(self, layer: str, index: Array | np.ndarray, /) -> Array:
        del layer
        return lax.dynamic_slice_in_dim(self._array, index, 1, axis=self._axis)
