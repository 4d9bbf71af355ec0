"""Wiring: the inputs of each layer of a network, and the strongest weights between the channels of two layers."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int32, PyTree

from jaxviz.networks.graphs import graph_of
from jaxviz.networks.kernels import Summed, summed
from jaxviz.networks.layer import Layer
from jaxviz.networks.model import Model
from jaxviz.networks.readings import Readable
from jaxviz.values.errors import JaxvizError

__all__ = ["Carry", "Kernel", "Strongest", "Wire", "Wired", "inputs_of", "strongest", "weights_of"]

Carry = Literal["channels"] | Callable[[Array], Array]
"""How a layer without a kernel passes on what it reads: channel by channel, or number by number, in the places that a
function of any array puts them."""

_BLOCK = 1 << 22  # weights that are looked at together, so that what they need beside the kernel stays small


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kernel:
    """The weights of one layer.

    Attributes:
      axis: the axis of what the layer reads that its weights sum over.
      groups: into how many groups that axis is split, each read by as many successive units.
      array: variables -> ``[*positions, inputs of a group, units]``.
    """

    axis: int
    groups: int = 1
    array: Callable[[PyTree], np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wire:
    """How one layer is wired to those before it.

    Attributes:
      inputs: the layers that it reads; the image is none.
      kernel: its weights; None where it has none, or they are not sums over channels.
      carry: how it passes on the one array that it reads; None where it computes channels of its own.
    """

    inputs: tuple[str, ...]
    kernel: Kernel | None = None
    carry: Carry | None = None


@runtime_checkable
class Wired(Protocol):
    """A network that tells its wiring."""

    def wires(self) -> Mapping[str, Wire]:
        """Returns how each layer is wired, by its name."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Strongest:
    """The strongest weights to each unit of a layer.

    Attributes:
      layer: the layer before, whose channels they come from.
      channels: for each unit the channels, the strongest first.
      weights: the length of the weights from each, over all positions of the kernel, with the sign of their sum.
    """

    layer: str
    channels: Int32[np.ndarray, "units k"]
    weights: Float[np.ndarray, "units k"]


def inputs_of(model: Model) -> dict[str, tuple[str, ...]]:
    """Returns for each layer the layers that it reads: none for the image, or where the network does not tell.

    Of a Flax module or a function, a layer reads those that its output is made of with no other layer between.

    Example:
      >>> import jaxviz
      >>> [(name, *inputs) for name, inputs in inputs_of(jaxviz.default_model()).items()][:3]
      [('conv2d_1',), ('conv2d_2', 'conv2d_1'), ('max_pooling2d_1', 'conv2d_2')]
    """
    found = _traced(model, model.module) if isinstance(model.module, Readable) else {}
    found |= {name: wire.inputs for name, wire in _wires(model).items()}
    return {layer.name: found.get(layer.name, ()) for layer in model.layers}


def strongest(model: Model, layer: str, count: int = 8) -> Strongest | None:
    """Finds for each unit of a layer the channels before it with the strongest weights.

    They are those of the nearest layer before that computes channels of its own: activation functions, normalization
    by numbers of training, pooling, padding and Flatten are passed by; a sum or concatenation of layers is not. A
    network that does not tell its wiring is traced: that of a Flax module, of a function or of another library.

    Args:
      model: the network.
      layer: the name of a layer.
      count: how many channels; fewer where a unit reads fewer.

    Returns:
      None for a layer without a kernel, and where it reads the image, or channels that are not kept apart.

    Raises:
      JaxvizError: the model has no such layer, or the count is not positive.

    Example:
      >>> import jaxviz
      >>> found = strongest(jaxviz.default_model(), "dense_1", 3)
      >>> found.layer, found.channels.shape
      ('conv2d_4', (1024, 3))
    """
    if count < 1:
        raise JaxvizError(f"count {count}: give how many channels, 1 or more")
    units = model.layer(layer).channels
    found = _summed(model, layer) if isinstance(model.module, Wired) else summed(model, layer)
    if found is None or found.weights.shape[-1] != units:  # its activation function makes fewer channels of more
        return None
    name, entries, weights, groups = found
    if groups > 1:
        places, names = np.arange(len(entries) // groups)[:, None], entries.reshape(groups, -1)
    else:
        size = entries.max() + 1
        places, names = np.argsort(entries, kind="stable").reshape(size, -1), np.arange(size)[None]
    return _ranked(name, weights, places, names, count)


def weights_of(model: Model, layer: str) -> Float[np.ndarray, "units weights"] | None:
    """Returns the weights of each unit of a layer in a row; None for a layer whose weights are not known.

    Raises:
      JaxvizError: the model has no such layer.
    """
    units = model.layer(layer).channels
    if isinstance(model.module, Wired):
        wires = _wires(model)
        kernel = wires[layer].kernel if layer in wires else None
        weights = None if kernel is None else kernel.array(model.variables)
    else:
        found = summed(model, layer)
        weights = None if found is None else found.weights
    if weights is None or weights.shape[-1] != units:
        return None
    return np.moveaxis(weights, -1, 0).reshape(weights.shape[-1], -1)


def _summed(model: Model, layer: str) -> Summed | None:
    """Finds a layer's weights and what they sum over by the wires that a network tells."""
    wires = _wires(model)
    kernel = wires[layer].kernel if layer in wires else None
    source = _source(model, wires, layer, kernel) if kernel else None
    if kernel is None or source is None:
        return None
    return Summed(*source, kernel.array(model.variables), kernel.groups)


def _ranked(layer: str, weights: np.ndarray, places: np.ndarray, names: np.ndarray, count: int) -> Strongest:
    """Ranks the channels of each unit.

    Args:
      layer: whose channels they are.
      weights: ``[*positions, inputs, units]``.
      places: where each channel stands among the inputs, ``[channels, places]``.
      names: the channels of each group of units, ``[groups, channels]``.
      count: how many to keep.
    """
    units, rows = weights.shape[-1], weights.size // weights.shape[-1]
    weights = weights.reshape(-1, weights.shape[-2], units)
    step = max(1, _BLOCK // rows)
    found = [_strengths(weights[..., first : first + step], places, count) for first in range(0, units, step)]
    order, signed = (np.concatenate(parts) for parts in zip(*found, strict=True))
    groups = np.arange(units) // (units // len(names))
    return Strongest(
        layer=layer, channels=names[groups[:, None], order].astype(np.int32), weights=signed.astype(np.float32)
    )


def _strengths(weights: np.ndarray, places: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the strongest channels of some units ``[units, k]``, and their weights."""
    own = weights[:, places].astype(np.float64)  # [positions, channels, places, units]
    lengths, sums = np.sqrt(np.square(own).sum((0, 2))).T, own.sum((0, 2)).T
    order = np.argsort(-lengths, axis=1, kind="stable")[:, :count].copy()  # a view would keep all of it
    signed = np.copysign(np.take_along_axis(lengths, order, 1), np.take_along_axis(sums, order, 1))
    return order, signed


def _source(
    model: Model, wires: Mapping[str, Wire], layer: str, kernel: Kernel
) -> tuple[str, Int[np.ndarray, " inputs"]] | None:
    """Names the layer whose channels a kernel sums over, and tells which of them each of its inputs belongs to."""
    layers = {each.name: each for each in model.layers}
    chain: list[Layer] = []
    while not chain or wires[layer].carry is not None:
        if not wires[layer].inputs:
            return None
        [layer] = wires[layer].inputs
        chain.insert(0, layers[layer])
    for place in range(len(chain)):
        entries = _entries(chain[place:], wires, kernel.axis)
        # A group of units reads whole channels, or none of this layer's are its own.
        if entries is not None and (kernel.groups == 1 or len(np.unique(entries)) == len(entries)):
            return chain[place].name, entries
    return None


def _entries(chain: list[Layer], wires: Mapping[str, Wire], axis: int) -> np.ndarray | None:
    """Sends the number of each channel of the first layer through those behind it, and reads them along an axis."""
    first, *others = chain
    if first.channel_axis is None or first.channels is None:
        return None
    labels = _spread(np.arange(first.channels), first)
    before = first
    for each in others:
        carry = wires[each.name].carry
        if callable(carry):
            labels = np.asarray(carry(jnp.asarray(labels)))
        else:
            numbers = None if before.channel_axis is None else _along(labels, before.channel_axis)
            if numbers is None or each.channels != len(numbers):
                return None
            labels = _spread(numbers, each)
        before = each
    return _along(labels, axis)


def _spread(numbers: np.ndarray, layer: Layer) -> np.ndarray:
    """Gives each channel of a layer its number, at all positions."""
    assert layer.channel_axis is not None
    last = np.moveaxis(np.empty(layer.output_shape, bool), layer.channel_axis, -1).shape
    return np.moveaxis(np.broadcast_to(numbers, last), -1, layer.channel_axis)


def _along(labels: np.ndarray, axis: int) -> np.ndarray | None:
    """Returns the numbers along an axis; None where they are others at other positions."""
    rows = np.moveaxis(labels, axis, 0)
    first = rows.reshape(len(rows), -1)[:, 0]
    return first if (first == rows.T).all() else None


def _traced(model: Model, module: Readable) -> dict[str, tuple[str, ...]]:
    image = jax.ShapeDtypeStruct(model.canvas.shape, jnp.float32)
    return graph_of(lambda variables, image: module.read(variables, image).values, model.variables, image).reads()


def _wires(model: Model) -> Mapping[str, Wire]:
    return model.module.wires() if isinstance(model.module, Wired) else {}
