"""Shapes: padding, cropping, flattening, reshaping, repeating, and moving the axes of an image."""

import dataclasses
import math
from collections.abc import Callable
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.keras.layers.computation import Built, Slices
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS", "Flatten", "Permute", "Repeat", "Reshape"]


@dataclasses.dataclass(frozen=True)
class Pad:
    """ZeroPadding1D, 2D, 3D."""

    padding: tuple[tuple[int, int], ...]
    channel_axis: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        widths = list(self.padding)
        widths.insert(self.channel_axis, (0, 0))
        return jnp.pad(x, widths)


@dataclasses.dataclass(frozen=True)
class Crop:
    """Cropping1D, 2D, 3D."""

    cropping: tuple[tuple[int, int], ...]
    channel_axis: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        pairs = list(self.cropping)
        pairs.insert(self.channel_axis, (0, 0))
        return x[tuple(slice(before, side - after) for (before, after), side in zip(pairs, x.shape, strict=True))]


@dataclasses.dataclass(frozen=True)
class Flatten:
    """Flatten. Told that channels come first it moves them last before it flattens, as Keras does since 2.2."""

    channels_first: bool
    slices: ClassVar[None] = None

    def __call__(self, x: Array) -> Array:
        return (jnp.moveaxis(x, 0, -1) if self.channels_first else x).reshape(-1)


@dataclasses.dataclass(frozen=True)
class Reshape:
    """Reshape; one length of the target may be -1."""

    shape: tuple[int, ...]
    slices: Slices | None

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        shape = self.shape if index is None else (*self.shape[:-1], 1)
        known = math.prod(side for side in shape if side != -1)
        return x.reshape([x.size // known if side == -1 else side for side in shape])


@dataclasses.dataclass(frozen=True)
class Permute:
    """Permute: another order of the axes."""

    order: tuple[int, ...]
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        return jnp.transpose(x, self.order)


@dataclasses.dataclass(frozen=True)
class Repeat:
    """RepeatVector: the units, several times."""

    times: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        return jnp.broadcast_to(x, (self.times, *x.shape))


def _zero_padding(settings: Settings) -> Built:
    axis = settings.image_axis()
    return Pad(settings.pairs("padding", 1), axis), axis


def _cropping(settings: Settings) -> Built:
    axis = settings.image_axis()
    return Crop(settings.pairs("cropping", 1 if settings.rank == 1 else 0), axis), axis


def _flatten(settings: Settings) -> Built:
    return Flatten(channels_first=settings.layout_axis() == 0 and settings.signal.rank > 1), None


def _reshape(settings: Settings) -> Built:
    shape = settings.get("target_shape")
    sides = tuple(shape) if isinstance(shape, list | tuple) else ()
    if not sides or not all(isinstance(side, int) and side != 0 and side >= -1 for side in sides):
        raise settings.refuse(f"target_shape is {shape!r}")
    if sides.count(-1) > 1:
        raise settings.refuse(f"target_shape {shape!r} leaves more than one length open")
    signal = settings.signal
    keeps_channels = signal.channel_axis == signal.rank - 1 and sides[-1] == signal.shape[-1]
    return Reshape(sides, "channelwise" if keeps_channels else None), len(sides) - 1


def _permute(settings: Settings) -> Built:
    dims, signal = settings.get("dims"), settings.signal
    if not isinstance(dims, list | tuple) or {*map(str, dims)} != {str(axis + 1) for axis in range(signal.rank)}:
        raise settings.refuse(f"dims is {dims!r}, not an order of 1 to {signal.rank}")
    order = tuple(int(axis) - 1 for axis in dims)
    if signal.channel_axis is None:
        return Permute(order), None
    return Permute(order), order.index(signal.channel_axis)


def _repeat_vector(settings: Settings) -> Built:
    if settings.signal.rank != 1:
        raise settings.refuse(f"it is given {settings.signal.shape}, not one row of units")
    return Repeat(settings.count("n")), 1


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    "Flatten": _flatten,
    "Permute": _permute,
    "RepeatVector": _repeat_vector,
    "Reshape": _reshape,
    **{f"ZeroPadding{rank}D": _zero_padding for rank in (1, 2, 3)},
    **{f"Cropping{rank}D": _cropping for rank in (1, 2, 3)},
}
