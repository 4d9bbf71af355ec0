"""Activations: a Keras name -> the function of an array, as that version of Keras defines it."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

__all__ = [
    "Elu",
    "Gelu",
    "Rectifier",
    "Softmax",
    "find",
    "halves_channels",
    "identity",
    "is_across_channels",
    "is_of_each_number",
    "is_probability",
]


def identity(x: Array) -> Array:
    """Returns its argument."""
    return x


@dataclasses.dataclass(frozen=True)
class Rectifier:
    """Keras's ReLU and LeakyReLU: x above the threshold, ``slope * (x - threshold)`` below it, never above ``largest``.

    Attributes:
      slope: the slope below the threshold.
      threshold: where the unit opens.
      largest: the cap; None for none.
    """

    slope: float = 0.0
    threshold: float = 0.0
    largest: float | None = None

    def __call__(self, x: Array) -> Array:
        if self.slope == self.threshold == 0:
            y = jax.nn.relu(x)  # known by that name where the gradient through relus is redirected
        else:
            y = jnp.where(x > self.threshold, x, self.slope * (x - self.threshold))
        return y if self.largest is None else jnp.minimum(y, self.largest)


@dataclasses.dataclass(frozen=True)
class Elu:
    """Keras's ELU: x above 0, ``alpha * (exp(x) - 1)`` below."""

    alpha: float

    def __call__(self, x: Array) -> Array:
        return jax.nn.elu(x, self.alpha)


@dataclasses.dataclass(frozen=True)
class Gelu:
    """x times the chance that a normal number is below it; approximated by tanh or not."""

    approximate: bool

    def __call__(self, x: Array) -> Array:
        return jax.nn.gelu(x, approximate=self.approximate)


@dataclasses.dataclass(frozen=True)
class Softmax:
    """Softmax over some axes together."""

    axes: tuple[int, ...] = (-1,)

    def __call__(self, x: Array) -> Array:
        return jax.nn.softmax(x, axis=self.axes)


def _hard_sigmoid_of_keras_2(x: Array) -> Array:
    return jnp.clip(0.2 * x + 0.5, 0.0, 1.0)


def _hard_shrink(x: Array) -> Array:
    return jnp.where(jnp.abs(x) > 0.5, x, 0.0)


def _soft_shrink(x: Array) -> Array:
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - 0.5, 0.0)


def _tanh_shrink(x: Array) -> Array:
    return x - jnp.tanh(x)


def _sparsemax(x: Array) -> Array:
    """The point of the simplex nearest to x: Martins and Astudillo, 2016, https://arxiv.org/abs/1602.02068."""
    falling = -jnp.sort(-x, axis=-1)
    excess = jnp.cumsum(falling, axis=-1) - 1
    count = jnp.arange(1, x.shape[-1] + 1).reshape((1,) * (x.ndim - 1) + (-1,))
    support = jnp.sum(falling * count > excess, axis=-1, keepdims=True)
    return jnp.maximum(x - jnp.take_along_axis(excess, support - 1, axis=-1) / support, 0.0)


_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "celu": jax.nn.celu,
    "elu": jax.nn.elu,
    "exponential": jnp.exp,
    "gelu": Gelu(approximate=False),
    "glu": jax.nn.glu,
    "hard_shrink": _hard_shrink,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_silu": jax.nn.hard_silu,
    "hard_swish": jax.nn.hard_silu,
    "hard_tanh": jax.nn.hard_tanh,
    "leaky_relu": Rectifier(slope=0.2),
    "linear": identity,
    "log_sigmoid": jax.nn.log_sigmoid,
    "log_softmax": jax.nn.log_softmax,
    "mish": jax.nn.mish,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "selu": jax.nn.selu,
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "soft_shrink": _soft_shrink,
    "softmax": Softmax(),
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "sparse_plus": jax.nn.sparse_plus,
    "sparse_sigmoid": jax.nn.sparse_sigmoid,
    "sparsemax": _sparsemax,
    "squareplus": jax.nn.squareplus,
    "swish": jax.nn.silu,
    "tanh": jnp.tanh,
    "tanh_shrink": _tanh_shrink,
}


def find(name: str, keras_major: int) -> Callable[[Array], Array] | None:
    """Returns the function that a Keras of that major version calls by a name; None where there is none."""
    if name == "hard_sigmoid" and keras_major < 3:
        return _hard_sigmoid_of_keras_2
    return _FUNCTIONS.get(name)


def is_across_channels(function: Callable[[Array], Array]) -> bool:
    """Tells whether one channel of a function's output depends on the others."""
    return isinstance(function, Softmax) or function in (jax.nn.log_softmax, jax.nn.glu, _sparsemax)


def is_of_each_number(function: Callable[..., Array]) -> bool:
    """Tells whether a function is one of these and works on each number by itself."""
    is_known = function in (*_FUNCTIONS.values(), _hard_sigmoid_of_keras_2)
    return (is_known or isinstance(function, Rectifier | Elu | Gelu)) and not is_across_channels(function)


def halves_channels(function: Callable[[Array], Array]) -> bool:
    """Tells whether a function gives fewer channels than it reads."""
    return function is jax.nn.glu


def is_probability(function: Callable[[Array], Array] | None) -> bool:
    """Tells whether a function makes logits probabilities: softmax, over any axes, or sigmoid."""
    return isinstance(function, Softmax) or function is jax.nn.sigmoid
