"""Merging: several activations -> one."""

import dataclasses
import functools
from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.keras.layers.computation import Apply, Built, Slices
from jaxviz.keras.layers.settings import Settings, Signal

__all__ = ["MERGERS", "elementwise"]


def elementwise(settings: Settings, function: Callable[..., Array]) -> Built:
    """Builds a function of each number of several activations, which are stretched to one shape where they differ."""
    shape = _stretched(settings)
    axes = {_axis_of(signal, len(shape)) for signal in settings.signals}
    # One channel of the result needs one channel of each, provided they all count them along one axis and have as many.
    if len(axes) == 1 and (axis := axes.pop()) is not None:
        same = {signal.shape[axis - len(shape)] for signal in settings.signals} == {shape[axis]}
        return Apply(function, "channelwise" if same else None), axis
    known = [signal.channel_axis for signal in settings.signals if signal.shape == shape]
    return Apply(function, None), next(iter(known), len(shape) - 1)


def _axis_of(signal: Signal, rank: int) -> int | None:
    """Returns a signal's channel axis, counted in a shape of higher rank into which it is stretched from behind."""
    return None if signal.channel_axis is None else signal.channel_axis + rank - signal.rank


def _stretched(settings: Settings) -> tuple[int, ...]:
    # Keras's merging layers stretch activations of different ranks in their own way; those of one rank as NumPy does.
    if len({signal.rank for signal in settings.signals}) > 1:
        raise settings.refuse(f"it is given {', '.join(str(signal.shape) for signal in settings.signals)}")
    try:
        return jnp.broadcast_shapes(*(signal.shape for signal in settings.signals))
    except ValueError as error:
        shapes = ", ".join(str(signal.shape) for signal in settings.signals)
        raise settings.refuse(f"the shapes {shapes} do not go together") from error


def _sum(*inputs: Array) -> Array:
    return functools.reduce(jnp.add, inputs)


def _product(*inputs: Array) -> Array:
    return functools.reduce(jnp.multiply, inputs)


def _mean(*inputs: Array) -> Array:
    return _sum(*inputs) / len(inputs)


def _maximum(*inputs: Array) -> Array:
    return functools.reduce(jnp.maximum, inputs)


def _minimum(*inputs: Array) -> Array:
    return functools.reduce(jnp.minimum, inputs)


def _merger(function: Callable[..., Array]) -> Callable[[Settings], Built]:
    return functools.partial(elementwise, function=function)


@dataclasses.dataclass(frozen=True)
class Concatenate:
    """Concatenate, along one axis."""

    axis: int
    slices: Slices | None

    def __call__(self, *inputs: Array, index: Array | None = None) -> Array:
        del index
        return jnp.concatenate(inputs, axis=self.axis)


def _concatenate(settings: Settings) -> Built:
    axis = settings.axis()
    [channel_axis, *others] = {signal.channel_axis for signal in settings.signals}
    if others or channel_axis in (axis, None):
        return Concatenate(axis, None), axis
    return Concatenate(axis, "channelwise"), channel_axis


MERGERS: dict[str, Callable[[Settings], Built]] = {
    "Add": _merger(_sum),
    "Average": _merger(_mean),
    "Maximum": _merger(_maximum),
    "Minimum": _merger(_minimum),
    "Multiply": _merger(_product),
    "Subtract": _merger(jnp.subtract),
    "Concatenate": _concatenate,
}
