"""Normalizations by statistics of the training or of the image itself, and learned scales."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxviz.keras.layers.computation import ONES, ZEROS, Apply, Built, Slices, pick
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS", "BatchNorm", "LayerScale"]

_GAMMA = {"scale": "gamma", "bias": "beta"}  # Flax's name of a variable -> Keras's


class BatchNorm(nn.Module):
    """BatchNormalization with the statistics of training: ``(x - mean) / sqrt(var + epsilon) * scale + bias``."""

    axis: int
    epsilon: float
    use_scale: bool
    use_bias: bool
    slices: Slices | None  # None where it is not the channels that are normalized
    keras_names: ClassVar[Mapping[str, str]] = {**_GAMMA, "mean": "moving_mean", "var": "moving_variance"}

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        # x may be one channel alone, so the number of channels comes from the variables wherever they exist.
        features = x.shape[self.axis]
        mean = self.variable("batch_stats", "mean", ZEROS, None, (features,)).value
        var = self.variable("batch_stats", "var", ONES, None, (features,)).value
        factor = lax.rsqrt(pick(var, index) + self.epsilon)
        if self.use_scale:
            factor = factor * pick(self.param("scale", ONES, mean.shape), index)
        offset = -pick(mean, index) * factor
        if self.use_bias:
            offset = offset + pick(self.param("bias", ZEROS, mean.shape), index)
        return x * _stretched(factor, x, (self.axis,)) + _stretched(offset, x, (self.axis,))


class LayerNorm(nn.Module):
    """LayerNormalization: each image's mean over some axes becomes 0 and its variance 1, then scale and bias."""

    axes: tuple[int, ...]
    epsilon: float
    use_scale: bool
    use_bias: bool
    centered: bool  # False for Keras's deprecated rms_scaling, which divides and subtracts nothing
    keras_names: ClassVar[Mapping[str, str]] = _GAMMA

    @nn.compact
    def __call__(self, x: Array) -> Array:
        mean = jnp.mean(x, axis=self.axes, keepdims=True)
        factor = lax.rsqrt(jnp.var(x, axis=self.axes, keepdims=True) + self.epsilon)
        shape = tuple(x.shape[axis] for axis in self.axes)
        if self.use_scale:
            factor = factor * _stretched(self.param("scale", ONES, shape), x, self.axes)
        y = (x - mean) * factor if self.centered else x * factor
        if self.use_bias:
            y = y + _stretched(self.param("bias", ZEROS, shape), x, self.axes)
        return y


class RMSNorm(nn.Module):
    """RMSNormalization: each image's mean square over some axes becomes 1, then scale."""

    axes: tuple[int, ...]
    epsilon: float

    @nn.compact
    def __call__(self, x: Array) -> Array:
        y = x * lax.rsqrt(jnp.mean(jnp.square(x), axis=self.axes, keepdims=True) + self.epsilon)
        return y * self.param("scale", ONES, tuple(x.shape[axis] for axis in self.axes))  # from behind, as Keras does


class GroupNorm(nn.Module):
    """GroupNormalization: as LayerNorm, over all positions and one group of channels at a time."""

    axis: int
    groups: int
    epsilon: float
    use_scale: bool
    use_bias: bool
    keras_names: ClassVar[Mapping[str, str]] = _GAMMA

    @nn.compact
    def __call__(self, x: Array) -> Array:
        features = x.shape[self.axis]
        grouped = x.reshape(*x.shape[: self.axis], self.groups, features // self.groups, *x.shape[self.axis + 1 :])
        axes = tuple(axis for axis in range(grouped.ndim) if axis != self.axis)
        factor = lax.rsqrt(jnp.var(grouped, axis=axes, keepdims=True) + self.epsilon)
        y = ((grouped - jnp.mean(grouped, axis=axes, keepdims=True)) * factor).reshape(x.shape)
        if self.use_scale:
            y = y * _stretched(self.param("scale", ONES, (features,)), x, (self.axis,))
        if self.use_bias:
            y = y + _stretched(self.param("bias", ZEROS, (features,)), x, (self.axis,))
        return y


@dataclasses.dataclass(frozen=True)
class UnitLength:
    """UnitNormalization: each image's length over some axes becomes 1."""

    axes: tuple[int, ...]

    def __call__(self, x: Array) -> Array:
        factor = lax.rsqrt(jnp.sum(jnp.square(x), axis=self.axes, keepdims=True))
        return x * jnp.minimum(factor, 1e12)  # Keras's bound, for images of zeros


class LayerScale(nn.Module):
    """LayerScale of ConvNeXt: a learned factor for each channel."""

    features: int
    slices: Slices | None
    keras_names: ClassVar[Mapping[str, str]] = _GAMMA

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        return x * pick(self.param("scale", ONES, (self.features,)), index)


def _stretched(values: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """Gives values along some axes of an array its rank."""
    return values.reshape([values.shape[axes.index(axis)] if axis in axes else 1 for axis in range(x.ndim)])


def _batch_norm(settings: Settings) -> Built:
    axis, signal = settings.axis(), settings.signal
    if mode := settings.get("mode", 0):  # Keras 1's ways to look at the images beside this one
        raise settings.refuse(f"mode {mode!r} is not supported; 0 is")
    norm = BatchNorm(
        axis=axis,
        slices="channelwise" if axis == signal.channel_axis else None,
        epsilon=settings.number("epsilon", 1e-3),
        use_scale=settings.flag("scale", True),
        use_bias=settings.flag("center", True),
    )
    return norm, signal.channel_axis


def _layer_norm(settings: Settings) -> Built:
    is_rms = settings.flag("rms_scaling", False)
    norm = LayerNorm(
        axes=settings.axes(),
        epsilon=settings.number("epsilon", 1e-3),
        use_scale=settings.flag("scale", True) or is_rms,
        use_bias=settings.flag("center", True) and not is_rms,
        centered=not is_rms,
    )
    return norm, settings.signal.channel_axis


def _rms_norm(settings: Settings) -> Built:
    return RMSNorm(axes=settings.axes(), epsilon=settings.number("epsilon", 1e-6)), settings.signal.channel_axis


def _group_norm(settings: Settings) -> Built:
    axis, signal = settings.axis(), settings.signal
    features = signal.shape[axis]
    groups = features if settings.get("groups", 32) == -1 else settings.count("groups", 32)
    if features % groups:
        raise settings.refuse(f"{features} channels in {groups} groups")
    norm = GroupNorm(
        axis=axis,
        groups=groups,
        epsilon=settings.number("epsilon", 1e-3),
        use_scale=settings.flag("scale", True),
        use_bias=settings.flag("center", True),
    )
    return norm, signal.channel_axis


def _unit_norm(settings: Settings) -> Built:
    return Apply(UnitLength(settings.axes()), None), settings.signal.channel_axis


def _layer_scale(settings: Settings) -> Built:
    signal = settings.signal
    slices: Slices | None = "channelwise" if signal.channel_axis == signal.rank - 1 else None
    return LayerScale(features=settings.count("projection_dim"), slices=slices), signal.channel_axis


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    "BatchNormalization": _batch_norm,
    "GroupNormalization": _group_norm,
    "LayerNormalization": _layer_norm,
    "LayerScale": _layer_scale,
    "RMSNormalization": _rms_norm,
    "UnitNormalization": _unit_norm,
}
