"""Network: a graph of PyTorch's operations on one image, each computed when it is asked for."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from jaxviz.networks.activations import Activations
from jaxviz.networks.evaluation import Evaluation
from jaxviz.networks.layer import unknown_layer
from jaxviz.torch.operations import OPERATIONS
from jaxviz.torch.operations.computation import Read
from jaxviz.torch.tensors import Tensor, with_channels_last
from jaxviz.values.errors import JaxvizError
from jaxviz.values.frozen_arrays import FrozenArray

__all__ = ["CONSTANT", "IMAGE", "VARIABLE", "Network", "Node", "Slot"]

Answer = TypeVar("Answer")

IMAGE, VARIABLE, CONSTANT = "<image>", ":", "="
"""What the image is called among the values of a graph, and what the names of variables and constants begin with."""


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

    def run(self, inputs: list[Tensor], index: Array | None) -> Tensor:
        """Computes the output, or one channel of it."""
        if index is not None and self.reads is not None:
            inputs = [
                _cut(tensor, index, read) if isinstance(read, int) else tensor
                for tensor, read in zip(inputs, self.reads, strict=True)
            ]
        arguments = [_filled(argument, inputs) for argument in self.arguments]
        if index is not None and self.one is not None:
            return self.one(index, *arguments)
        return OPERATIONS[self.operation].compute(*arguments)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A PyTorch network on one image: equal to another of the same graph.

    Attributes:
      nodes: its operations; each reads nodes that stand before it, the image, variables or constants.
      names: the name of an activation, and the node that gives it.
      orders: for each variable, the order in which its array holds PyTorch's axes.
      constants: what is neither learned nor computed of the image, by name.
    """

    nodes: tuple[Node, ...]
    names: tuple[tuple[str, str], ...]
    orders: tuple[tuple[str, tuple[int, ...]], ...]
    constants: tuple[tuple[str, FrozenArray], ...]
    digest: str = ""

    def __post_init__(self):
        parts = (self.nodes, self.names, self.orders, self.constants)
        object.__setattr__(self, "digest", hashlib.sha256(repr(parts).encode()).hexdigest())

    def __hash__(self):
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.digest == other.digest

    def apply(
        self, variables: Mapping[str, Array], image: Array, question: Callable[[Activations], Answer], /
    ) -> Answer:
        """Answers a question about the activations that one image excites; what it does not read is not computed."""
        rank = image.ndim + 1
        picture = jnp.moveaxis(image, 0, -1)[None] if rank > 2 else image[None]
        given = {IMAGE: Tensor(picture, with_channels_last(rank))}
        for name, order in self.orders:
            given[VARIABLE + name] = Tensor(jnp.asarray(variables[name]), order)
        for name, constant in self.constants:
            array = np.asarray(constant)
            given[name] = Tensor.of(array.astype(image.dtype) if array.dtype == np.float32 else array)
        return question(_Activations(self, given))


class _Activations:
    """Activations of one image, each computed when it is first read."""

    def __init__(self, network: Network, given: Mapping[str, Tensor]):
        self._names = dict(network.names)
        self._evaluation = Evaluation(
            network.nodes,
            given,
            dict.fromkeys(given) | {IMAGE: 1},
            run=lambda node, inputs, index: node.run(inputs, index),
            cut=_cut,
        )

    def __getitem__(self, layer: str, /) -> Array:
        return _unbatched(self._evaluation.whole(self._node(layer)).plain())

    def channel(self, layer: str, index: Array | np.ndarray, /) -> Array:
        node = self._node(layer)
        if self._evaluation.axis(node) is None:
            raise JaxvizError(f"layer {layer!r} has no channels to visualize")
        return _unbatched(self._evaluation.channel(node, jnp.asarray(index)).plain())

    def _node(self, layer: str) -> str:
        if layer not in self._names:
            raise unknown_layer(layer, [*self._names])
        return self._names[layer]


def _cut(tensor: Tensor, index: Array, axis: int) -> Tensor:
    return tensor.like(lax.dynamic_slice_in_dim(tensor.array, index, 1, axis=tensor.place(axis)))


def _filled(argument: object, inputs: list[Tensor]) -> object:
    if isinstance(argument, Slot):
        return inputs[argument.place]
    return tuple(_filled(member, inputs) for member in argument) if isinstance(argument, tuple) else argument


def _unbatched(array: Array) -> Array:
    return array[0] if array.shape[:1] == (1,) else array
