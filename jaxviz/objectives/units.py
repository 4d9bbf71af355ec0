"""Units: a channel, a neuron, the neurons of a window -> their activation."""

import dataclasses
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives.arguments import (
    Indices,
    Numbers,
    Position,
    indices,
    layer_with_channels,
    places,
    positions,
    vectors,
    whole_numbers,
)
from jaxviz.objectives.base import Objective
from jaxviz.objectives.labels import counted, located, numbered
from jaxviz.objectives.layered import Layered, last
from jaxviz.objectives.layers import WeightedChannels
from jaxviz.values.errors import JaxvizError
from jaxviz.values.texts import NO_TEXTS, Texts

__all__ = ["Channel", "channel", "local_group", "neuron"]


@partial(jax.tree_util.register_dataclass, data_fields=["index"], meta_fields=["layer", "names"])
@dataclasses.dataclass(frozen=True)
class Channel(Layered):
    """The mean of one channel of a layer over its positions."""

    layer: str
    index: PyTree  # a leaf; None, until resolved, for all there are
    names: Texts = NO_TEXTS  # of all units, where the layer is the network's last one and they are known

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        assert self.index is not None, "an objective is resolved against a model before it is called"
        return jnp.mean(activations.channel(self.layer, self.index))

    def resolve(self, model: Model) -> "Channel":
        layer = layer_with_channels(model, self.layer)
        index = indices(self.index, layer.channels or 0, f"channel of {layer.name!r}")
        return Channel(self.layer, index, Texts(model.unit_names(self.layer)))

    def at_once(self, weights: np.ndarray, model: Model) -> Objective:
        # Many channels are one weighted mean of the layer, which is computed once however many they are.
        layer = layer_with_channels(model, self.layer)
        sums = np.zeros((len(weights), layer.channels or 0), np.float32)
        np.add.at(sums, (np.arange(len(weights))[:, None], self.index), weights)
        return WeightedChannels(self.layer, sums, layer.channel_axis or 0)

    def labels(self) -> list[str]:
        return counted(self.layer, self.index, self.names)

    def units(self, model: Model) -> int | None:
        return model.layer(self.layer).channels


@partial(jax.tree_util.register_dataclass, data_fields=["index", "position"], meta_fields=["layer", "axis", "names"])
@dataclasses.dataclass(frozen=True)
class Neuron(Layered):
    """One channel of a layer at one position."""

    layer: str
    index: PyTree  # likewise
    position: PyTree  # a leaf; None, once resolved, for a layer without positions
    axis: int = -1
    names: Texts = NO_TEXTS

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        values = last(activations.channel(self.layer, self.index), self.axis)[..., 0]
        return values if self.position is None else values[tuple(self.position)]

    def resolve(self, model: Model) -> "Neuron":
        layer = layer_with_channels(model, self.layer)
        index = indices(self.index, layer.channels or 0, f"channel of {layer.name!r}")
        names = Texts(model.unit_names(self.layer))
        resolved = Neuron(self.layer, index, positions(self.position, layer), layer.channel_axis or 0, names)
        resolved.labels()  # refuses numbers of channels and positions that do not match
        return resolved

    def labels(self) -> list[str]:
        return located(counted(self.layer, self.index, self.names), self.position)

    def units(self, model: Model) -> int | None:
        return model.layer(self.layer).channels


@partial(jax.tree_util.register_dataclass, data_fields=["weights", "position"], meta_fields=["layer", "window", "axis"])
@dataclasses.dataclass(frozen=True)
class LocalGroup(Layered):
    """The neurons of a window: the mean over its positions of the weighted sum over channels."""

    layer: str
    weights: PyTree  # [n, channels] or [n, *window, channels]; None, until resolved, for a mean over channels
    position: PyTree  # [n, rank]
    window: tuple[int, ...]
    axis: int = -1

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        values = last(activations[self.layer], self.axis)
        corner = [place - side // 2 for place, side in zip(self.position, self.window, strict=True)]
        part = lax.dynamic_slice(values, [*corner, jnp.zeros_like(corner[0])], (*self.window, values.shape[-1]))
        return jnp.mean(jnp.sum(part * self.weights, axis=-1))

    def resolve(self, model: Model) -> "LocalGroup":
        layer = layer_with_channels(model, self.layer)
        channels, sides = layer.channels or 0, places(layer)
        fits = len(self.window) == len(sides) > 0 and all(0 < w <= s for w, s in zip(self.window, sides, strict=True))
        if not fits:
            has = " x ".join(map(str, sides)) or "no"
            raise JaxvizError(f"a window of {' x '.join(map(str, self.window))}: {layer.name!r} has {has} positions")
        weights = np.full(channels, 1 / channels, np.float32) if self.weights is None else self.weights
        resolved = LocalGroup(
            self.layer,
            vectors(weights, [(channels,), (*self.window, channels)], f"the weights of a group in {layer.name!r}"),
            positions(self.position, layer, self.window),
            self.window,
            layer.channel_axis or 0,
        )
        resolved.labels()  # refuses numbers of weights and positions that do not match
        return resolved

    def labels(self) -> list[str]:
        name = f"{self.layer}·{'x'.join(map(str, self.window))}"
        count = 1 if self.weights is None else len(self.weights)
        return located(numbered(name, count), self.position)

    def units(self, model: Model) -> int | None:
        return len(self.labels())


def channel(layer: str, index: Indices = None) -> Objective:
    """Maximises the mean of one channel over height and width; in a dense layer, one unit.

    Source: Olah et al., "Feature Visualization", Distill 2017, https://distill.pub/2017/feature-visualization

    Args:
      layer: the layer's name, one of ``model.layers``.
      index: a channel, or several for a batch; by default all channels of the layer.

    Example:
      >>> channel("conv2d_3", [3, 7]).labels()
      ['conv2d_3:3', 'conv2d_3:7']
    """
    return Channel(layer, whole_numbers(index))


def neuron(layer: str, index: Indices = None, position: Position = "centre") -> Objective:
    """Maximises one channel at one position; in a dense layer, one unit.

    Source: Erhan et al., "Visualizing Higher-Layer Features of a Deep Network", 2009; the centre, ``sides // 2``, as in
    lucid, https://github.com/tensorflow/lucid

    Args:
      layer: the layer's name.
      index: a channel, or several for a batch; by default all channels of the layer.
      position: such as ``(5, 5)`` for row and column; or several ``[n, 2]`` for a batch, one for each channel or
        all of one channel; by default the centre.

    Raises:
      JaxvizError: (when resolved) there is no such position.

    Example:
      >>> neuron("conv2d_3", 17, [(5, 5), (0, 9)]).labels()
      ['conv2d_3:17@5,5', 'conv2d_3:17@0,9']
    """
    return Neuron(layer, whole_numbers(index), position)


def local_group(
    layer: str, weights: Numbers | None = None, position: Position = "centre", *, window: Sequence[int] = (3, 3)
) -> Objective:
    """Maximises the neurons of a window: ``mean over its positions of sum over channels of weight x activation``.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill 2018,
    https://distill.pub/2018/building-blocks

    Args:
      layer: the layer's name.
      weights: the weights of the channels, ``[channels]``, or of every neuron, ``[*window, channels]``; several
        ``[n, …]`` for a batch; by default the mean over the channels.
      position: the middle of the window (the later one of two), or several ``[n, 2]`` for a batch.
      window: the number of positions along each axis.

    Raises:
      JaxvizError: (when resolved) the window does not fit into the layer, or the weights have another shape.

    Example:
      >>> local_group("conv2d_3", position=(5, 6)).labels()
      ['conv2d_3·3x3@5,6']
    """
    return LocalGroup(layer, weights, position, tuple(window))
