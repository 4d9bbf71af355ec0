"""Directions: a vector over the channels of a layer -> how strongly the layer's activation points along it."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives.arguments import Numbers, Position, layer_with_channels, numbers, positions, vectors
from jaxviz.objectives.base import Objective
from jaxviz.objectives.labels import located, numbered, powers
from jaxviz.objectives.layered import Layered, last
from jaxviz.objectives.measures import dot_cosine
from jaxviz.values.errors import JaxvizError

__all__ = ["direction", "tensor_direction"]


@partial(jax.tree_util.register_dataclass, data_fields=["vector", "power", "position"], meta_fields=["layer", "axis"])
@dataclasses.dataclass(frozen=True)
class Direction(Layered):
    """The activations along a vector of channels, at one position or at all."""

    layer: str
    vector: PyTree  # [n, channels]
    power: PyTree  # [n]
    position: PyTree = None  # [n, rank]; None for everywhere
    axis: int = -1

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        values = last(activations[self.layer], self.axis)
        if self.position is not None:
            values = values[tuple(self.position)]
        return jnp.mean(dot_cosine(values, jnp.asarray(self.vector), jnp.asarray(self.power), -1))

    def resolve(self, model: Model) -> "Direction":
        layer = layer_with_channels(model, self.layer)
        resolved = Direction(
            self.layer,
            vectors(self.vector, [(layer.channels or 0,)], f"the direction in {layer.name!r}"),
            numbers(self.power, "a power of", least=0.0),
            None if self.position is None else positions(self.position, layer),
            layer.channel_axis or 0,
        )
        resolved.labels()  # refuses numbers of vectors, powers and positions that do not match
        return resolved

    def labels(self) -> list[str]:
        count = len(self.vector) if np.ndim(self.vector) == 2 else 1
        return powers(located(numbered(f"{self.layer}·direction", count), self.position), self.power)

    def units(self, model: Model) -> int | None:
        del model
        return len(self.labels())


@partial(jax.tree_util.register_dataclass, data_fields=["tensor", "power"], meta_fields=["layer", "axis"])
@dataclasses.dataclass(frozen=True)
class TensorDirection(Layered):
    """The activations along a vector of channels for each position."""

    layer: str
    tensor: PyTree  # [n, *output_shape]
    power: PyTree  # [n]
    axis: int = -1

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        values, wanted = (last(jnp.asarray(x), self.axis) for x in (activations[self.layer], self.tensor))
        return jnp.mean(dot_cosine(values, wanted, jnp.asarray(self.power), -1))

    def resolve(self, model: Model) -> "TensorDirection":
        layer = model.layer(self.layer)
        if not layer.output_shape:
            raise JaxvizError(
                f"layer {layer.name!r} ({layer.description}) is one number and has no direction; name another"
            )
        resolved = TensorDirection(
            self.layer,
            vectors(self.tensor, [layer.output_shape], f"the direction in {layer.name!r}"),
            numbers(self.power, "a power of", least=0.0),
            -1 if layer.channel_axis is None else layer.channel_axis,
        )
        resolved.labels()
        return resolved

    def labels(self) -> list[str]:
        return powers(numbered(f"{self.layer}·tensor", len(self.tensor)), self.power)

    def units(self, model: Model) -> int | None:
        del model
        return len(self.labels())


def direction(layer: str, vector: Numbers, position: Position = None, *, power: Numbers = 0.0) -> Objective:
    """Maximises the activations along a direction: ``mean over positions of x . v max(cosine(x, v), 0.1)^power``.

    Source: Carter et al., "Activation Atlas", Distill 2019, https://distill.pub/2019/activation-atlas, where the power
    is 2; the formula is that of lucid, https://github.com/tensorflow/lucid

    Args:
      layer: the layer's name.
      vector: ``[channels]``, or the rows of a matrix ``[n, channels]`` for a batch.
      position: a position such as ``(5, 5)`` or ``"centre"``, or several ``[n, 2]`` for a batch; by default all
        positions.
      power: the power of the cosine, 0 or more, or several for a batch. 0 is the dot product, which large activations
        in other directions also increase; a larger power favours the exact direction.

    Raises:
      JaxvizError: (when resolved) the length of the vector is not the layer's number of channels, or the power is below
        0.

    Example:
      >>> import numpy as np
      >>> direction("conv2d_3", np.eye(64)[:2], power=2).labels()
      ['conv2d_3·direction 0·cos^2', 'conv2d_3·direction 1·cos^2']
    """
    return Direction(layer, vector, power, position)


def tensor_direction(layer: str, tensor: Numbers, *, power: Numbers = 0.0) -> Objective:
    """Maximises the activations along an array with a direction for each position; otherwise like `direction`.

    Source: lucid, https://github.com/tensorflow/lucid, ``tensor_direction``

    Args:
      layer: the layer's name.
      tensor: an array of the layer's shape, such as the activations of an image; several ``[n, …]`` for a batch.
      power: the power of the cosine, 0 or more.

    Raises:
      JaxvizError: (when resolved) the layer has another shape.

    Example:
      >>> import numpy as np
      >>> tensor_direction("dense_1", np.ones((1, 1024))).labels()
      ['dense_1·tensor']
    """
    return TensorDirection(layer, tensor, power)
