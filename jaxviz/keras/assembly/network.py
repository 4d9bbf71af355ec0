"""Network: a graph of computations on one image as a Linen module, which computes only what is asked for."""

import dataclasses
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
from jaxviz.networks.evaluation import Evaluation
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
        return question(_Activations(self, {**held, self.image.name: image}))

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


class _Activations:
    """Activations of one image, each computed when it is first read."""

    def __init__(self, network: Network, inputs: Mapping[str, Array]):
        self._network = network
        self._nodes = {node.name: node for node in network.nodes}
        self._computations: dict[str, Computation] = {}
        sources = (network.image, *network.constants)
        self._evaluation = Evaluation(
            network.nodes,
            inputs,
            {source.name: source.channel_axis for source in sources},
            run=self._run,
            cut=lambda whole, index, axis: lax.dynamic_slice_in_dim(whole, index, 1, axis=axis),
        )

    def __getitem__(self, name: str) -> Array:
        if name not in self._evaluation:
            raise self._unknown(name)
        return self._evaluation.whole(name)

    def channel(self, name: str, index: Array | np.ndarray) -> Array:
        if name not in self._nodes:
            raise self._unknown(name)
        if self._nodes[name].channel_axis is None:
            raise JaxvizError(f"layer {name!r} has no channels to visualize")
        return self._evaluation.channel(name, jnp.asarray(index))

    def _unknown(self, name: str) -> JaxvizError:
        for omitted, reason in self._network.omitted:
            if omitted == name:
                return JaxvizError(reason)
        return unknown_layer(name, [node for node in self._nodes if not node.endswith(PREACTIVATION)])

    def _run(self, node: Node, inputs: list[Array], index: Array | None) -> Array:
        return self._computation(node)(*inputs) if index is None else self._computation(node)(*inputs, index=index)

    def _computation(self, node: Node) -> Computation:
        if not isinstance(node.compute, nn.Module):
            return node.compute
        if node.scope not in self._computations:
            self._computations[node.scope] = node.compute.clone(parent=self._network, name=node.scope)
        return self._computations[node.scope]
