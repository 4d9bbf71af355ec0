"""Convolutions and linear layers: (pictures, kernel, bias) -> pictures."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxviz.layers.convolution import EXACT, Padding, convolve, output_padding
from jaxviz.torch.operations.computation import Call, Channels, Known, Number, Operation, Read, of_each_side
from jaxviz.torch.tensors import Tensor, with_channels_last

__all__ = ["OPERATIONS", "kernel_order", "linear_order"]


def kernel_order(rank: int, *, transposed: bool = False) -> tuple[int, ...]:
    """Returns the order in which our convolutions hold a kernel: the taps, input channels, filters."""
    return (*range(2, rank), 0, 1) if transposed else (*range(2, rank), 1, 0)


linear_order = (1, 0)
"""The order in which a product holds the weights of a linear layer: inputs, units."""


def _unbatched(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Makes of a function of a batch of pictures one that takes a picture without a batch too."""

    def compute(image: Tensor, kernel: Tensor, *settings) -> Tensor:
        if image.ndim == kernel.ndim:
            return function(image, kernel, *settings)
        return Tensor.of(function(_batch(image), kernel, *settings).plain()[0])

    return compute


def _batch(image: Tensor) -> Tensor:
    return Tensor(image.array[None], (0, *(axis + 1 for axis in image.order)))


@_unbatched
def _conv(
    image: Tensor, kernel: Tensor, bias: Tensor | None = None, stride=1, padding=0, dilation=1, groups: int = 1
) -> Tensor:
    order = with_channels_last(kernel.ndim)
    pictures = image.ordered(order)
    taps = kernel.ordered(kernel_order(kernel.ndim))
    rank = kernel.ndim - 2
    strides, spread = of_each_side(stride, rank), of_each_side(dilation, rank)
    zeros = _zeros(padding, pictures.shape[1:-1], taps.shape[:-2], strides, spread)
    outputs = [
        convolve(picture, taps, strides=strides, padding=zeros, dilation=spread, groups=groups) for picture in pictures
    ]
    out = outputs[0][None] if len(outputs) == 1 else jnp.stack(outputs)
    return Tensor(out if bias is None else out + _last(bias, out.ndim), order)


def _zeros(padding, sides, taps, strides, spread) -> Padding:
    if isinstance(padding, str):
        extent = [(count - 1) * gap + 1 for count, gap in zip(taps, spread, strict=True)]
        return output_padding(padding, sides, extent, strides)
    return tuple((zeros, zeros) for zeros in of_each_side(padding, len(sides)))


def _last(bias: Tensor, rank: int) -> Array:
    return bias.array.reshape((1,) * (rank - 1) + (-1,))


@dataclasses.dataclass(frozen=True)
class _OfItsGroup:
    """One filter of a convolution in groups: it reads the channels of its own group.

    Attributes:
      features: the filters of all groups.
      groups: how many groups.
    """

    features: int
    groups: int

    def __call__(self, index: Array, image: Tensor, kernel: Tensor, bias: Tensor | None, *settings) -> Tensor:
        stride, padding, dilation, _ = settings
        inputs = kernel.shape[1]
        start = index // (self.features // self.groups) * inputs
        own = image.like(lax.dynamic_slice_in_dim(image.array, start, inputs, axis=image.place(1)))
        return _conv(own, kernel, bias, stride, padding, dilation, 1)


def _of_its_channel(index: Array, image: Tensor, kernel: Tensor, bias: Tensor | None, *settings) -> Tensor:
    del index
    stride, padding, dilation, _ = settings
    return _conv(image, kernel, bias, stride, padding, dilation, 1)


def _conv_channels(call: Call) -> Channels:
    image, kernel, *bias = call.inputs
    groups, features = call.arguments[6], kernel.shape[0]
    axis = len(call.shape) - len(kernel.shape) + 1
    weights = (0, *(0 for _ in bias))
    if len(image.shape) < len(kernel.shape) or groups == 1:
        return Channels(axis, ("whole", *weights) if groups == 1 else None)
    if groups == features == image.shape[1] and image.axis == 1:
        return Channels(axis, ("channel", *weights), _of_its_channel)
    return Channels(axis, ("whole", *weights), _OfItsGroup(features, groups))


@_unbatched
def _transposed(image, kernel, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1) -> Tensor:
    rank = kernel.ndim - 2
    order = with_channels_last(kernel.ndim)
    pictures = image.ordered(order)
    taps = jnp.flip(
        kernel.ordered(kernel_order(kernel.ndim, transposed=True)), range(rank)
    )  # [*taps, in, out / groups]
    if groups > 1:  # a convolution in groups has [*taps, in / groups, out]
        inputs, features = taps.shape[-2:]
        taps = taps.reshape(*taps.shape[:-2], groups, inputs // groups, features)
        taps = jnp.moveaxis(taps, -3, -2).reshape(*taps.shape[:-3], inputs // groups, groups * features)
    strides, spread = of_each_side(stride, rank), of_each_side(dilation, rank)
    zeros = []
    for size, gap, less, more in zip(
        taps.shape[:-2], spread, of_each_side(padding, rank), of_each_side(output_padding, rank), strict=True
    ):
        reach = (size - 1) * gap - less
        zeros.append((reach, reach + more))
    letters = "XYZ"[:rank]
    out = lax.conv_general_dilated(
        pictures,
        taps,
        (1,) * rank,
        zeros,
        lhs_dilation=strides,
        rhs_dilation=spread,
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        feature_group_count=groups,
        precision=EXACT,
    )
    return Tensor(out if bias is None else out + _last(bias, out.ndim), order)


def _transposed_channels(call: Call) -> Channels:
    groups = call.arguments[6]
    axis = len(call.shape) - len(call.inputs[1].shape) + 1
    return Channels(axis, ("whole", 1, *(0 for _ in call.inputs[2:])) if groups == 1 else None)


def _convolution(image, kernel, bias, stride, padding, dilation, transposed, output_padding, groups) -> Tensor:
    if transposed:
        return _transposed(image, kernel, bias, stride, padding, output_padding, groups, dilation)
    return _conv(image, kernel, bias, stride, padding, dilation, groups)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    order = x.order
    if order[-1] != x.ndim - 1:  # what is summed over comes last
        order = (*(axis for axis in order if axis != x.ndim - 1), x.ndim - 1)
    out = jnp.matmul(x.ordered(order), weight.ordered(linear_order), precision=EXACT)
    return Tensor(out if bias is None else out + _last(bias, out.ndim), order)


def _linear_channels(call: Call) -> Channels:
    return Channels(len(call.shape) - 1, ("whole", 0, *(0 for _ in call.inputs[2:])))


def _addmm(bias: Tensor, x: Tensor, weight: Tensor, beta: Number = 1, alpha: Number = 1) -> Tensor:
    product = jnp.matmul(x.plain(), weight.plain(), precision=EXACT)
    return Tensor.of(beta * bias.plain().reshape((1,) * (2 - bias.ndim) + bias.shape) + alpha * product)


def _addmm_channels(call: Call) -> Channels:
    bias: Known = call.inputs[0]
    read: Read = len(bias.shape) - 1 if bias.shape[-1] > 1 else "whole"
    return Channels(1, (read, "whole", 1))


_CONV = Operation(_conv, _conv_channels, learned=True)
_TRANSPOSED = Operation(_transposed, _transposed_channels, learned=True)

OPERATIONS: dict[str, Operation] = {
    "addmm": Operation(_addmm, _addmm_channels),
    "conv1d": _CONV,
    "conv2d": _CONV,
    "conv3d": _CONV,
    "conv_transpose1d": _TRANSPOSED,
    "conv_transpose2d": _TRANSPOSED,
    "conv_transpose3d": _TRANSPOSED,
    "convolution": Operation(_convolution, lambda call: Channels(1), learned=True),
    "linear": Operation(_linear, _linear_channels, learned=True),
}
