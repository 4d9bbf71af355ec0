"""Reading: the activations of one run of a network, and the model that is made from them.

A network whose structure is unknown is run as a whole; jit removes what nobody asks for.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, PyTree

from jaxviz.networks.activations import Activations, Module
from jaxviz.networks.graphs import graph_of
from jaxviz.networks.layer import Canvas, Layer, unknown_layer
from jaxviz.networks.model import Model
from jaxviz.networks.preprocessing import Preprocessing, unstated
from jaxviz.values.errors import JaxvizError

__all__ = ["Picker", "Readable", "Reading", "answer", "model_of"]

Answer = TypeVar("Answer")
Picker = Callable[[Array], Array]


class Reading(NamedTuple):
    """The activations of one run of a network.

    Attributes:
      values: name -> activation; one that aliases another stands after it.
      returned: the names of what the network returns.
      kinds: name -> the class of the module that gives it, where one does.
      learned: the names of those whose units have weights of their own.
      pickers: name -> a function of a channel's index that computes that channel alone, of length 1.
    """

    values: Mapping[str, Array]
    returned: Sequence[str]
    kinds: Mapping[str, str]
    learned: Set[str]
    pickers: Mapping[str, Picker]


@runtime_checkable
class Readable(Module, Protocol):
    """A network of unknown structure, of which only the activations of a run are known."""

    @property
    def batched(self) -> bool:
        """True if the activations of one image have a batch axis of length 1."""
        ...

    @property
    def channel_axis(self) -> int:
        """The channel axis of activations with positions: -1 (last) or 0 (first)."""
        ...

    def read(self, variables: PyTree, image: Array, /) -> Reading:
        """Runs the network on one image."""
        ...


class _Evaluation:
    """Activations of one image, out of a reading."""

    def __init__(self, reading: Reading, module: Readable):
        self._reading = reading
        self._module = module

    def __getitem__(self, name: str) -> Array:
        if name not in self._reading.values:
            raise unknown_layer(name, list(self._reading.values))
        return self._unbatched(self._reading.values[name])

    def channel(self, name: str, index: Array | np.ndarray) -> Array:
        index = jnp.asarray(index)
        if name in self._reading.pickers:
            return self._unbatched(self._reading.pickers[name](index))
        whole = self[name]
        axis = _channel_axis(whole.shape, self._module)
        if axis is None:
            raise JaxvizError(f"layer {name!r} has no channels to visualize")
        return lax.dynamic_slice_in_dim(whole, index, 1, axis=axis)

    def _unbatched(self, value: Array) -> Array:
        return value.reshape(_shape(value.shape, self._module))


def answer(module: Readable, variables: PyTree, image: Array, question: Callable[[Activations], Answer]) -> Answer:
    """Answers a question about the activations that one image excites, from a run of the network."""
    return question(_Evaluation(module.read(variables, image), module))


def model_of(
    module: Readable,
    variables: PyTree,
    input_shape: Sequence[int],
    *,
    channel_axis: int,
    preprocessing: str | Preprocessing | None,
    output: str | None,
    logits: str | None,
    called: str,
    remedies: Sequence[tuple[type[Exception] | tuple[type[Exception], ...], str]] = (),
) -> Model:
    """Makes a model of a network from one traced run.

    Args:
      module: the network.
      variables: its variables.
      input_shape: the shape of one image.
      channel_axis: where the image counts its channels: -1 or 0.
      preprocessing: what stands between an image and the network; images of 0 to 1 are assumed when None.
      output: the name of the last layer; what the network returns when None.
      logits: the layer that the last one is the softmax or sigmoid of; found when None and there is one.
      called: what a message calls the network.
      remedies: kinds of errors that the network raises, and what to do about them.

    Raises:
      JaxvizError: a name or a number among these is not possible, or the network does not run or has no activations.
    """
    shape = tuple(input_shape) if isinstance(input_shape, Sequence) else ()
    if not shape or not all(isinstance(side, int) and side > 0 for side in shape):
        raise JaxvizError(f"input_shape {input_shape!r}: give the shape of one image, such as (28, 28, 1)")
    if len(shape) == 4 and shape[0] == 1 and channel_axis == -1:
        raise JaxvizError(f"input_shape {shape}: leave out the batch axis: {shape[1:]}")
    if channel_axis not in (-1, 0):
        raise JaxvizError(f"channel_axis {channel_axis}: give -1 where the image's channels are last, 0 where first")
    shapes: dict[str, tuple[int, ...]] = {}
    kinds: dict[str, str] = {}
    learned: set[str] = set()
    returned: list[str] = []

    def run(variables: PyTree, image: Array) -> Mapping[str, Array]:
        reading = module.read(variables, image)
        shapes.update({name: _shape(value.shape, module) for name, value in reading.values.items()})
        kinds.update(reading.kinds)
        learned.update(reading.learned)
        returned.extend(reading.returned)
        return reading.values

    try:
        variables = jax.tree.map(jnp.asarray, variables)  # NumPy's would go to the device at every call
        graph = graph_of(run, variables, jax.ShapeDtypeStruct(shape, jnp.float32))
    except JaxvizError:
        raise
    except Exception as error:  # whatever the network's own code raises
        remedy = next((f"{remedy} ({error})" for kind, remedy in remedies if isinstance(error, kind)), None)
        raise JaxvizError(f"{called} does not run on an image of shape {shape}: {remedy or error}") from error
    # What the network returns is most often what its last layer gave, and goes by that name then.
    names = [name for name in graph.names if name not in returned or graph.first_name(name) == name]
    if not names:
        raise JaxvizError("the network has no activations of floating point numbers")
    last = output or max(map(graph.first_name, returned or names), key=names.index)
    for name in (last, logits or last):
        if name not in names:
            raise unknown_layer(name, names)
    model = Model(
        variables=variables,
        module=module,
        layers=tuple(
            Layer(
                name=name,
                kind=kinds.get(name) or graph.operation(name),
                output_shape=shapes[name],
                channel_axis=_channel_axis(shapes[name], module),
                learned=name in learned,
                activation=activation,
                activated=activated if activated in names else None,
                preactivation=_of_shape(graph.preactivation_of(name), shapes, shapes[name]),
            )
            for name in names
            for activation, activated in [graph.activation_after(name) or (None, None)]
        ),
        canvas=Canvas(shape=shape, channel_axis=channel_axis),
        output=last,
        logits=logits or graph.logits_of(last) or last,
    )
    return model.with_preprocessing(preprocessing or unstated(shape[channel_axis]))


def _of_shape(name: str | None, shapes: Mapping[str, tuple[int, ...]], shape: tuple[int, ...]) -> str | None:
    return name if name is not None and shapes[name] == shape else None


def _shape(shape: tuple[int, ...], module: Readable) -> tuple[int, ...]:
    return shape[1:] if module.batched and shape[:1] == (1,) else shape


def _channel_axis(shape: tuple[int, ...], module: Readable) -> int | None:
    if not shape:
        return None
    return module.channel_axis if len(shape) > 2 else -1
