"""Tensor: an array with the axes that PyTorch gives it, which are held in whatever order suits the computation.

A picture in PyTorch is ``[batch, channels, height, width]``. It is held with its channels last, as convolutions want
it, and PyTorch's ``permute`` changes what the axes are called and moves no number.
"""

import dataclasses
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

__all__ = ["Tensor", "Value", "together", "with_channels_last"]


@partial(jax.tree_util.register_dataclass, data_fields=["array"], meta_fields=["order"])
@dataclasses.dataclass(frozen=True)
class Tensor:
    """An array and the order in which it holds PyTorch's axes.

    Attributes:
      array: the numbers.
      order: the axis of the tensor that each axis of the array is.
    """

    array: Array
    order: tuple[int, ...]

    @classmethod
    def of(cls, array: Array | np.ndarray) -> "Tensor":
        """Makes a tensor whose axes are those of an array."""
        array = jnp.asarray(array)
        return cls(array, tuple(range(array.ndim)))

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of its axes, in PyTorch's order."""
        return tuple(self.array.shape[self.order.index(axis)] for axis in range(self.ndim))

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return len(self.order)

    def place(self, axis: int) -> int:
        """Returns the axis of the array that is an axis of the tensor."""
        return self.order.index(axis % self.ndim)

    def places(self, axes: Sequence[int]) -> tuple[int, ...]:
        """Returns the axes of the array that are some axes of the tensor."""
        return tuple(self.place(axis) for axis in axes)

    def plain(self) -> Array:
        """Returns the numbers with the axes in PyTorch's order."""
        return self.ordered(range(self.ndim))

    def ordered(self, order: Sequence[int]) -> Array:
        """Returns the numbers with the axes in some order; nothing moves where that is its own."""
        if tuple(order) == self.order:
            return self.array
        return self.array.transpose([self.order.index(axis) for axis in order])

    def like(self, array: Array) -> "Tensor":
        """Returns another array whose axes are held as these are."""
        return Tensor(array, self.order)

    def without(self, axes: Sequence[int], array: Array) -> "Tensor":
        """Returns an array that lacks some axes of the tensor."""
        gone = {axis % self.ndim for axis in axes}
        kept = [axis for axis in range(self.ndim) if axis not in gone]
        return Tensor(array, tuple(kept.index(axis) for axis in self.order if axis not in gone))


Value = Tensor | tuple[Tensor, ...]
"""What an operation gives: a tensor, or several."""


def with_channels_last(rank: int) -> tuple[int, ...]:
    """Returns the order of the axes of a batch of pictures: batch, the sides, channels."""
    return (0, *range(2, rank), 1) if rank > 2 else tuple(range(rank))


def together(*values: object) -> tuple[list, tuple[int, ...]]:
    """Brings tensors to one order of axes, so that they can be added; other values stay as they are.

    Axes are matched from the last on, as PyTorch does.

    Returns:
      The arrays, all of one rank, and the order of their axes: that of the largest.
    """
    tensors = [value for value in values if isinstance(value, Tensor)]
    rank = max(tensor.ndim for tensor in tensors)
    order = max((tensor for tensor in tensors if tensor.ndim == rank), key=lambda tensor: tensor.array.size).order
    return [_aligned(value, order) if isinstance(value, Tensor) else value for value in values], order


def _aligned(tensor: Tensor, order: tuple[int, ...]) -> Array:
    missing = len(order) - tensor.ndim
    array = tensor.ordered([axis - missing for axis in order if axis >= missing])
    if not missing:
        return array
    return array.reshape([1 if axis < missing else tensor.shape[axis - missing] for axis in order])
