"""Activations: a Keras name -> the function of an array, as that version of Keras defines it."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array

__all__ = ["Elu", "Rectifier", "configured", "find", "identity", "is_across_channels", "is_probability"]


def _hard_sigmoid_of_keras_2(x: Array) -> Array:
    return jnp.clip(0.2 * x + 0.5, 0.0, 1.0)


def _leaky_relu(x: Array) -> Array:
    return jax.nn.leaky_relu(x, 0.2)  # Keras's default slope; JAX's is 0.01


def _exact_gelu(x: Array) -> Array:
    return jax.nn.gelu(x, approximate=False)


def _hard_shrink(x: Array) -> Array:
    return jnp.where(jnp.abs(x) > 0.5, x, 0.0)


def _soft_shrink(x: Array) -> Array:
    return jnp.sign(x) * jnp.maximum(jnp.abs(x) - 0.5, 0.0)


def _tanh_shrink(x: Array) -> Array:
    return x - jnp.tanh(x)


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
        y = jnp.where(x > self.threshold, x, self.slope * (x - self.threshold))
        return y if self.largest is None else jnp.minimum(y, self.largest)


@dataclasses.dataclass(frozen=True)
class Elu:
    """Keras's ELU: x above 0, ``alpha * (exp(x) - 1)`` below."""

    alpha: float

    def __call__(self, x: Array) -> Array:
        return jax.nn.elu(x, self.alpha)


_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "celu": jax.nn.celu,
    "elu": jax.nn.elu,
    "exponential": jnp.exp,
    "gelu": _exact_gelu,
    "hard_shrink": _hard_shrink,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_silu": jax.nn.hard_silu,
    "hard_swish": jax.nn.hard_silu,
    "hard_tanh": jax.nn.hard_tanh,
    "leaky_relu": _leaky_relu,
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
    "softmax": jax.nn.softmax,
    "softplus": jax.nn.softplus,
    "softsign": jax.nn.soft_sign,
    "sparse_plus": jax.nn.sparse_plus,
    "sparse_sigmoid": jax.nn.sparse_sigmoid,
    "squareplus": jax.nn.squareplus,
    "swish": jax.nn.silu,
    "tanh": jnp.tanh,
    "tanh_shrink": _tanh_shrink,
}


def is_probability(function: Callable[[Array], Array] | None) -> bool:
    """Tells whether a function makes logits probabilities: softmax, over any axis, or sigmoid."""
    return getattr(function, "func", function) in (jax.nn.softmax, jax.nn.sigmoid)


def is_across_channels(function: Callable[[Array], Array]) -> bool:
    """Tells whether one channel of a function's output depends on the others."""
    return getattr(function, "func", function) in (jax.nn.softmax, jax.nn.log_softmax)


def configured(config: Mapping, keras_major: int) -> Callable[[Array], Array] | None:
    """Returns the function that a Keras wrote as ``{"class_name": …, "config": …}``; None where there is none."""
    kind, config = str(config.get("class_name")), config.get("config")
    return find(str(config) if kind == "function" else kind, keras_major)


def find(name: str, keras_major: int) -> Callable[[Array], Array] | None:
    """Returns the function that a Keras of that major version calls by a name; None where there is none."""
    if name == "hard_sigmoid" and keras_major < 3:
        return _hard_sigmoid_of_keras_2
    return _FUNCTIONS.get(name)
