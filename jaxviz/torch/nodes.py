"""Nodes: one operation of PyTorch in a network, what it is called with, and how one channel of it is computed."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

from jax import lax
from jaxtyping import Array

from jaxviz.torch.operations import OPERATIONS
from jaxviz.torch.operations.computation import Read
from jaxviz.torch.tensors import Tensor, Value

__all__ = ["CONSTANT", "IMAGE", "PREACTIVATION", "VARIABLE", "Node", "Slot", "cut"]

IMAGE, VARIABLE, CONSTANT = "<image>", ":", "="
"""What the image is called among the values of a graph, and what the names of variables and constants begin with."""


PREACTIVATION = "/preactivation"
"""Follows a layer's name to name what goes into its activation function, where that is no layer."""


class Slot(NamedTuple):
    """Stands for an input of a node among what its operation is called with."""

    place: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """One operation in a network.

    Attributes:
      name: the value that it gives.
      operation: its entry among the operations.
      arguments: what it is called with, a `Slot` for each tensor.
      inputs: the values that it reads.
      shape: the shape of its output, batch included; of the first where there are several.
      channel_axis: the axis of its output that counts channels.
      reads: what is read of each input for one channel; None where it cannot be computed alone.
      one: what computes one channel, with the index before the arguments; the operation itself when None.
    """

    name: str
    operation: str
    arguments: tuple
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    channel_axis: int | None
    reads: tuple[Read, ...] | None
    one: Callable | None

    @property
    def reads_channel(self) -> tuple[bool, ...] | None:
        """For each input, whether one channel of the output needs that channel alone of it."""
        return None if self.reads is None else tuple(read == "channel" for read in self.reads)

    def run(self, inputs: list[Value], index: Array | None) -> Value:
        """Computes the output, or one channel of it."""
        if index is not None and self.reads is not None:
            inputs = [
                cut(value, index, read) if isinstance(read, int) else value
                for value, read in zip(inputs, self.reads, strict=True)
            ]
        arguments = [_filled(argument, inputs) for argument in self.arguments]
        if index is not None and self.one is not None:
            return self.one(index, *arguments)
        return OPERATIONS[self.operation].compute(*arguments)


def cut(tensor: Value, index: Array, axis: int) -> Tensor:
    """Cuts one entry out of an axis of a tensor; the axis stays, with length 1."""
    assert isinstance(tensor, Tensor), "of several tensors none is the one"
    return tensor.like(lax.dynamic_slice_in_dim(tensor.array, index, 1, axis=tensor.place(axis)))


def _filled(argument: object, inputs: list[Value]) -> object:
    if isinstance(argument, Slot):
        return inputs[argument.place]
    return tuple(_filled(member, inputs) for member in argument) if isinstance(argument, tuple) else argument
