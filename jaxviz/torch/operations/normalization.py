"""Normalizations: by statistics of training, or of the image itself."""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxviz.torch.operations.computation import Call, Channels, Number, Operation, Read, whole
from jaxviz.torch.tensors import Tensor

__all__ = ["OPERATIONS"]


def _stretched(values: Tensor | None, x: Tensor, axes: Sequence[int]) -> Array | None:
    """Gives values along some neighbouring axes of a tensor its rank."""
    if values is None:
        return None
    first = min(axes)
    order = [axis - first for axis in x.order if axis in axes]
    return values.ordered(order).reshape([x.shape[axis] if axis in axes else 1 for axis in x.order])


def _scaled(x: Tensor, y: Array, weight: Tensor | None, bias: Tensor | None, axes: Sequence[int]) -> Tensor:
    scale, shift = _stretched(weight, x, axes), _stretched(bias, x, axes)
    y = y if scale is None else y * scale
    return x.like(y if shift is None else y + shift)


def _standardized(array: Array, places: Sequence[int], epsilon: Number) -> Array:
    mean = jnp.mean(array, axis=places, keepdims=True)
    centred = array - mean
    return centred * lax.rsqrt(jnp.mean(jnp.square(centred), axis=places, keepdims=True) + epsilon)


def _batch_norm(x: Tensor, weight, bias, mean, variance, training, momentum, epsilon, *_) -> Tensor:
    del momentum
    if training or mean is None:
        others = x.places([axis for axis in range(x.ndim) if axis != 1])
        return _scaled(x, _standardized(x.array, others, epsilon), weight, bias, [1])
    factor = lax.rsqrt(variance.array + epsilon)
    factor = factor if weight is None else factor * weight.array
    offset = -mean.array * factor
    offset = offset if bias is None else offset + bias.array
    return _scaled(x, x.array, Tensor.of(factor), Tensor.of(offset), [1])


def _batch_norm_of_inference(x: Tensor, weight, bias, mean, variance, momentum, epsilon) -> Tensor:
    return _batch_norm(x, weight, bias, mean, variance, False, momentum, epsilon)


def _batch_norm_channels(call: Call) -> Channels:
    if not call.inputs[0].of_image or call.arguments[3] is None or call.arguments[5] is True:
        return whole(call)
    first: Read = "channel" if call.inputs[0].axis == 1 else 1
    return Channels(1, (first, *(0 for _ in call.inputs[1:])))


def _layer_norm(x: Tensor, shape: Sequence[int], weight=None, bias=None, epsilon: Number = 1e-5, *_) -> Tensor:
    axes = range(x.ndim - len(shape), x.ndim)
    return _scaled(x, _standardized(x.array, x.places(axes), epsilon), weight, bias, axes)


def _rms_norm(x: Tensor, shape: Sequence[int], weight=None, epsilon: Number | None = None) -> Tensor:
    axes = range(x.ndim - len(shape), x.ndim)
    square = jnp.mean(jnp.square(x.array), axis=x.places(axes), keepdims=True)
    epsilon = float(jnp.finfo(jnp.float32).eps) if epsilon is None else epsilon
    return _scaled(x, x.array * lax.rsqrt(square + epsilon), weight, None, axes)


def _weight_norm(direction: Tensor, length: Tensor, axis: int = 0) -> Tensor:
    """Salimans and Kingma, "Weight Normalization", 2016, https://arxiv.org/abs/1602.07868."""
    array = direction.plain()
    others = tuple(other for other in range(array.ndim) if other != axis)
    return Tensor.of(array * (length.plain() / jnp.sqrt(jnp.sum(jnp.square(array), axis=others, keepdims=True))))


def _cosine(x: Tensor, y: Tensor, axis: int = 1, epsilon: Number = 1e-8) -> Tensor:
    a, b = jnp.broadcast_arrays(x.plain(), y.plain())
    lengths = [jnp.maximum(jnp.sqrt(jnp.sum(jnp.square(array), axis=axis)), epsilon) for array in (a, b)]
    return Tensor.of(jnp.sum(a * b, axis=axis) / (lengths[0] * lengths[1]))


def _group_norm(x: Tensor, groups: int, weight=None, bias=None, epsilon: Number = 1e-5, *_) -> Tensor:
    place, channels = x.place(1), x.shape[1]
    sides = x.array.shape
    split = x.array.reshape(*sides[:place], groups, channels // groups, *sides[place + 1 :])
    batch = x.place(0) + (x.place(0) > place)
    axes = [axis for axis in range(split.ndim) if axis not in (batch, place)]
    return _scaled(x, _standardized(split, axes, epsilon).reshape(sides), weight, bias, [1])


def _instance_norm(x: Tensor, weight, bias, mean, variance, use_input_stats, momentum, epsilon, *_) -> Tensor:
    if not use_input_stats:
        return _batch_norm(x, weight, bias, mean, variance, False, momentum, epsilon)
    return _scaled(x, _standardized(x.array, x.places(range(2, x.ndim)), epsilon), weight, bias, [1])


def _instance_norm_channels(call: Call) -> Channels:
    if call.inputs[0].axis != 1:
        return whole(call)
    return Channels(1, ("channel", *(0 for _ in call.inputs[1:])))


OPERATIONS: dict[str, Operation] = {
    "_native_batch_norm_legit_no_training": Operation(_batch_norm_of_inference, _batch_norm_channels),
    "_weight_norm": Operation(_weight_norm, whole),
    "batch_norm": Operation(_batch_norm, _batch_norm_channels),
    "cosine_similarity": Operation(_cosine, whole),
    "group_norm": Operation(_group_norm, whole),
    "instance_norm": Operation(_instance_norm, _instance_norm_channels),
    "layer_norm": Operation(_layer_norm, whole),
    "native_layer_norm": Operation(_layer_norm, whole),
    "rms_norm": Operation(_rms_norm, whole),
}
