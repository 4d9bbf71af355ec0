"""Functions: the names of Keras 3 -> functions of arrays."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.keras.layers import activations
from jaxviz.layers.convolution import EXACT

__all__ = ["EACH", "WHOLE", "Cut"]


def _reshape(x: Array, newshape: tuple, order: str = "C") -> Array:
    if order != "C":
        raise ValueError(f"order {order!r}")
    return x.reshape([1, *(-1 if side is None else side for side in newshape[1:])])


def _get_item(x: Array, key: object) -> Array:
    return x[tuple(_index(part) for part in key) if isinstance(key, tuple) else _index(key)]


def _index(part: object) -> object:
    if part == "...":
        return Ellipsis
    return slice(*part.bounds) if isinstance(part, Cut) else part


def _clip(x: Array, x_min: float, x_max: float) -> Array:
    return jnp.clip(x, x_min, x_max)


def _concatenate(xs: tuple, axis: int = -1) -> Array:
    return jnp.concatenate(xs, axis=axis)


def _stack(xs: tuple, axis: int = 0) -> Array:
    return jnp.stack(xs, axis=axis)


def _matmul(x1: Array, x2: Array) -> Array:
    return jnp.matmul(x1, x2, precision=EXACT)


def _einsum(*xs: Array, subscripts: str) -> Array:
    return jnp.einsum(subscripts, *xs, precision=EXACT)


def _softmax(x: Array, axis: int | tuple[int, ...] = -1) -> Array:
    return jax.nn.softmax(x, axis=axis)


def _gelu(x: Array, approximate: bool = True) -> Array:
    return jax.nn.gelu(x, approximate=approximate)


def _leaky_relu(x: Array, negative_slope: float = 0.2) -> Array:
    return jax.nn.leaky_relu(x, negative_slope)


def _rectifier(x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
    return activations.Rectifier(negative_slope, threshold, max_value)(x)


def _normalize(x: Array, axis: int = -1, order: int = 2, epsilon: float = 1e-7) -> Array:
    norm = jnp.linalg.norm(x, ord=order, axis=axis, keepdims=True)
    return x / jnp.maximum(norm, epsilon)


EACH: dict[str, Callable[..., Array]] = {
    "Abs": jnp.abs,
    "Absolute": jnp.abs,
    "Celu": jax.nn.celu,
    "Clip": _clip,
    "Elu": jax.nn.elu,
    "Exp": jnp.exp,
    "Expm1": jnp.expm1,
    "Gelu": _gelu,
    "HardSigmoid": jax.nn.hard_sigmoid,
    "HardSilu": jax.nn.hard_silu,
    "HardSwish": jax.nn.hard_silu,
    "HardTanh": jax.nn.hard_tanh,
    "Identity": activations.identity,
    "LeakyRelu": _leaky_relu,
    "Log": jnp.log,
    "Log1p": jnp.log1p,
    "LogSigmoid": jax.nn.log_sigmoid,
    "Mish": jax.nn.mish,
    "Negative": jnp.negative,
    "ReLU": _rectifier,
    "Reciprocal": jnp.reciprocal,
    "Relu": jax.nn.relu,
    "Relu6": jax.nn.relu6,
    "Rsqrt": jax.lax.rsqrt,
    "Selu": jax.nn.selu,
    "Sigmoid": jax.nn.sigmoid,
    "Sign": jnp.sign,
    "Silu": jax.nn.silu,
    "Sin": jnp.sin,
    "Cos": jnp.cos,
    "Softplus": jax.nn.softplus,
    "Softsign": jax.nn.soft_sign,
    "Sqrt": jnp.sqrt,
    "Square": jnp.square,
    "StopGradient": activations.identity,
    "Tanh": jnp.tanh,
    "Add": jnp.add,
    "Divide": jnp.divide,
    "DivideNoNan": lambda x1, x2: jnp.where(x2 == 0, 0.0, x1 / jnp.where(x2 == 0, 1.0, x2)),
    "Maximum": jnp.maximum,
    "Minimum": jnp.minimum,
    "Multiply": jnp.multiply,
    "Power": jnp.power,
    "Subtract": jnp.subtract,
    "TrueDivide": jnp.divide,
}
"""Functions of each number of one or several activations."""


WHOLE: dict[str, Callable[..., Array]] = {
    "Amax": jnp.max,
    "Amin": jnp.min,
    "Concatenate": _concatenate,
    "Einsum": _einsum,
    "ExpandDims": jnp.expand_dims,
    "Flip": jnp.flip,
    "GetItem": _get_item,
    "LogSoftmax": jax.nn.log_softmax,
    "Matmul": _matmul,
    "Max": jnp.max,
    "Mean": jnp.mean,
    "Min": jnp.min,
    "Moveaxis": jnp.moveaxis,
    "Normalize": _normalize,
    "Pad": lambda x, pad_width, mode="constant", constant_values=None: (
        jnp.pad(x, pad_width, mode)
        if mode != "constant"
        else jnp.pad(x, pad_width, mode, constant_values=constant_values or 0.0)
    ),
    "Prod": jnp.prod,
    "Repeat": jnp.repeat,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "Squeeze": jnp.squeeze,
    "Stack": _stack,
    "Std": jnp.std,
    "Sum": jnp.sum,
    "Swapaxes": jnp.swapaxes,
    "Transpose": jnp.transpose,
    "Var": jnp.var,
}
"""Functions of whole activations, a batch of one."""


@dataclasses.dataclass(frozen=True)
class Cut:
    """A slice among the arguments, which Python 3.11 cannot compare by value in a set."""

    bounds: tuple[int | None, int | None, int | None]
