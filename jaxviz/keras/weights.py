"""Weights: what a network wants + what a file stores -> the arrays, each in its place, never by guess."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxviz.keras.stored import StoredModel

__all__ = ["Wanted", "match"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """What one layer of a network wants from a file.

    Attributes:
      scope: the layer's name; inside a nested model ``outer/inner``, where ``outer`` is the nested model's scope.
      kind: its Keras class, such as ``Conv2D`` or ``Sequential``.
      weights: ``(name, shape, …)`` for each weight, in the order in which Keras lists the weights of such a layer:
        trainable ones first, as ``gamma, beta, moving_mean, moving_variance``. The name is Keras 3's, with the path
        of a layer inside the layer: ``kernel``, ``query_dense/kernel``. The shape is the one in which the file stores
        it; where it may be stored in one of several, all are given, and the array tells by its shape which it is.
      parent: the scope of the nested model that the layer is part of; empty for a layer of the model itself.
    """

    scope: str
    kind: str
    weights: tuple[tuple, ...] = ()
    parent: str = ""


def match(stored: StoredModel, wanted: Sequence[Wanted]) -> dict[str, dict[str, np.ndarray]]:
    """Finds each wanted array among those that a file stores.

    Args:
      stored: the file.
      wanted: one for each distinct layer, with or without weights, in the order in which the architecture lists them;
        a nested model stands before the layers inside it.

    Returns:
      scope -> weight name -> array, as stored.

    Raises:
      ModelFileError: something is missing, left over, of another shape or not to be told apart; all of it is listed.
    """
    raise NotImplementedError
