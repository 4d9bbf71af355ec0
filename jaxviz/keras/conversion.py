"""Conversion: what a Keras file holds -> a model."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from jaxviz.errors import ModelFileError
from jaxviz.keras.activations import identity, is_probability
from jaxviz.keras.assembly import Assembly, Place, assemble
from jaxviz.keras.dialects import canonical
from jaxviz.keras.graph import Architecture
from jaxviz.keras.layers import Signal
from jaxviz.keras.layers.computation import Apply
from jaxviz.keras.network import Network, Source
from jaxviz.keras.weights import Wanted
from jaxviz.model import Canvas, Layer, Model

__all__ = ["convert"]

# Flax's name of a normalization's variable -> Keras's.
_KERAS_NAMES = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}


def convert(stored) -> Model:
    """Makes a model of what a Keras file holds.

    Raises:
      ModelFileError: a layer is not supported, or weights do not fit the architecture; all misfits are listed.
    """
    architecture = canonical(stored.config, stored.keras_version, stored.path)
    [source] = architecture.inputs
    if source.shape is None or None in source.shape:
        raise ModelFileError(f"{stored.path}: an input of shape {source.shape}; a fixed number of pixels is needed")
    axis = _image_axis(architecture)
    inputs = {source.name: Signal(source.shape, axis % len(source.shape))}
    assembly = assemble(architecture, inputs, stored.path)
    for error in assembly.misfits.values():
        raise error
    image = Source(name=source.name, shape=source.shape, channel_axis=inputs[source.name].channel_axis)
    network = Network(nodes=tuple(assembly.nodes), image=image)
    output = architecture.outputs[0]
    return Model(
        variables=_variables(stored, architecture, assembly),
        module=network,
        layers=_layers(architecture, assembly),
        canvas=Canvas(shape=source.shape, channel_axis=axis),
        output=output,
        logits=_logits(network, output),
    )


def _image_axis(architecture: Architecture) -> int:
    """Returns where the image counts its channels, which the first layer that cares says."""
    for layer in architecture.layers:
        if layer.settings.get("data_format"):
            return 0 if layer.settings["data_format"] == "channels_first" else -1
    return -1


def _variables(stored, architecture: Architecture, assembly: Assembly) -> dict:
    names = {
        layer.scope: {_keras_name(layer.kind, place): place for place in assembly.variables.get(layer.scope, {})}
        for layer in architecture.layers
    }
    wanted = [
        Wanted(
            scope=layer.scope,
            kind=layer.kind,
            weights=tuple((name, assembly.variables[layer.scope][place]) for name, place in names[layer.scope].items()),
            parent=layer.parent,
        )
        for layer in architecture.layers
    ]
    found = _match(stored, wanted)
    variables: dict = {"params": {}}
    for scope, arrays in found.items():
        for name, array in arrays.items():
            collection, *path, last = names[scope][name]
            branch = variables.setdefault(collection, {}).setdefault(scope, {})
            for part in path:
                branch = branch.setdefault(part, {})
            branch[last] = jnp.asarray(array)
    return variables


def _keras_name(kind: str, place: Place) -> str:
    *path, last = place[1:]
    renamed = _KERAS_NAMES.get(last, last) if kind == "BatchNormalization" else last
    return "/".join((*path, renamed))


def _match(stored, wanted: Sequence[Wanted]) -> dict[str, dict[str, np.ndarray]]:
    """A stand-in until weights.match is there."""
    misfits, found = [], {}
    weights = getattr(stored.weights, "layers", stored.weights)
    flip = stored.backend == "theano"
    for want in wanted:
        outer, _, inner = want.scope.partition("/")
        here = (
            dict(weights.get(want.scope, {}))
            if outer not in weights or not inner
            else {name: array for name, array in weights[outer].items() if f"/{inner}/" in f"/{name}"}
        )
        found[want.scope] = {}
        for name, shape in want.weights:
            stem = name.rpartition("/")[2]
            keys = [key for key in here if key.rpartition("/")[2].partition(":")[0] in (stem, "depthwise_" + stem)]
            if not keys:
                misfits.append(f"layer {want.scope!r} lacks its {name} {shape}")
                continue
            array = here.pop(keys[0])
            if flip and array.ndim == 4 and want.kind.startswith("Conv"):
                array = array[::-1, ::-1]
            if array.shape != shape:
                misfits.append(f"layer {want.scope!r}: {name} is {array.shape}, not {shape}")
            found[want.scope][name] = array
        if want.weights or not inner:
            if want.kind not in ("Functional", "Sequential", "Model"):
                misfits += [
                    f"layer {want.scope!r} has no place for {key!r} {array.shape}" for key, array in here.items()
                ]
    if misfits:
        raise ModelFileError(f"{stored.path}: its weights do not fit its architecture: {'; '.join(misfits)}")
    return found


def _layers(architecture: Architecture, assembly: Assembly) -> tuple[Layer, ...]:
    layers = []
    for call in architecture.calls:
        shape, axis = assembly.signals[call.name].shape, assembly.signals[call.name].channel_axis
        axis = -1 if axis is not None and axis == len(shape) - 1 else axis
        layers.append(Layer(name=call.name, kind=call.layer.kind, output_shape=shape, channel_axis=axis))
    return tuple(layers)


def _logits(network: Network, output: str) -> str:
    """Names what the softmax or sigmoid at the network's end is taken of; the output itself where there is none."""
    nodes, name = {node.name: node for node in network.nodes}, output
    while name in nodes and isinstance(nodes[name].compute, Apply):
        if is_probability(nodes[name].compute.function):
            return nodes[name].inputs[0]
        if nodes[name].compute.function is not identity:
            break
        [name] = nodes[name].inputs
    return output
