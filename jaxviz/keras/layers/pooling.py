"""Pooling of any rank, in windows or over the whole image."""

import dataclasses
import functools
from collections.abc import Callable
from typing import ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxviz.keras.layers.computation import Built, Slices
from jaxviz.keras.layers.settings import Settings
from jaxviz.layers.convolution import output_padding
from jaxviz.layers.pooling import average_pool, max_pool

__all__ = ["BUILDERS"]

Kind = Literal["max", "average"]


@dataclasses.dataclass(frozen=True)
class Pool:
    """MaxPooling1D, 2D, 3D and AveragePooling1D, 2D, 3D."""

    kind: Kind
    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    channel_axis: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        x = jnp.moveaxis(x, self.channel_axis, -1)
        padding = output_padding(self.padding, x.shape[:-1], self.size, self.strides)
        pool = max_pool if self.kind == "max" else average_pool
        return jnp.moveaxis(pool(x, self.size, strides=self.strides, padding=padding), -1, self.channel_axis)


@dataclasses.dataclass(frozen=True)
class GlobalPool:
    """GlobalMaxPooling1D, 2D, 3D and GlobalAveragePooling1D, 2D, 3D."""

    kind: Kind
    keepdims: bool
    channel_axis: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        axes = tuple(axis for axis in range(x.ndim) if axis != self.channel_axis)
        reduce = jnp.max if self.kind == "max" else jnp.mean
        return reduce(x, axis=axes, keepdims=self.keepdims)


@dataclasses.dataclass(frozen=True)
class AdaptivePool:
    """AdaptiveMaxPooling and AdaptiveAveragePooling 1D, 2D, 3D: windows that share out the image among a size."""

    kind: Kind
    size: tuple[int, ...]
    channel_axis: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        x = jnp.moveaxis(x, self.channel_axis, -1)
        reduce = jnp.max if self.kind == "max" else jnp.mean
        for axis, count in enumerate(self.size):  # maxima and means of boxes are those of their sides in turn
            side = x.shape[axis]
            parts = [x.take(np.arange(k * side // count, -(-(k + 1) * side // count)), axis) for k in range(count)]
            x = jnp.stack([reduce(part, axis=axis) for part in parts], axis=axis)
        return jnp.moveaxis(x, -1, self.channel_axis)


_LONGEST = 1 << 12  # of a window or of what is left, in pixels; the largest in use have some hundreds


def _size(settings: Settings, name: str, default: int | None = None) -> tuple[int, ...]:
    size = settings.sides(name, default)
    if max(size) > _LONGEST:
        raise settings.refuse(f"{name} is {size}, of more than {_LONGEST} pixels")
    return size


def _adaptive_pool(settings: Settings, kind: Kind) -> Built:
    axis = settings.image_axis()
    return AdaptivePool(kind, _size(settings, "output_size"), axis), axis


def _pool(settings: Settings, kind: Kind) -> Built:
    axis = settings.image_axis()
    size = _size(settings, "pool_size", 2)
    return Pool(kind, size, settings.sides("strides", list(size)), settings.padding(), axis), axis


def _global_pool(settings: Settings, kind: Kind) -> Built:
    axis, keepdims = settings.image_axis(), settings.flag("keepdims", False)
    return GlobalPool(kind, keepdims, axis), axis if keepdims else 0


_KINDS: tuple[tuple[str, Kind], ...] = (("Max", "max"), ("Average", "average"))
BUILDERS: dict[str, Callable[[Settings], Built]] = {
    f"{prefix}{word}Pooling{rank}D": functools.partial(build, kind=kind)
    for word, kind in _KINDS
    for prefix, build in (("", _pool), ("Global", _global_pool), ("Adaptive", _adaptive_pool))
    for rank in (1, 2, 3)
}
