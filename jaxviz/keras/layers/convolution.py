"""Convolutions of any rank: plain, depthwise and separable."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxviz.keras.layers.computation import ZEROS, Built, Slices, pick
from jaxviz.keras.layers.settings import Settings
from jaxviz.layers.convolution import EXACT, Padding, convolve, output_padding

__all__ = ["BUILDERS", "Conv", "DepthwiseConv", "SeparableConv", "Window", "window_of"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """How a kernel moves over an image.

    Attributes:
      size: the kernel's length along each spatial axis.
      strides: steps, in pixels.
      padding: ``valid``, ``same`` or, along one axis, ``causal``.
      dilation: distance between the kernel's taps, in pixels.
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    dilation: tuple[int, ...]

    def zeros(self, sides: Sequence[int]) -> Padding:
        """Returns the zeros before and after each side of an image."""
        extent = [(taps - 1) * spread + 1 for taps, spread in zip(self.size, self.dilation, strict=True)]
        if self.padding == "causal":
            return tuple((length - 1, 0) for length in extent)
        return output_padding(self.padding, sides, extent, self.strides)

    def convolve(self, image: Array, kernel: Array, groups: int) -> Array:
        """Convolves an image, channels last, with a kernel of this window."""
        padding = self.zeros(image.shape[:-1])
        return convolve(image, kernel, strides=self.strides, padding=padding, dilation=self.dilation, groups=groups)


class Conv(nn.Module):
    """Conv1D, 2D, 3D. Its kernel is ``[*size, input channels of a group, filters]`` in every layout."""

    features: int
    window: Window
    groups: int
    use_bias: bool
    channel_axis: int
    slices: ClassVar[Slices] = "output"

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        x = jnp.moveaxis(x, self.channel_axis, -1)
        inputs, groups = x.shape[-1] // self.groups, self.groups
        kernel = self.param("kernel", ZEROS, (*self.window.size, inputs, self.features))
        if index is not None and groups > 1:
            x = lax.dynamic_slice_in_dim(x, index // (self.features // groups) * inputs, inputs, axis=-1)
            groups = 1
        y = self.window.convolve(x, pick(kernel, index), groups)
        if self.use_bias:
            y = y + pick(self.param("bias", ZEROS, (self.features,)), index)
        return jnp.moveaxis(y, -1, self.channel_axis)


class DepthwiseConv(nn.Module):
    """DepthwiseConv1D, 2D. Its kernel is ``[*size, input channels, multiplier]``."""

    channels: int
    multiplier: int
    window: Window
    use_bias: bool
    channel_axis: int

    @property
    def slices(self) -> Slices:
        """With one filter a channel, a channel of the output needs only that of the input."""
        return "channelwise" if self.multiplier == 1 else "output"

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        x = jnp.moveaxis(x, self.channel_axis, -1)
        kernel = self.param("kernel", ZEROS, (*self.window.size, self.channels, self.multiplier))
        bias = self.param("bias", ZEROS, (self.channels * self.multiplier,)) if self.use_bias else None
        if index is None:
            y = self.window.convolve(x, _grouped(kernel), x.shape[-1])
        else:
            if self.multiplier > 1:
                x = pick(x, index // self.multiplier)
            kernel = pick(pick(kernel, index // self.multiplier, -2), index % self.multiplier)
            y = self.window.convolve(x, kernel, 1)
        if bias is not None:
            y = y + pick(bias, index)
        return jnp.moveaxis(y, -1, self.channel_axis)


class SeparableConv(nn.Module):
    """SeparableConv1D, 2D: a depthwise convolution, then one of single pixels."""

    features: int
    multiplier: int
    window: Window
    use_bias: bool
    channel_axis: int
    slices: ClassVar[Slices] = "output"

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        x = jnp.moveaxis(x, self.channel_axis, -1)
        inputs, ones = x.shape[-1], (1,) * len(self.window.size)
        depthwise = self.param("depthwise_kernel", ZEROS, (*self.window.size, inputs, self.multiplier))
        pointwise = self.param("pointwise_kernel", ZEROS, (*ones, inputs * self.multiplier, self.features))
        y = self.window.convolve(x, _grouped(depthwise), inputs)
        y = jnp.matmul(y, pick(pointwise, index).reshape(inputs * self.multiplier, -1), precision=EXACT)
        if self.use_bias:
            y = y + pick(self.param("bias", ZEROS, (self.features,)), index)
        return jnp.moveaxis(y, -1, self.channel_axis)


def _grouped(kernel: Array) -> Array:
    """Makes of a depthwise kernel one of a convolution in as many groups as channels."""
    return kernel.reshape(*kernel.shape[:-2], 1, -1)


_MOST_TAPS = 1 << 12  # of a kernel; the largest in use have some hundreds


def window_of(settings: Settings, *paddings: str) -> Window:
    """Reads from a layer's settings how its kernel moves; ``paddings`` are allowed beside valid and same."""
    size = settings.sides("kernel_size")
    if math.prod(size) > _MOST_TAPS:
        raise settings.refuse(f"kernel_size is {size}, more than {_MOST_TAPS} taps")
    return Window(
        size=size,
        strides=settings.sides("strides", 1),
        padding=settings.padding(*paddings),
        dilation=settings.sides("dilation_rate", 1),
    )


def _conv(settings: Settings) -> Built:
    axis = settings.image_axis()
    features, groups = settings.count("filters"), settings.count("groups", 1)
    if features % groups:
        raise settings.refuse(f"{features} filters in {groups} groups")
    if settings.signal.shape[axis] % groups:
        raise settings.refuse(f"{settings.signal.shape[axis]} channels in {groups} groups")
    window = window_of(settings, *(["causal"] if settings.rank == 1 else []))
    use_bias = settings.flag("use_bias", True)
    return Conv(features=features, window=window, groups=groups, use_bias=use_bias, channel_axis=axis), axis


def _depthwise(settings: Settings) -> Built:
    axis = settings.image_axis()
    conv = DepthwiseConv(
        channels=settings.signal.shape[axis],
        multiplier=settings.count("depth_multiplier", 1),
        window=window_of(settings, *(["causal"] if settings.rank == 1 else [])),
        use_bias=settings.flag("use_bias", True),
        channel_axis=axis,
    )
    return conv, axis


def _separable(settings: Settings) -> Built:
    axis = settings.image_axis()
    conv = SeparableConv(
        features=settings.count("filters"),
        multiplier=settings.count("depth_multiplier", 1),
        window=window_of(settings, *(["causal"] if settings.rank == 1 else [])),
        use_bias=settings.flag("use_bias", True),
        channel_axis=axis,
    )
    return conv, axis


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    "Conv1D": _conv,
    "Conv2D": _conv,
    "Conv3D": _conv,
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
}
