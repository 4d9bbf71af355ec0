"""Conversion: the contents of a Keras file -> a model."""

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.keras.assembly import families, forms
from jaxviz.keras.assembly.assembly import Assembly, Place, assemble
from jaxviz.keras.assembly.inputs import Inputs, choose
from jaxviz.keras.assembly.network import Network, Source
from jaxviz.keras.config.dialects import canonical
from jaxviz.keras.config.graph import Architecture, Call
from jaxviz.keras.layers import PREACTIVATION, Node, is_learned
from jaxviz.keras.layers.activations import halves_channels, identity, is_probability
from jaxviz.keras.layers.computation import Apply
from jaxviz.keras.layers.custom import Custom
from jaxviz.keras.layers.elementwise import ACTIVATIONS
from jaxviz.keras.weights.matching import Wanted, match
from jaxviz.keras.weights.stored import StoredModel
from jaxviz.networks.class_names import of_imagenet
from jaxviz.networks.layer import Canvas, Layer
from jaxviz.networks.model import Model
from jaxviz.networks.preprocessing import Preprocessing
from jaxviz.values.errors import ModelFileError
from jaxviz.values.texts import Texts

__all__ = ["convert"]


def convert(
    stored: StoredModel,
    *,
    input_shape: Sequence[int] | None = None,
    inputs: Mapping[str, Float[Array | np.ndarray, "..."]] | None = None,
    custom: Custom | None = None,
    preprocessing: str | Preprocessing | None = None,
    partial: bool = False,
) -> Model:
    """Makes a model of what a Keras file holds.

    Activations have the names of their layers; those of a model inside are called ``outer/inner``, and the second call
    of a layer gives ``name/1``, the third ``name/2``. Where an image of another size than the file's is asked for,
    layers that cannot be computed at that size (a dense layer behind Flatten, and all that reads it) are left out.

    Args:
      stored: the file.
      input_shape: height, width and channels of the image, as the network orders them, where the file leaves them open
        or the network is wanted at another size; 224 by 224 pixels where neither says anything.
      inputs: what a network of several inputs reads beside the image, by name; zeros for those left out.
      custom: a Linen module or a function of the activations of one image, for a layer or a class by its name, which no
        file can describe: a Lambda or a class of the caller's own. Its variables are taken from the file in order.
      preprocessing: what converts an image for the network; what the file says of it when None.
      partial: True where the file may have weights of more layers.

    Raises:
      ModelFileError: a layer is not supported, or weights do not fit the architecture; all misfits are listed.
      JaxvizError: an argument does not fit the network.
    """
    custom = custom or {}
    architecture = canonical(stored.config, stored.keras_version, stored.path)
    own, asked = choose(architecture, stored, input_shape, inputs or {})
    assembly = assemble(architecture, own.signals, custom, stored.path)
    for misfit in assembly.misfits.values():
        raise misfit
    variables = _variables(stored, architecture, assembly, own, partial)
    if asked.signals != own.signals:
        assembly = assemble(architecture, asked.signals, custom, stored.path, assembly.variables)
        variables = {
            collection: {scope: branch for scope, branch in scopes.items() if scope in assembly.scopes}
            for collection, scopes in variables.items()
        }
    if asked.constants:
        variables["inputs"] = {name: jnp.asarray(value) for name, value in asked.constants.items()}
    model = _model(architecture, assembly, asked.image, variables)
    names = families.names_of(_name(stored), architecture)
    if families.is_of_imagenet(names) and model.layer(model.output).output_shape == (1000,):
        model = model.replace(classes=Texts(of_imagenet() or ()))
    usual = families.preprocessing_of(
        names, families.first_layers(architecture), model.canvas.shape[model.canvas.channel_axis]
    )
    return model.with_preprocessing(preprocessing or usual)


def _model(architecture: Architecture, assembly: Assembly, image: str, variables: dict) -> Model:
    calls = [call for call in architecture.calls if call.name in assembly.signals]
    if not calls:
        raise next(iter(assembly.misfits.values()))
    sources = {
        name: Source(name=name, shape=signal.shape, channel_axis=signal.channel_axis or 0)
        for name in (each.name for each in architecture.inputs)
        for signal in [assembly.signals[name]]
    }
    network = Network(
        nodes=tuple(assembly.nodes),
        image=sources.pop(image),
        constants=tuple(sources.values()),
        omitted=tuple((name, str(misfit)) for name, misfit in assembly.misfits.items()),
    )
    nodes = {node.name: node for node in assembly.nodes}
    output = next((name for name in architecture.outputs if name in assembly.signals), calls[-1].name)
    return Model(
        variables=variables,
        module=network,
        layers=tuple(
            Layer(
                name=call.name,
                kind=call.layer.kind,
                output_shape=assembly.signals[call.name].shape,
                channel_axis=_outward(assembly.signals[call.name].channel_axis, assembly.signals[call.name].rank),
                learned=is_learned(call.layer),
                preactivation=_preactivation(nodes, call),
            )
            for call in calls
        ),
        canvas=Canvas(
            shape=network.image.shape, channel_axis=_outward(network.image.channel_axis, len(network.image.shape)) or 0
        ),
        output=output,
        logits=_logits(network, output),
    )


def _preactivation(nodes: Mapping[str, Node], call: Call) -> str | None:
    """Names what goes into a layer's own activation function, or into the layer where it is nothing else."""
    node = nodes[call.name]
    function = getattr(node.compute, "function", None)
    if len(node.inputs) != 1 or function is identity or (function is not None and halves_channels(function)):
        return None
    [name] = node.inputs
    if name == call.name + PREACTIVATION:
        return name
    return name if call.layer.kind in ACTIVATIONS and name in nodes else None


def _name(stored: StoredModel) -> str:
    config = stored.config.get("config") if stored.config else None
    return str(config.get("name") or "") if isinstance(config, Mapping) else ""


def _outward(axis: int | None, rank: int) -> int | None:
    """Returns an axis as a model tells it: -1 for the last one."""
    return -1 if axis == rank - 1 else axis


def _variables(
    stored: StoredModel, architecture: Architecture, assembly: Assembly, inputs: Inputs, partial: bool
) -> dict:
    """Finds each variable's array in the file, in the form in which its layer uses it."""
    of_keras_1 = forms.is_of_keras_1(stored.weights)
    of_theano = forms.is_of_theano(stored.weights, stored.backend)
    places = {layer.scope: _places(assembly, layer.scope) for layer in architecture.layers}
    shapes = {
        layer.scope: {
            name: forms.forms(layer, name, assembly.variables[layer.scope][place], of_keras_1)
            for name, place in places[layer.scope].items()
        }
        for layer in architecture.layers
    }
    wanted = [
        Wanted(
            scope=layer.scope,
            kind=layer.kind,
            weights=tuple((name, *stored_as) for name, stored_as in shapes[layer.scope].items()),
            parent=layer.parent,
        )
        for layer in architecture.layers
    ]
    try:
        found = match(stored, wanted, partial=partial)
    except ModelFileError as error:
        if inputs.is_guess:
            taken = inputs.signals[inputs.image].shape
            raise ModelFileError(
                f"{error}; it leaves its input open, and {taken} was taken; give input_shape"
            ) from error
        raise
    variables: dict = {"params": {}}
    for layer in architecture.layers:
        for name, place in places[layer.scope].items():
            array = found[layer.scope][name]
            array = shapes[layer.scope][name][array.shape](array)
            array = forms.flip(layer, name, array) if of_theano else array
            _put(variables, layer.scope, place, jnp.asarray(array, jnp.float32))
    return variables


def _places(assembly: Assembly, scope: str) -> dict[str, Place]:
    """Returns Keras's names of a layer's weights, in order, and where their variables stand."""
    renamed = assembly.keras_names.get(scope, {})
    return {
        "/".join(renamed.get(part, part) for part in place[1:]): place for place in assembly.variables.get(scope, {})
    }


def _put(variables: dict, scope: str, place: Place, array: Array) -> None:
    collection, *path, last = place
    branch = variables.setdefault(collection, {}).setdefault(scope, {})
    for part in path:
        branch = branch.setdefault(part, {})
    branch[last] = array


def _logits(network: Network, output: str) -> str:
    """Names what the softmax or sigmoid at the network's end is taken of; the output itself where there is none."""
    nodes, name = {node.name: node for node in network.nodes}, output
    while name in nodes:
        compute = nodes[name].compute
        if not isinstance(compute, Apply):
            break
        if is_probability(compute.function):
            return nodes[name].inputs[0]
        if compute.function is not identity:
            break
        [name] = nodes[name].inputs
    return output
