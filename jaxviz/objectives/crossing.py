"""Crossing: two batches of objectives -> all their combinations."""

import dataclasses
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives.base import Objective, Sum
from jaxviz.objectives.labels import joined
from jaxviz.values.texts import Texts

__all__ = ["pairs"]


@partial(jax.tree_util.register_dataclass, data_fields=["first", "second"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class Pairs(Objective):
    """The sums of all pairs of two batches; a `Sum` after it is resolved."""

    first: Objective
    second: Objective

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        raise AssertionError("an objective is resolved against a model before it is called")

    def resolve(self, model: Model) -> Sum:
        first, second = self.first.resolve(model), self.second.resolve(model)
        rows, columns = np.indices((len(first.labels()), len(second.labels()))).reshape(2, -1)
        texts = Texts(tuple(_crossed(first, second)))
        return Sum((_taken(first, rows), _taken(second, columns)), texts).resolve(model)

    @property
    def group(self) -> int:
        return Sum((self.first, self.second)).group

    def layers(self) -> tuple[str, ...]:
        return (*self.first.layers(), *self.second.layers())

    def labels(self) -> list[str]:
        return _crossed(self.first, self.second)


def _crossed(first: Objective, second: Objective) -> list[str]:
    return [joined((one, other)) for one in first.labels() for other in second.labels()]


def _taken(objective: Objective, rows: np.ndarray) -> Objective:
    return jax.tree.map(lambda leaf: leaf if len(leaf) == 1 else leaf[rows], objective)


def pairs(first: Objective, second: Objective) -> Objective:
    """Maximises the sum of each objective of one batch and each of another: n x m sums in one compiled call.

    Args:
      first: a batch of n, which changes more slowly.
      second: a batch of m; a negated batch makes each of the first without each of the second.

    Example:
      >>> from jaxviz.objectives import channel
      >>> pairs(channel("conv2d_1", [1, 2]), -channel("conv2d_3", [5, 7])).labels()[1:3]
      ['conv2d_1:1 - 1*conv2d_3:7', 'conv2d_1:2 - 1*conv2d_3:5']
    """
    return Pairs(first, second)
