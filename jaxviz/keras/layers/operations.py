"""Operations: functions that Keras 3 saves as layers when they are called on a network's activations."""

import dataclasses
from collections.abc import Callable, Mapping

import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.keras.config.graph import Slot
from jaxviz.keras.layers import merging
from jaxviz.keras.layers.computation import Built, Slices
from jaxviz.keras.layers.functions import EACH, WHOLE, Cut
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS", "PREFIX", "Operation", "build"]

_INERT = frozenset({"name", "dtype", "trainable", "mask", "training"})  # settings without an effect


@dataclasses.dataclass(frozen=True)
class Operation:
    """A function by its name, on a batch of one, with the constants it is called with.

    Attributes:
      name: its name in Keras 3.
      arguments: what it is called with, a ``Slot`` for each activation.
      keywords: likewise, by name.
      slices: channel by channel or not.
    """

    name: str
    arguments: tuple
    keywords: tuple[tuple[str, object], ...]
    slices: Slices | None

    def __call__(self, *inputs: Array, index: Array | None = None) -> Array:
        del index
        batch = [x[None] for x in inputs]
        arguments = [_filled(value, batch) for value in self.arguments]
        keywords = {name: _filled(value, batch) for name, value in self.keywords}
        if self.name in EACH:  # here lists are arrays
            function, arguments = EACH[self.name], [jnp.asarray(value) for value in arguments]
        else:
            function = WHOLE[self.name]
        output = function(*arguments, **keywords)
        if output.ndim == 0 or output.shape[0] != 1:
            raise ValueError(f"{self.name} mixes the images of a batch")
        return output[0]


def _filled(value: object, batch: list[Array]) -> object:
    if isinstance(value, Slot):
        return batch[value.position]
    return tuple(_filled(member, batch) for member in value) if isinstance(value, tuple) else value


def _frozen(value: object) -> object:
    """Makes of a constant something that has a hash."""
    if isinstance(value, Mapping) and value.keys() == {"start", "stop", "step"}:  # a slice, as tf.keras writes it
        value = slice(value["start"], value["stop"], value["step"])
    if isinstance(value, slice):
        return Cut((value.start, value.stop, value.step))
    if isinstance(value, list | tuple):
        return tuple(_frozen(member) for member in value)
    if isinstance(value, Mapping):
        raise ValueError("a table among its arguments is not supported")
    return value


def build(settings: Settings, name: str, arguments: tuple, keywords: Mapping) -> Built:
    """Builds an operation of Keras 3 by its name, with what it is called with."""
    if not settings.signals:
        raise settings.refuse("it reads no activation")
    try:
        given = {key: _frozen(value) for key, value in keywords.items() if key not in _INERT}
        arguments = tuple(_frozen(value) for value in arguments)
    except ValueError as error:
        raise settings.refuse(str(error)) from error
    if name in EACH:
        arguments += tuple(given.pop(key) for key in ("x1", "x2", "x", "y") if key in given)
        slices, axis = merging.channels(settings)
        has_arrays = any(isinstance(value, tuple) for value in arguments)
        return Operation(name, arguments, tuple(given.items()), None if has_arrays else slices), axis
    axes = given.get("axis", 1)
    if axes is None or 0 in (axes if isinstance(axes, tuple) else (axes,)):
        raise settings.refuse(f"axis {axes!r} mixes the images of a batch")
    return Operation(name, arguments, tuple(given.items()), None), -1


def _of_keras(settings: Settings) -> Built:
    """Builds an operation of Keras 3."""
    name = settings.layer.kind.removeprefix(PREFIX)
    return build(settings, name, settings.call.arguments, {**settings.layer.settings, **settings.call.keywords})


PREFIX = "ops."
"""Stands before the class of an operation of Keras 3, whose layers have classes of the same names."""

BUILDERS: dict[str, Callable[[Settings], Built]] = {
    **{PREFIX + name: _of_keras for name in (*EACH, *WHOLE)},
}
