"""Merging: several activations -> one."""

import dataclasses
import functools
from collections.abc import Callable
from typing import ClassVar

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxviz.keras.layers.computation import Apply, Built, Slices
from jaxviz.keras.layers.settings import Settings, Signal
from jaxviz.layers.convolution import EXACT

__all__ = ["MERGERS", "channels"]


def _elementwise(settings: Settings, function: Callable[..., Array]) -> Built:
    """Builds a function of each number of several activations, which are stretched to one shape where they differ."""
    slices, axis = channels(settings)
    return Apply(function, slices), axis


def channels(settings: Settings) -> tuple[Slices | None, int | None]:
    """Tells whether a function of each number works channel by channel, and where its result has the channels."""
    shape = _stretched(settings)
    axes = {_axis_of(signal, len(shape)) for signal in settings.signals}
    # One channel of the result needs one channel of each, provided they all count them along one axis and have as many.
    if len(axes) == 1 and (axis := axes.pop()) is not None:
        same = {signal.shape[axis - len(shape)] for signal in settings.signals} == {shape[axis]}
        return "channelwise" if same else None, axis
    known = [signal.channel_axis for signal in settings.signals if signal.shape == shape]
    return None, next(iter(known), len(shape) - 1)


def _axis_of(signal: Signal, rank: int) -> int | None:
    """Returns a signal's channel axis, counted in a shape of higher rank into which it is stretched from behind."""
    return None if signal.channel_axis is None else signal.channel_axis + rank - signal.rank


def _stretched(settings: Settings) -> tuple[int, ...]:
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
    return functools.partial(_elementwise, function=function)


@dataclasses.dataclass(frozen=True)
class ScaledSum:
    """CustomScaleLayer of InceptionResNetV2: the second activation times a number is added to the first."""

    scale: float

    def __call__(self, x: Array, branch: Array) -> Array:
        return x + branch * self.scale


def _scaled_sum(settings: Settings) -> Built:
    if len(settings.signals) != 2:
        raise settings.refuse(f"it is called with {len(settings.signals)} activations and takes two")
    return _elementwise(settings, ScaledSum(settings.number("scale")))


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


@dataclasses.dataclass(frozen=True)
class Dot:
    """Dot: the sum of products along one axis of either, of directions alone if normalized."""

    axes: tuple[int, int]
    normalized: bool
    slices: ClassVar[None] = None

    def __call__(self, left: Array, right: Array) -> Array:
        if self.normalized:
            left, right = _direction(left, self.axes[0]), _direction(right, self.axes[1])
        product = jnp.tensordot(left, right, (self.axes[:1], self.axes[1:]), precision=EXACT)
        return product if product.ndim else product[None]


def _direction(x: Array, axis: int) -> Array:
    return x * jnp.minimum(lax.rsqrt(jnp.sum(jnp.square(x), axis=axis, keepdims=True)), 1e12)  # Keras's bound


def _dot(settings: Settings) -> Built:
    if len(settings.signals) != 2:
        raise settings.refuse(f"it is called with {len(settings.signals)} activations and takes two")
    value = settings.get("axes")
    given = list(value) if isinstance(value, list | tuple) else [value, value]
    ranks = [signal.rank for signal in settings.signals]
    if len(given) != 2 or not all(
        isinstance(axis, int) and (0 < axis <= rank or -rank <= axis < 0)
        for axis, rank in zip(given, ranks, strict=False)
    ):
        raise settings.refuse(f"axes is {value!r}, not an axis of either image")
    first, second = (axis - 1 if axis > 0 else axis + rank for axis, rank in zip(given, ranks, strict=True))
    return Dot((first, second), settings.flag("normalize", False)), max(sum(ranks) - 3, 0)


MERGERS: dict[str, Callable[[Settings], Built]] = {
    "Add": _merger(_sum),
    "Average": _merger(_mean),
    "Maximum": _merger(_maximum),
    "Minimum": _merger(_minimum),
    "Multiply": _merger(_product),
    "Subtract": _merger(jnp.subtract),
    "Concatenate": _concatenate,
    "CustomScaleLayer": _scaled_sum,
    "Dot": _dot,
}
