"""Network: architecture + arrays -> a Linen module and its variables, the names kept."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from jaxviz.errors import JaxvizError, ModelFileError
from jaxviz.keras.activations import identity, is_probability
from jaxviz.keras.dialects import Architecture, canonical
from jaxviz.keras.layers import PREACTIVATION, Node, nodes_of
from jaxviz.keras.modules import Apply, BatchNorm, Conv
from jaxviz.keras.stored import StoredModel
from jaxviz.keras.weights import Wanted, match
from jaxviz.model import Activations, Canvas, Layer, Model, unknown_layer

__all__ = ["Network", "convert"]

Answer = TypeVar("Answer")

_MISFITS = (TypeError, ValueError, ZeroDivisionError, IndexError, OverflowError)  # what impossible shapes raise

# Keras's name of a weight -> Flax's collection and name.
_FLAX_NAMES = {
    "kernel": ("params", "kernel"),
    "bias": ("params", "bias"),
    "gamma": ("params", "scale"),
    "beta": ("params", "bias"),
    "moving_mean": ("batch_stats", "mean"),
    "moving_variance": ("batch_stats", "var"),
}


_KERAS_KINDS = {"Conv": "Conv2D", "Dense": "Dense", "BatchNorm": "BatchNormalization"}


class Network(nn.Module):
    """A Keras network on one image, as a Linen module whose submodules carry the Keras names.

    Attributes:
      nodes: its computations; each reads one that stands before it.
      input_name: what the nodes call the image.
    """

    nodes: tuple[Node, ...]
    input_name: str

    @nn.compact
    def __call__(self, image: Array, question: Callable[[Activations], Answer]) -> Answer:
        """Answers a question about the activations that one image excites; what it does not read is not computed."""
        return question(_Evaluation(self, image))


class _Evaluation:
    """Activations of one image, each computed when it is first read."""

    def __init__(self, network: Network, image: Array):
        self._network = network
        self._nodes = {node.name: node for node in network.nodes}
        self._known: dict[str, Array] = {network.input_name: image}
        self._layers: dict[str, nn.Module | Callable[..., Array]] = {}

    def __getitem__(self, name: str) -> Array:
        waiting = [name]
        while waiting:  # a loop, since deep networks are deeper than Python's stack
            if waiting[-1] in self._known:
                waiting.pop()
                continue
            node = self._node(waiting[-1])
            if node.input in self._known:
                self._known[node.name] = self._layer(node)(self._known[node.input])
            else:
                waiting.append(node.input)
        return self._known[name]

    def channel(self, name: str, index: Array | np.ndarray) -> Array:
        index = jnp.asarray(index)
        chain: list[Node] = []  # the layers that work channel by channel, from the target down
        node = self._node(name)
        while self._slices(node) == "channelwise" and node.input in self._nodes and node.name not in self._known:
            chain.append(node)
            node = self._nodes[node.input]
        layer = self._layer(node)
        if self._slices(node) == "output" and node.name not in self._known:
            x = layer(self[node.input], index)
        elif node.channel_axis is None:
            raise JaxvizError(f"layer {name!r} has no channels to visualize")
        else:
            x = lax.dynamic_slice_in_dim(self[node.name], index, 1, axis=node.channel_axis)
        for above in reversed(chain):
            x = self._layer(above)(x, index)
        return x

    def _node(self, name: str) -> Node:
        if name not in self._nodes:
            raise unknown_layer(name, [node for node in self._nodes if not node.endswith(PREACTIVATION)])
        return self._nodes[name]

    def _slices(self, node: Node) -> str | None:
        return getattr(node.layer, "slices", None)

    def _layer(self, node: Node) -> nn.Module | Callable[..., Array]:
        if not isinstance(node.layer, nn.Module):
            return node.layer
        if node.scope not in self._layers:
            self._layers[node.scope] = node.layer.clone(parent=self._network, name=node.scope)
        return self._layers[node.scope]


def convert(stored: StoredModel) -> Model:
    """Makes a model of what a Keras file holds.

    Raises:
      ModelFileError: a layer is not supported, or weights do not fit the architecture; all misfits are listed.
    """
    architecture = canonical(stored)
    network, channel_axis = _network(architecture)
    shapes = _variable_shapes(network, architecture.input_shape, stored.path)
    variables = _variables(stored, network, shapes, flip=architecture.flipped_kernels)
    output = architecture.layers[-1].name
    return Model(
        variables=variables,
        module=network,
        layers=_layers(architecture, network, variables),
        canvas=Canvas(shape=architecture.input_shape, channel_axis=channel_axis),
        output=output,
        logits=_logits(network, output),
    )


def _network(architecture: Architecture) -> tuple[Network, int]:
    """Builds the module; also returns where the image counts its channels, which the first layer that cares says."""
    image_axis = -1
    for layer in architecture.layers:
        if layer.settings.get("data_format"):
            image_axis = 0 if layer.settings["data_format"] == "channels_first" else -1
            break
    nodes: list[Node] = []
    axis: int | None = image_axis
    for layer in architecture.layers:
        nodes += nodes_of(layer, architecture.keras_major, axis)
        axis = nodes[-1].channel_axis
    return Network(nodes=tuple(nodes), input_name=architecture.input_name), image_axis


def _all_of(network: Network) -> Callable[[Activations], dict[str, Array]]:
    return lambda activations: {node.name: activations[node.name] for node in network.nodes}


def _variable_shapes(network: Network, input_shape: tuple[int, ...], path: str) -> Mapping:
    try:
        return _shapes_of(network, input_shape, network.nodes)
    except _MISFITS:
        # Once more, one layer at a time, for the name of the first that does not fit.
        for node in network.nodes:
            try:
                _shapes_of(network, input_shape, [node])
            except _MISFITS as error:
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise ModelFileError(f"{path}: layer {node.name!r} does not fit what it is given: {reason}") from error
        raise


def _shapes_of(network: Network, input_shape: tuple[int, ...], nodes: Sequence[Node]) -> Mapping:
    def question(activations: Activations) -> list[Array]:
        return [activations[node.name] for node in nodes]

    image = jax.ShapeDtypeStruct(input_shape, jnp.float32)
    return jax.eval_shape(lambda image: network.init(jax.random.key(0), image, question), image)


def _variables(stored: StoredModel, network: Network, shapes: Mapping, *, flip: bool) -> dict:
    """Sorts the file's arrays into Flax collections."""
    layers = {node.scope: node.layer for node in network.nodes if node.scope}
    wanted = [
        Wanted(
            scope=scope,
            kind=_KERAS_KINDS[type(layer).__name__],
            weights=tuple(
                (keras_name, shapes[collection][scope][name].shape)
                for keras_name, (collection, name) in _FLAX_NAMES.items()
                if _has(layer, keras_name) and name in shapes.get(collection, {}).get(scope, {})
            ),
        )
        for scope, layer in layers.items()
    ]
    variables: dict[str, dict[str, dict[str, Array]]] = {collection: {} for collection in shapes}
    for scope, arrays in match(stored, wanted).items():
        for keras_name, array in arrays.items():
            collection, name = _FLAX_NAMES[keras_name]
            turned = array[::-1, ::-1] if flip and isinstance(layers[scope], Conv) and array.ndim == 4 else array
            variables[collection].setdefault(scope, {})[name] = jnp.asarray(turned)
    return variables


def _has(layer: nn.Module | Callable[..., Array], keras_name: str) -> bool:
    return (keras_name in ("kernel", "bias")) != isinstance(layer, BatchNorm)


def _layers(architecture: Architecture, network: Network, variables: Mapping) -> tuple[Layer, ...]:
    image = jax.ShapeDtypeStruct(architecture.input_shape, jnp.float32)
    outputs = jax.eval_shape(lambda image: network.apply(variables, image, _all_of(network)), image)
    axes = {node.name: node.channel_axis for node in network.nodes}
    return tuple(
        Layer(
            name=layer.name,
            kind=layer.kind,
            output_shape=outputs[layer.name].shape,
            channel_axis=axes[layer.name],
        )
        for layer in architecture.layers
    )


def _logits(network: Network, output: str) -> str:
    """Names what the softmax or sigmoid at the network's end is taken of; the output itself where there is none."""
    for node in reversed(network.nodes):
        function = node.layer.function if isinstance(node.layer, Apply) else None
        if is_probability(function):
            return node.input
        if function is not identity:
            break
    return output
