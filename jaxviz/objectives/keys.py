"""Keys: a run's key and an objective -> the key of that objective alone."""

import zlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, UInt32

from jaxviz.objectives.base import Objective

__all__ = ["checksum", "fold_key", "fold_numbers", "numbers_of"]


def fold_key(key: Array, objective: Objective) -> Array:
    """Folds into a key the layers and the numbers of one objective, so that its random draws are its own.

    Args:
      key: the key of the run.
      objective: one of a resolved batch, its leaves without the batch axis.
    """
    return fold_numbers(key, numbers_of(objective))


def numbers_of(objective: Objective) -> list[ArrayLike]:
    """Returns the numbers by which the random draws of an objective are its own, the same for all layers in form.

    Args:
      objective: one, or a batch: then a checksum for each of its layers, and its leaves with their batch axis.
    """
    return [*(np.asarray(checksum(layer)) for layer in objective.layers()), *jax.tree.leaves(objective)]


def checksum(layer: str) -> np.uint32:
    """Returns the number that is folded in for the name of a layer."""
    return np.uint32(zlib.crc32(layer.encode()))


def fold_numbers(key: Array, numbers: Sequence[ArrayLike]) -> Array:
    """Folds the numbers of one objective into a key, as `fold_key` does."""
    for one in numbers:
        number = jnp.asarray(one)
        is_float = jnp.issubdtype(number.dtype, jnp.floating)
        bits = jax.lax.bitcast_convert_type(number.astype(jnp.float32), jnp.uint32) if is_float else number
        key = jax.random.fold_in(key, bits if bits.ndim == 0 else _digest(bits.astype(jnp.uint32)))
    return key


def _digest(bits: UInt32[Array, "..."]) -> UInt32[Array, ""]:
    """Makes one number of many, which other numbers and the same in another order make another of."""
    flat = bits.ravel()
    places = jnp.arange(flat.size, dtype=jnp.uint32)
    return jnp.sum(_mixed(flat ^ _mixed(places + np.uint32(0x9E3779B9))), dtype=jnp.uint32)


def _mixed(bits: UInt32[Array, " n"]) -> UInt32[Array, " n"]:
    # The finalizer of MurmurHash3, in which each bit of the input changes half of the output's:
    # Appleby, 2011, https://github.com/aappleby/smhasher/wiki/MurmurHash3
    bits = (bits ^ (bits >> 16)) * np.uint32(0x85EBCA6B)
    bits = (bits ^ (bits >> 13)) * np.uint32(0xC2B2AE35)
    return bits ^ (bits >> 16)
