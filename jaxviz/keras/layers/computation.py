"""Computations: the inputs of a layer for one image -> its output, complete or only one channel of it.

``compute(*inputs)`` returns the whole output. If ``slices`` is not None, ``compute(*inputs, index=k)`` returns one
channel; the channel axis stays, with length 1:

- ``"output"``: the inputs are complete, and only one channel of the output is computed;
- ``"channelwise"``: channel k of the output needs only channel k of the inputs, and the inputs have only this channel.

If Keras and Flax name the variables of a Linen module differently, ``keras_names`` has Keras's names.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import flax.linen as nn
from jax import lax
from jaxtyping import Array

__all__ = ["ONES", "ZEROS", "Apply", "Built", "Computation", "Slices", "pick"]

Slices = Literal["output", "channelwise"]
Computation = nn.Module | Callable[..., Array]
Built = tuple[Computation, int | None]
"""What a builder returns: the computation, and where its output counts channels or units (None where it does not)."""

ZEROS, ONES = nn.initializers.zeros_init(), nn.initializers.ones_init()


@dataclasses.dataclass(frozen=True)
class Apply:
    """A function of arrays, channel by channel unless ``slices`` is None."""

    function: Callable[..., Array]
    slices: Slices | None = "channelwise"

    def __call__(self, *inputs: Array, index: Array | None = None) -> Array:
        del index  # the same function for every channel
        return self.function(*inputs)


def pick(values: Array, index: Array | None, axis: int = -1) -> Array:
    """Takes one entry of an axis, kept with length 1; all of them without an index."""
    return values if index is None else lax.dynamic_slice_in_dim(values, index, 1, axis=axis)
