"""Activation functions: tensor -> tensor."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.torch.operations.computation import EACH, Call, Channels, Number, Operation, along
from jaxviz.torch.tensors import Tensor

__all__ = ["OPERATIONS", "PROBABILITIES"]


def _each(function: Callable[..., Array]) -> Operation:
    def compute(x: Tensor, *settings) -> Tensor:
        return x.like(function(x.array, *settings))

    return Operation(compute, EACH, activation=True)


def _along(function: Callable[..., Array]) -> Operation:
    def compute(x: Tensor, axis: int, *_) -> Tensor:
        return x.like(function(x.array, axis=x.place(axis)))

    return Operation(compute, along(lambda call: [call.arguments[1]]), activation=True)


def _clip(x: Array, low: Number = -1.0, high: Number = 1.0) -> Array:
    # By the names that are known where the gradient through relus is redirected.
    if low == 0:
        return jax.nn.relu6(x) if high == 6 else jnp.minimum(jax.nn.relu(x), high)
    return jnp.clip(x, low, high)


def _elu(x: Array, alpha: Number = 1.0, scale: Number = 1.0, input_scale: Number = 1.0) -> Array:
    if scale == input_scale == 1:
        return jax.nn.elu(x, alpha)
    return scale * jnp.where(x > 0, x, alpha * jnp.expm1(jnp.where(x > 0, 0.0, x) * input_scale))


def _gelu(x: Array, approximate: str = "none") -> Array:
    return jax.nn.gelu(x, approximate=approximate == "tanh")


def _leaky_relu(x: Array, slope: Number = 0.01) -> Array:
    return jax.nn.leaky_relu(x, slope)


def _rrelu(x: Array, low: Number = 1 / 8, high: Number = 1 / 3, *_) -> Array:
    return jax.nn.leaky_relu(x, (low + high) / 2)


def _softplus(x: Array, beta: Number = 1.0, threshold: Number = 20.0) -> Array:
    return jnp.where(x * beta > threshold, x, jax.nn.softplus(x * beta) / beta)


def _threshold(x: Array, threshold: Number, value: Number) -> Array:
    return jax.nn.relu(x) if threshold == value == 0 else jnp.where(x > threshold, x, value)


def _hardshrink(x: Array, edge: Number = 0.5) -> Array:
    return jnp.where(jnp.abs(x) > edge, x, 0.0)


def _softshrink(x: Array, edge: Number = 0.5) -> Array:
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - edge, 0.0)


@dataclasses.dataclass(frozen=True)
class _PRelu:
    """A slope below 0 for each channel, the second axis, or one for all."""

    def __call__(self, x: Tensor, slopes: Tensor) -> Tensor:
        count = slopes.array.size
        along = slopes.array.reshape([count if axis == 1 and count > 1 else 1 for axis in x.order])
        return x.like(jnp.where(x.array > 0, x.array, x.array * along))


def _prelu_channels(call: Call) -> Channels:
    x, slopes = call.inputs
    if x.axis is None:
        return Channels(None)
    one = slopes.shape == () or slopes.shape[0] == 1
    return Channels(x.axis, ("channel", "whole" if one else 0) if one or x.axis == 1 else None)


def _glu(x: Tensor, axis: int = -1) -> Tensor:
    return x.like(jax.nn.glu(x.array, axis=x.place(axis)))


PROBABILITIES = frozenset({"sigmoid", "softmax", "_softmax", "log_softmax", "_log_softmax"})
"""The operations that make logits probabilities, or logarithms of these."""

OPERATIONS: dict[str, Operation] = {
    "_log_softmax": _along(jax.nn.log_softmax),
    "_prelu_kernel": Operation(_PRelu(), _prelu_channels, activation=True),
    "_softmax": _along(jax.nn.softmax),
    "celu": _each(lambda x, alpha=1.0: jax.nn.celu(x, alpha)),
    "elu": _each(_elu),
    "gelu": _each(_gelu),
    "glu": Operation(_glu, along(lambda call: [call.arguments[1]])),
    "hardshrink": _each(_hardshrink),
    "hardsigmoid": _each(jax.nn.hard_sigmoid),
    "hardswish": _each(jax.nn.hard_silu),
    "hardtanh": _each(_clip),
    "leaky_relu": _each(_leaky_relu),
    "log_sigmoid": _each(jax.nn.log_sigmoid),
    "log_softmax": _along(jax.nn.log_softmax),
    "mish": _each(jax.nn.mish),
    "prelu": Operation(_PRelu(), _prelu_channels, activation=True),
    "relu": _each(jax.nn.relu),
    "relu6": _each(jax.nn.relu6),
    "rrelu": _each(_rrelu),
    "selu": _each(jax.nn.selu),
    "sigmoid": _each(jax.nn.sigmoid),
    "silu": _each(jax.nn.silu),
    "softmax": _along(jax.nn.softmax),
    "softplus": _each(_softplus),
    "softshrink": _each(_softshrink),
    "tanh": _each(jnp.tanh),
    "threshold": _each(_threshold),
}
