"""Measures: arrays -> lengths and similarities. Their gradients are finite everywhere, also at zero."""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["cosine", "dot_cosine", "gram", "norm"]

_SHORTEST = 1e-12  # the root of a smaller square has no gradient that floating point numbers hold
_COSINE_EPSILON = 1e-4  # of lucid, in units of the activations
_COSINE_FLOOR = 0.1  # of lucid: a direction that is looked away from still pulls

Axes = int | tuple[int, ...] | None


def norm(x: Float[Array, "..."], axis: Axes = None) -> Float[Array, "..."]:
    """Returns ``sqrt(sum(x^2))``; its gradient at zero is zero."""
    return jnp.sqrt(jnp.maximum(jnp.sum(jnp.square(x), axis), _SHORTEST**2))


def cosine(x: Float[Array, "..."], y: Float[Array, "..."], axis: Axes = None) -> Float[Array, "..."]:
    """Returns ``x . y / ((|x| + 1e-4) (|y| + 1e-4))``: 0 where either is zero."""
    lengths = (norm(x, axis) + _COSINE_EPSILON) * (norm(y, axis) + _COSINE_EPSILON)
    return jnp.sum(x * y, axis) / lengths


def dot_cosine(
    x: Float[Array, "..."], y: Float[Array, "..."], power: Float[Array, ""], axis: Axes = None
) -> Float[Array, "..."]:
    """Returns ``x . y max(cosine(x, y), 0.1)^power``: the plain dot product for a power of 0.

    Source: Carter et al., "Activation Atlas", Distill 2019, https://distill.pub/2019/activation-atlas; floor and
    epsilon are those of lucid, https://github.com/tensorflow/lucid
    """
    return jnp.sum(x * y, axis) * jnp.maximum(cosine(x, y, axis), _COSINE_FLOOR) ** power


def gram(x: Float[Array, "... channels"]) -> Float[Array, "channels channels"]:
    """Returns the Gram matrix of an activation, scaled to length 1: how often two channels are active together."""
    flat = x.reshape(-1, x.shape[-1])
    products = jnp.matmul(flat.T, flat, precision="highest")
    return products / norm(products)
