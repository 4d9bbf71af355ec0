"""Wanted: the weights that a network needs from a file, and whether each was found."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from jaxviz.values.errors import ModelFileError

__all__ = ["Findings", "Level", "Slot", "Wanted", "levels_of"]

_MOST_LISTED = 100
"""Mismatches in one message; there may be as many as the file has bytes."""


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

    @property
    def name(self) -> str:
        """The layer's own name, without the models that it is nested in."""
        return self.scope[len(self.parent) + 1 :] if self.parent else self.scope

    @property
    def slots(self) -> "tuple[Slot, ...]":
        """A place for each of its weights."""
        return tuple(Slot(self.scope, self.name, name, tuple(shapes)) for name, *shapes in self.weights)


@dataclasses.dataclass(frozen=True)
class Slot:
    """A place for one weight.

    Attributes:
      scope: the layer's scope.
      layer: the layer's own name.
      name: Keras's name of the weight.
      shapes: the shapes that it may have.
    """

    scope: str
    layer: str
    name: str
    shapes: tuple[tuple[int, ...], ...]

    def fits(self, array: np.ndarray) -> bool:
        """Says whether an array has one of the shapes."""
        return array.shape in self.shapes

    def __str__(self) -> str:
        return f"{self.name} {' or '.join(map(str, self.shapes))}"


@dataclasses.dataclass(frozen=True)
class Level:
    """A layer or nested model, with all that it wants.

    Attributes:
      wanted: the layer itself.
      inner: the layers of a nested model, in order.
      slots: the places for its weights and those of the layers in it, in order.
    """

    wanted: Wanted
    inner: "list[Level]"
    slots: list[Slot]


def levels_of(wanted: Sequence[Wanted]) -> list[Level]:
    """Returns the layers of the model itself that want weights, each with those inside it."""
    every = {layer.scope: Level(layer, [], list(layer.slots)) for layer in wanted}
    top: list[Level] = []
    for layer in reversed(wanted):  # inner layers stand behind the models that hold them
        level = every[layer.scope]
        if not level.slots:
            continue
        if layer.parent:
            every[layer.parent].inner.insert(0, level)
            every[layer.parent].slots[:0] = level.slots
        else:
            top.insert(0, level)
    return top


class Findings:
    """Arrays that found their place, and what did not fit."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, np.ndarray]] = {}
        self.mismatches: list[str] = []

    def place(self, slot: Slot, array: np.ndarray) -> None:
        """Puts an array in its place, if it has a shape that goes there."""
        if slot.fits(array):
            self.found.setdefault(slot.scope, {})[slot.name] = array
        else:
            expected = " or ".join(map(str, slot.shapes))
            self.mismatches.append(f"layer {slot.scope!r}: {slot.name} is {array.shape}, not {expected}")

    def missing(self, slots: Sequence[Slot]) -> None:
        """Notes places that stay empty."""
        self.mismatches.extend(f"layer {slot.scope!r} lacks its {slot}" for slot in slots)

    def superfluous(self, layer: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Notes arrays that nothing wants."""
        self.mismatches.extend(
            f"layer {layer!r} has no place for {name!r} {array.shape}" for name, array in arrays.items()
        )

    def refuse(self, why: str) -> None:
        """Notes what cannot be decided."""
        self.mismatches.append(why)

    def finish(self, path: str) -> dict[str, dict[str, np.ndarray]]:
        """Returns all arrays.

        Raises:
          ModelFileError: anything did not fit.
        """
        if self.mismatches:
            listed = self.mismatches[:_MOST_LISTED]
            more = len(self.mismatches) - len(listed)
            text = "; ".join(listed) + (f"; and {more:,} more" if more else "")
            raise ModelFileError(f"{path}: its weights do not fit its architecture: {text}")
        return self.found
