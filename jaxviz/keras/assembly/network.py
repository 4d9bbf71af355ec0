"""Network: a graph of computations on one image as a Linen module, which computes only what is asked for."""

import dataclasses
import heapq
from collections.abc import Callable, Mapping
from typing import TypeVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from jaxviz.keras.assembly.wires import carry_of, kernel_of
from jaxviz.keras.layers import PREACTIVATION, Node
from jaxviz.keras.layers.computation import ZEROS, Computation
from jaxviz.networks.activations import Activations
from jaxviz.networks.layer import unknown_layer
from jaxviz.networks.wiring import Wire
from jaxviz.values.errors import JaxvizError

__all__ = ["Network", "Source"]

Answer = TypeVar("Answer")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One input of a network.

    Attributes:
      name: what the nodes call it.
      shape: its shape for one image.
      channel_axis: where it counts its channels.
    """

    name: str
    shape: tuple[int, ...]
    channel_axis: int


class Network(nn.Module):
    """A Keras network on one image, as a Linen module whose submodules carry the Keras names.

    Attributes:
      nodes: its computations; each reads activations of nodes that stand before it, or inputs.
      image: the input that is the image.
      constants: its other inputs; their values are variables of the collection ``inputs``.
      omitted: names of layers that cannot be computed at this size of image, and why.
    """

    nodes: tuple[Node, ...]
    image: Source
    constants: tuple[Source, ...] = ()
    omitted: tuple[tuple[str, str], ...] = ()

    @nn.compact
    def __call__(self, image: Array, question: Callable[[Activations], Answer]) -> Answer:
        """Answers a question about the activations that one image excites; what it does not read is not computed."""
        held = {
            source.name: self.variable("inputs", source.name, ZEROS, None, source.shape).value
            for source in self.constants
        }
        return question(_Evaluation(self, {**held, self.image.name: image}))

    def wires(self) -> dict[str, Wire]:
        """Returns how each layer is wired to those before it, by its name."""
        nodes = {node.name: node for node in self.nodes}
        # What a layer reads is what its node before the activation function reads.
        first = {name: nodes.get(name + PREACTIVATION, node) for name, node in nodes.items()}
        return {
            name: Wire(
                inputs=tuple(read for read in node.inputs if read in nodes),
                kernel=kernel_of(node),
                carry=carry_of(node),
            )
            for name, node in first.items()
            if not name.endswith(PREACTIVATION)
        }


class _Evaluation:
    """Activations of one image, each computed when it is first read."""

    def __init__(self, network: Network, inputs: Mapping[str, Array]):
        self._network = network
        self._axes: dict[str, int | None] = {node.name: node.channel_axis for node in network.nodes}
        self._axes |= {source.name: source.channel_axis for source in (network.image, *network.constants)}
        self._places = {node.name: place for place, node in enumerate(network.nodes)}
        self._known: dict[str, Array] = dict(inputs)
        self._computations: dict[str, Computation] = {}

    def __getitem__(self, name: str) -> Array:
        if name not in self._known:
            self._compute(name, None)
        return self._known[name]

    def channel(self, name: str, index: Array | np.ndarray) -> Array:
        node = self._node(name)
        if node.channel_axis is None:
            raise JaxvizError(f"layer {name!r} has no channels to visualize")
        return self._compute(name, jnp.asarray(index))

    def _compute(self, target: str, index: Array | None) -> Array:
        """Computes an activation, or one channel of it, and all that it needs, whole or one channel as that will do."""
        whole: set[str] = set() if index is not None else {target}
        waiting = [-self._places[self._node(target).name]]
        planned: list[Node] = []
        # From the target down: when a node's turn comes all nodes that read it have had theirs, so that it is settled
        # whether it is needed whole. A loop, since deep networks are deeper than Python's stack.
        while waiting:
            place = -heapq.heappop(waiting)
            while waiting and -waiting[0] == place:
                heapq.heappop(waiting)
            node = self._network.nodes[place]
            if node.name in self._known:
                continue
            planned.append(node)
            if node.name in whole or node.slices != "channelwise":
                whole.update(node.inputs)
            if node.name not in whole and node.slices is None:
                whole.add(node.name)
            for name in node.inputs:
                if name in self._places:
                    heapq.heappush(waiting, -self._places[name])
        channels: dict[str, Array] = {}

        def channel_of(name: str) -> Array:
            """Returns one channel of an activation: as it was computed, or cut out of the whole."""
            axis = self._axes[name]
            if name in channels or axis is None or index is None:
                return channels[name]
            return lax.dynamic_slice_in_dim(self._known[name], index, 1, axis=axis)

        for node in reversed(planned):
            if node.name in whole:
                self._known[node.name] = self._computation(node)(*(self._known[name] for name in node.inputs))
            elif node.slices == "output":
                inputs = [self._known[name] for name in node.inputs]
                channels[node.name] = self._computation(node)(*inputs, index=index)
            else:
                inputs = [channel_of(name) for name in node.inputs]
                channels[node.name] = self._computation(node)(*inputs, index=index)
        return self._known[target] if index is None else channel_of(target)

    def _node(self, name: str) -> Node:
        if name not in self._places:
            for omitted, reason in self._network.omitted:
                if omitted == name:
                    raise JaxvizError(reason)
            raise unknown_layer(name, [node for node in self._places if not node.endswith(PREACTIVATION)])
        return self._network.nodes[self._places[name]]

    def _computation(self, node: Node) -> Computation:
        if not isinstance(node.compute, nn.Module):
            return node.compute
        if node.scope not in self._computations:
            self._computations[node.scope] = node.compute.clone(parent=self._network, name=node.scope)
        return self._computations[node.scope]
