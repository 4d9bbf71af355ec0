"""Network: a graph of PyTorch's operations on one image, each computed when it is asked for."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxviz.networks.activations import Activations
from jaxviz.networks.evaluation import Evaluation
from jaxviz.networks.layer import unknown_layer
from jaxviz.networks.wiring import Wire
from jaxviz.torch.nodes import IMAGE, VARIABLE, Node, cut
from jaxviz.torch.tensors import Tensor, Value, with_channels_last
from jaxviz.torch.wires import wires_of
from jaxviz.values.errors import JaxvizError
from jaxviz.values.frozen_arrays import FrozenArray

__all__ = ["Network"]

Answer = TypeVar("Answer")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A PyTorch network on one image: equal to another of the same graph.

    Attributes:
      nodes: its operations; each reads nodes that stand before it, the image, variables or constants.
      names: the name of an activation, and the node that gives it.
      orders: for each variable, the order in which its array holds PyTorch's axes.
      constants: what is neither learned nor computed of the image, by name.
      ties: the names of variables that are one tensor in PyTorch.
    """

    nodes: tuple[Node, ...]
    names: tuple[tuple[str, str], ...]
    orders: tuple[tuple[str, tuple[int, ...]], ...]
    constants: tuple[tuple[str, FrozenArray], ...]
    ties: tuple[tuple[str, ...], ...] = ()
    digest: str = ""

    def __post_init__(self):
        parts = (self.nodes, self.names, self.orders, self.constants)
        object.__setattr__(self, "digest", hashlib.sha256(repr(parts).encode()).hexdigest())

    def __hash__(self):
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and self.digest == other.digest

    def wires(self) -> Mapping[str, Wire]:
        """Returns how each layer is wired to those before it, by its name."""
        return wires_of(self.nodes, self.names, dict(self.orders))

    def apply(
        self, variables: Mapping[str, Array], image: Array, question: Callable[[Activations], Answer], /
    ) -> Answer:
        """Answers a question about the activations that one image excites; what it does not read is not computed."""
        rank = image.ndim + 1
        picture = jnp.moveaxis(image, 0, -1)[None] if rank > 2 else image[None]
        given: dict[str, Value] = {IMAGE: Tensor(picture, with_channels_last(rank))}
        for name, order in self.orders:
            given[VARIABLE + name] = Tensor(jnp.asarray(variables[name]), order)
        for name, constant in self.constants:
            array = np.asarray(constant)
            given[name] = Tensor.of(array.astype(image.dtype) if array.dtype == np.float32 else array)
        return question(_Activations(self, given))


class _Activations:
    """Activations of one image, each computed when it is first read."""

    def __init__(self, network: Network, given: Mapping[str, Value]):
        self._names = dict(network.names)
        self._batched = {node.name for node in network.nodes if node.shape[:1] == (1,)}
        self._evaluation = Evaluation(
            network.nodes,
            given,
            dict.fromkeys(given) | {IMAGE: 1},
            run=lambda node, inputs, index: node.run(inputs, index),
            cut=cut,
        )

    def __getitem__(self, layer: str, /) -> Array:
        node = self._node(layer)
        return self._unbatched(node, self._evaluation.whole(node))

    def channel(self, layer: str, index: Array | np.ndarray, /) -> Array:
        node = self._node(layer)
        if self._evaluation.axis(node) is None:
            raise JaxvizError(f"layer {layer!r} has no channels to visualize")
        return self._unbatched(node, self._evaluation.channel(node, jnp.asarray(index)))

    def _node(self, layer: str) -> str:
        if layer not in self._names:
            raise unknown_layer(layer, [*self._names])
        return self._names[layer]

    def _unbatched(self, node: str, value: Value) -> Array:
        assert isinstance(value, Tensor), "a layer is one tensor"
        return value.plain()[0] if node in self._batched else value.plain()
