"""Choice: one of several layers, whose number is data -> the objective of units of that layer."""

import dataclasses
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives.base import Objective
from jaxviz.objectives.keys import checksum

__all__ = ["ROWS", "Choice", "choice", "is_alike"]

ROWS = "rows"
"""The name of the axis along which ``vmap`` lays the objectives of a chunk."""

Form = tuple[str, jax.tree_util.PyTreeDef]
"""A layer, and an objective of its units without its numbers."""


@partial(jax.tree_util.register_dataclass, data_fields=["layer", "numbers"], meta_fields=["forms"])
@dataclasses.dataclass(frozen=True)
class Choice(Objective):
    """An objective of one of several layers, for a program that serves all of them.

    Its random draws are those of the objective that is chosen: its leaves are the checksum of the layer's name, and
    the numbers of the objective.

    Attributes:
      layer: ``[n]`` uint32, the checksum of the name of the layer; the same in all rows of a chunk.
      numbers: the leaves of the objective.
      forms: those to choose from, in the order of the network.
    """

    layer: PyTree
    numbers: tuple
    forms: tuple[Form, ...]

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        return self.combine(self.read(activations))

    def read(self, activations: Activations) -> tuple[Array, ...]:
        """Returns the score of each layer, in order."""
        return tuple(jax.tree.unflatten(form, self.numbers)(activations) for _, form in self.forms)

    def combine(self, features: tuple[Array, ...]) -> Float[Array, ""]:
        return jnp.stack(features)[self._is_chosen.argmax()]

    @property
    def place(self) -> Int[Array, ""]:
        """Which of the layers all rows of a chunk have, where ``vmap`` names its axis `ROWS`; it is not mapped."""
        return lax.pmax(self._is_chosen.argmax(), ROWS)

    @property
    def _is_chosen(self) -> Array:
        return jnp.asarray([checksum(name) for name, _ in self.forms]) == self.layer

    @property
    def _first(self) -> int:
        """Which of the layers a resolved batch has."""
        return [checksum(name) for name, _ in self.forms].index(self.layer[0])

    def resolve(self, model: Model) -> "Choice":
        del model
        return self

    def before_activation(self, model: Model) -> "Choice":
        return choice(
            [jax.tree.unflatten(form, self.numbers).before_activation(model) for _, form in self.forms], self._first
        )

    def layers(self) -> tuple[str, ...]:
        return ()

    def labels(self) -> list[str]:
        _, form = self.forms[self._first]
        return jax.tree.unflatten(form, self.numbers).labels()

    def units(self, model: Model) -> int | None:
        counts = [jax.tree.unflatten(form, self.numbers).units(model) for _, form in self.forms]
        known = [count for count in counts if count is not None]
        return max(known) if len(known) == len(counts) else None


def is_alike(first: Objective, second: Objective) -> bool:
    """Tells whether two resolved objectives of one layer each differ in the layer and in numbers alone."""
    one, other = jax.tree.leaves(first), jax.tree.leaves(second)
    shapes = [[(np.shape(leaf)[1:], np.asarray(leaf).dtype) for leaf in leaves] for leaves in (one, other)]
    return shapes[0] == shapes[1] and first.group == second.group == 1 == len(first.layers()) == len(second.layers())


def choice(objectives: Sequence[Objective], place: int) -> Choice:
    """Returns one of several resolved objectives, in a form that all of them have.

    Args:
      objectives: alike, see `is_alike`, each of another layer, in the order of the network.
      place: which.
    """
    chosen, count = objectives[place], len(objectives[place].labels())
    layers = [objective.layers()[0] for objective in objectives]
    forms = tuple((layer, jax.tree.structure(one)) for layer, one in zip(layers, objectives, strict=True))
    return Choice(np.full(count, checksum(layers[place])), tuple(jax.tree.leaves(chosen)), forms)
