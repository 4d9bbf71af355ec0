"""Layers: a whole layer, or a mixture of its channels -> one number."""

import dataclasses
from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives.arguments import Numbers, indices, layer_with_channels, numbers, vectors
from jaxviz.objectives.base import Objective
from jaxviz.objectives.labels import numbered
from jaxviz.objectives.layered import Layered, last

__all__ = ["WeightedChannels", "deepdream", "layer_mean", "weighted_channels"]


@partial(jax.tree_util.register_dataclass, data_fields=[], meta_fields=["layer", "axis"])
@dataclasses.dataclass(frozen=True)
class LayerMean(Layered):
    """The mean of a layer."""

    layer: str
    axis: int = -1

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        return jnp.mean(activations[self.layer])

    def resolve(self, model: Model) -> "LayerMean":
        model.layer(self.layer)
        return self

    def labels(self) -> list[str]:
        return [self.layer]

    def units(self, model: Model) -> int | None:
        del model
        return 1


@partial(jax.tree_util.register_dataclass, data_fields=[], meta_fields=["layer", "axis"])
@dataclasses.dataclass(frozen=True)
class DeepDream(LayerMean):
    """The mean of a layer's squares."""

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        return jnp.mean(jnp.square(activations[self.layer]))

    def labels(self) -> list[str]:
        return [f"{self.layer}·deepdream"]


@partial(jax.tree_util.register_dataclass, data_fields=["weights"], meta_fields=["layer", "axis"])
@dataclasses.dataclass(frozen=True)
class WeightedChannels(Layered):
    """A weighted sum of the means of channels."""

    layer: str
    weights: PyTree  # a leaf [n, channels]; until resolved also {channel: weight}
    axis: int = -1

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        values = last(activations[self.layer], self.axis)
        return jnp.sum(jnp.mean(values, axis=tuple(range(values.ndim - 1))) * self.weights)

    def resolve(self, model: Model) -> "WeightedChannels":
        layer = layer_with_channels(model, self.layer)
        channels, weights = layer.channels or 0, self.weights
        if isinstance(weights, Mapping):
            given = numbers(list(weights.values()), f"weights of channels of {layer.name!r}")
            weights = np.zeros(channels, np.float32)
            weights[indices(np.array(list(self.weights)), channels, f"channel of {layer.name!r}")] = given
        found = vectors(weights, [(channels,)], f"the weights of the channels of {layer.name!r}")
        return WeightedChannels(self.layer, found, layer.channel_axis or 0)

    def labels(self) -> list[str]:
        count = len(self.weights) if np.ndim(self.weights) == 2 else 1
        return numbered(f"{self.layer}·weights", count)

    def units(self, model: Model) -> int | None:
        del model
        return len(self.labels())


def layer_mean(layer: str) -> Objective:
    """Maximises the mean of a whole layer.

    Args:
      layer: the layer's name.

    Example:
      >>> layer_mean("conv2d_3").labels()
      ['conv2d_3']
    """
    return LayerMean(layer)


def deepdream(layer: str) -> Objective:
    """Maximises the mean square of a layer, which strengthens the activations that are already large.

    Source: Mordvintsev et al., "Inceptionism: Going Deeper into Neural Networks", Google Research Blog 2015,
    https://research.google/blog/inceptionism-going-deeper-into-neural-networks

    Args:
      layer: the layer's name.

    Example:
      >>> deepdream("conv2d_3").labels()
      ['conv2d_3·deepdream']
    """
    return DeepDream(layer)


def weighted_channels(layer: str, weights: Numbers | Mapping[int, float]) -> Objective:
    """Maximises ``sum over channels of weight x mean over positions``, in one pass over the layer.

    Args:
      layer: the layer's name.
      weights: the weight of each channel ``[channels]``, several ``[n, channels]`` for a batch, or ``{channel:
        weight}``.

    Raises:
      JaxvizError: (when resolved) the layer has another number of channels.

    Example:
      >>> weighted_channels("conv2d_3", {3: 1.0, 7: -0.5}).labels()
      ['conv2d_3·weights']
    """
    return WeightedChannels(layer, weights)
