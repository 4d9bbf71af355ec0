"""Modules: the computations of Keras layers on one image, whole or one channel of it.

Each is called as ``layer(x)`` for its whole output. Where ``slices`` is not None, ``layer(x, index)`` gives one channel
alone, the channel axis kept with length 1:

- ``"output"``: x is the whole input, and only one channel of the output is computed from it;
- ``"channelwise"``: channel k of the output needs only channel k of the input, and x is that channel.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import ClassVar, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxviz.convolution import EXACT, convolve, output_padding
from jaxviz.pooling import average_pool, max_pool

__all__ = [
    "Apply",
    "BatchNorm",
    "Conv",
    "Dense",
    "Flatten",
    "GlobalPool",
    "Pad",
    "Pool",
    "PoolKind",
    "Reshape",
    "Slices",
]

Slices = Literal["output", "channelwise"]
PoolKind = Literal["max", "average"]
_zeros, _ones = nn.initializers.zeros_init(), nn.initializers.ones_init()


class Conv(nn.Module):
    """Conv2D. Its kernel is ``[height, width, input channels of a group, filters]`` in every layout."""

    features: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int]
    padding: str
    dilation: tuple[int, int]
    groups: int
    use_bias: bool
    channel_axis: int
    slices: ClassVar[Slices] = "output"

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        x = jnp.moveaxis(x, self.channel_axis, -1)
        inputs = x.shape[-1] // self.groups
        kernel = self.param("kernel", _zeros, (*self.kernel_size, inputs, self.features))
        groups = self.groups
        if index is not None:
            kernel = lax.dynamic_slice_in_dim(kernel, index, 1, axis=-1)
            if groups > 1:
                x = lax.dynamic_slice_in_dim(x, index // (self.features // groups) * inputs, inputs, axis=-1)
                groups = 1
        extent = [(taps - 1) * spread + 1 for taps, spread in zip(self.kernel_size, self.dilation, strict=True)]
        padding = output_padding(self.padding, x.shape[:2], extent, self.strides)
        y = convolve(x, kernel, strides=self.strides, padding=padding, dilation=self.dilation, groups=groups)
        if self.use_bias:
            y = y + _pick(self.param("bias", _zeros, (self.features,)), index)
        return jnp.moveaxis(y, -1, self.channel_axis)


class Dense(nn.Module):
    """Dense, on the last axis. Its kernel is ``[inputs, units]``."""

    features: int
    use_bias: bool
    slices: ClassVar[Slices] = "output"

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        kernel = _pick(self.param("kernel", _zeros, (x.shape[-1], self.features)), index)
        y = jnp.matmul(x, kernel, precision=EXACT)
        if self.use_bias:
            y = y + _pick(self.param("bias", _zeros, (self.features,)), index)
        return y


class BatchNorm(nn.Module):
    """BatchNormalization with the statistics of training: ``(x - mean) / sqrt(var + epsilon) * scale + bias``."""

    axis: int
    epsilon: float
    use_scale: bool
    use_bias: bool
    slices: Slices | None  # None where it is not the channels that are normalized

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        # x may be one channel alone, so the number of channels comes from the variables wherever they exist.
        features = x.shape[self.axis]
        mean = self.variable("batch_stats", "mean", _zeros, None, (features,)).value
        var = self.variable("batch_stats", "var", _ones, None, (features,)).value
        factor = lax.rsqrt(_pick(var, index) + self.epsilon)
        if self.use_scale:
            factor = factor * _pick(self.param("scale", _ones, mean.shape), index)
        offset = -_pick(mean, index) * factor
        if self.use_bias:
            offset = offset + _pick(self.param("bias", _zeros, mean.shape), index)
        shape = [1] * x.ndim
        shape[self.axis] = x.shape[self.axis]
        return x * factor.reshape(shape) + offset.reshape(shape)


@dataclasses.dataclass(frozen=True)
class Apply:
    """A function of an array, channel by channel unless ``slices`` is None."""

    function: Callable[[Array], Array]
    slices: Slices | None = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index  # the same function for every channel
        return self.function(x)


@dataclasses.dataclass(frozen=True)
class Pool:
    """MaxPooling2D and AveragePooling2D."""

    kind: PoolKind
    size: tuple[int, int]
    strides: tuple[int, int]
    padding: str
    channel_axis: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        x = jnp.moveaxis(x, self.channel_axis, -1)
        padding = output_padding(self.padding, x.shape[:2], self.size, self.strides)
        pool = max_pool if self.kind == "max" else average_pool
        return jnp.moveaxis(pool(x, self.size, strides=self.strides, padding=padding), -1, self.channel_axis)


@dataclasses.dataclass(frozen=True)
class GlobalPool:
    """GlobalMaxPooling2D and GlobalAveragePooling2D."""

    kind: PoolKind
    keepdims: bool
    channel_axis: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        axes = tuple(axis for axis in range(x.ndim) if axis != self.channel_axis % x.ndim)
        reduce = jnp.max if self.kind == "max" else jnp.mean
        return reduce(x, axis=axes, keepdims=self.keepdims)


@dataclasses.dataclass(frozen=True)
class Pad:
    """ZeroPadding2D."""

    padding: tuple[tuple[int, int], tuple[int, int]]
    channel_axis: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        widths = list(self.padding)
        widths.insert(0 if self.channel_axis == 0 else 2, (0, 0))
        return jnp.pad(x, widths)


@dataclasses.dataclass(frozen=True)
class Flatten:
    """Flatten. Told that channels come first it moves them last before it flattens, as Keras does since 2.2."""

    channels_first: bool
    slices: ClassVar[None] = None

    def __call__(self, x: Array) -> Array:
        return (jnp.moveaxis(x, 0, -1) if self.channels_first and x.ndim > 1 else x).reshape(-1)


@dataclasses.dataclass(frozen=True)
class Reshape:
    """Reshape; one length of the target may be -1."""

    shape: tuple[int, ...]
    slices: ClassVar[None] = None

    def __call__(self, x: Array) -> Array:
        known = math.prod(side for side in self.shape if side != -1)
        return x.reshape([x.size // known if side == -1 else side for side in self.shape])


def _pick(values: Array, index: Array | None) -> Array:
    """Takes one entry of the last axis, kept with length 1; all of them without an index."""
    return values if index is None else lax.dynamic_slice_in_dim(values, index, 1, axis=-1)
