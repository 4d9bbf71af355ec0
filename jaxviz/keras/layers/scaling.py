"""Scales: layers that convert the range of the pixels at the beginning of a network."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxviz.keras.layers.computation import ONES, ZEROS, Built, Slices, pick
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS", "Affine", "Normalization"]

_LEAST_DEVIATION = 1e-7  # Keras's epsilon, for variances of zero


@dataclasses.dataclass(frozen=True)
class Affine:
    """Rescaling, and Normalization by numbers of the configuration: ``x * factor + offset``.

    Attributes:
      factor: numbers along the axes.
      offset: likewise.
      shape: how they stand along the image's axes, 1 where they are the same all along.
      channel_axis: where the image counts channels.
    """

    factor: tuple[float, ...]
    offset: tuple[float, ...]
    shape: tuple[int, ...]
    channel_axis: int | None

    @property
    def slices(self) -> Slices | None:
        """Channel by channel, if there are channels."""
        return None if self.channel_axis is None else "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        factor, offset = (jnp.asarray(numbers).reshape(self.shape) for numbers in (self.factor, self.offset))
        if self.channel_axis is not None and self.shape[self.channel_axis] > 1:
            factor, offset = pick(factor, index, self.channel_axis), pick(offset, index, self.channel_axis)
        return x * factor + offset


class Normalization(nn.Module):
    """Normalization by what was seen in training: ``(x - mean) / sqrt(var)``, or the other way round."""

    axes: tuple[int, ...]
    invert: bool
    keras_names: ClassVar[Mapping[str, str]] = {"var": "variance"}

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = tuple(x.shape[axis] for axis in self.axes)
        mean = self.variable("batch_stats", "mean", ZEROS, None, shape).value
        var = self.variable("batch_stats", "var", ONES, None, shape).value
        self.variable("batch_stats", "count", ZEROS, None, ())  # of images seen; stored and not used
        stretched = [x.shape[axis] if axis in self.axes else 1 for axis in range(x.ndim)]
        mean, deviation = mean.reshape(stretched), jnp.maximum(jnp.sqrt(var), _LEAST_DEVIATION).reshape(stretched)
        return x * deviation + mean if self.invert else (x - mean) / deviation


def _rescaling(settings: Settings) -> Built:
    signal = settings.signal
    scale, offset = _numbers(settings, "scale", None), _numbers(settings, "offset", 0.0)
    if () in (scale.shape, offset.shape):
        scale, offset = np.broadcast_arrays(scale, offset)
    if scale.shape != offset.shape or scale.ndim > 1 or (scale.ndim == 1 and scale.size not in (1, signal.shape[-1])):
        raise settings.refuse(f"scale and offset of shape {scale.shape} for an image of {signal.shape}")
    shape = (1,) * (signal.rank - 1) + (scale.size,)
    return _affine(scale, offset, shape, signal.channel_axis), signal.channel_axis


def _normalization(settings: Settings) -> Built:
    signal = settings.signal
    invert = settings.flag("invert", False)
    axes = settings.axes() if settings.layer.settings.get("axis", -1) not in (None, [], ()) else ()
    if not settings.has("mean"):
        return Normalization(axes=axes, invert=invert), signal.channel_axis
    mean, variance = _numbers(settings, "mean", None), _numbers(settings, "variance", None)
    kept = [signal.shape[axis] for axis in axes]
    try:
        mean, variance = (
            np.broadcast_to(numbers.reshape(numbers.shape[-len(kept) :] if kept else ()), kept)
            for numbers in (mean, variance)
        )
    except ValueError:
        raise settings.refuse(f"mean of shape {mean.shape} for an image of {signal.shape} along {axes}") from None
    if variance.min() < 0:
        raise settings.refuse(f"its variance has {variance.min():g}, which is negative")
    deviation = np.maximum(np.sqrt(variance), np.float32(_LEAST_DEVIATION))
    shape = tuple(side if axis in axes else 1 for axis, side in enumerate(signal.shape))
    if invert:
        return _affine(deviation, mean, shape, signal.channel_axis), signal.channel_axis
    return _affine(1 / deviation, -mean / deviation, shape, signal.channel_axis), signal.channel_axis


def _affine(factor: np.ndarray, offset: np.ndarray, shape: tuple[int, ...], channel_axis: int | None) -> Affine:
    return Affine(tuple(factor.ravel().tolist()), tuple(offset.ravel().tolist()), shape, channel_axis)


def _numbers(settings: Settings, name: str, default: float | None) -> np.ndarray:
    """Reads a number, a list of them, or an array as Keras 3 writes it."""
    value = settings.get(name, default)
    if isinstance(value, Mapping):
        config = value.get("config")
        value = config.get("value") if isinstance(config, Mapping) else value.get("value")
    try:
        numbers = np.asarray(value, np.float32)
    except (TypeError, ValueError):
        raise settings.refuse(f"{name} is {str(value)[:40]!r}, not numbers") from None
    if not np.isfinite(numbers).all():
        raise settings.refuse(f"{name} is {str(value)[:40]!r}, not all of it finite")
    return numbers


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    "Normalization": _normalization,
    "Rescaling": _rescaling,
}
