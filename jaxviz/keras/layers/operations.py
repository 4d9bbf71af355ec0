"""Operations: functions that Keras 3 saves as layers when they are called on a network's activations."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.convolution import EXACT
from jaxviz.keras import activations
from jaxviz.keras.graph import Slot
from jaxviz.keras.layers import merging
from jaxviz.keras.layers.computation import Built, Slices
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS", "PREFIX", "Operation", "build"]

_INERT = frozenset({"name", "dtype", "trainable", "mask", "training"})  # settings without an effect


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


_EACH: dict[str, Callable[..., Array]] = {
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

_WHOLE: dict[str, Callable[..., Array]] = {
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


@dataclasses.dataclass(frozen=True)
class Operation:
    """A function by its name, on a batch of one, with the constants it is called with.

    Attributes:
      name: its name in Keras 3.
      arguments: what it is called with, a ``Slot`` for each activation.
      keywords: likewise, by name.
      slices: channel by channel or not.
    """

    name: str
    arguments: tuple
    keywords: tuple[tuple[str, object], ...]
    slices: Slices | None

    def __call__(self, *inputs: Array, index: Array | None = None) -> Array:
        del index
        batch = [x[None] for x in inputs]
        arguments = [_filled(value, batch) for value in self.arguments]
        keywords = {name: _filled(value, batch) for name, value in self.keywords}
        if self.name in _EACH:  # here lists are arrays
            function, arguments = _EACH[self.name], [jnp.asarray(value) for value in arguments]
        else:
            function = _WHOLE[self.name]
        output = function(*arguments, **keywords)
        if output.ndim == 0 or output.shape[0] != 1:
            raise ValueError(f"{self.name} mixes the images of a batch")
        return output[0]


def _filled(value: object, batch: list[Array]) -> object:
    if isinstance(value, Slot):
        return batch[value.position]
    return tuple(_filled(member, batch) for member in value) if isinstance(value, tuple) else value


def _frozen(value: object) -> object:
    """Makes of a constant something that has a hash."""
    if isinstance(value, Mapping) and value.keys() == {"start", "stop", "step"}:  # a slice, as tf.keras writes it
        value = slice(value["start"], value["stop"], value["step"])
    if isinstance(value, slice):
        return Cut((value.start, value.stop, value.step))
    if isinstance(value, list | tuple):
        return tuple(_frozen(member) for member in value)
    if isinstance(value, Mapping):
        raise ValueError("a table among its arguments is not supported")
    return value


def build(settings: Settings, name: str, arguments: tuple, keywords: Mapping) -> Built:
    """Builds an operation of Keras 3 by its name, with what it is called with."""
    if not settings.signals:
        raise settings.refuse("it reads no activation")
    try:
        given = {key: _frozen(value) for key, value in keywords.items() if key not in _INERT}
        arguments = tuple(_frozen(value) for value in arguments)
    except ValueError as error:
        raise settings.refuse(str(error)) from error
    if name in _EACH:
        arguments += tuple(given.pop(key) for key in ("x1", "x2", "x", "y") if key in given)
        slices, axis = merging.channels(settings)
        has_arrays = any(isinstance(value, tuple) for value in arguments)
        return Operation(name, arguments, tuple(given.items()), None if has_arrays else slices), axis
    axes = given.get("axis", 1)
    if axes is None or 0 in (axes if isinstance(axes, tuple) else (axes,)):
        raise settings.refuse(f"axis {axes!r} mixes the images of a batch")
    return Operation(name, arguments, tuple(given.items()), None), -1


def _of_keras(settings: Settings) -> Built:
    """Builds an operation of Keras 3."""
    name = settings.layer.kind.removeprefix(PREFIX)
    return build(settings, name, settings.call.arguments, {**settings.layer.settings, **settings.call.keywords})


PREFIX = "ops."
"""Stands before the class of an operation of Keras 3, whose layers have classes of the same names."""

BUILDERS: dict[str, Callable[[Settings], Built]] = {
    **{PREFIX + name: _of_keras for name in (*_EACH, *_WHOLE)},
}
