"""Matching: given images -> how similar the distribution of a layer's activations is to theirs."""

import dataclasses
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.layer import Layer
from jaxviz.networks.model import Model
from jaxviz.objectives.arguments import Numbers, numbers, places, vectors
from jaxviz.objectives.base import Objective
from jaxviz.objectives.labels import numbered
from jaxviz.objectives.layered import last
from jaxviz.values.errors import JaxvizError

__all__ = ["matched"]


@partial(jax.tree_util.register_dataclass, data_fields=["weights", "images", "targets"], meta_fields=["names", "axes"])
@dataclasses.dataclass(frozen=True)
class Matched(Objective):
    """Minus the squared distance of sorted activations to the mean of those of given images."""

    names: tuple[str, ...]
    weights: PyTree  # [1, layers]
    images: PyTree  # until resolved: [images, *canvas.shape] or [n, images, *canvas.shape]
    targets: tuple[PyTree, ...] = ()  # once resolved: of each layer [n, positions, channels], sorted over positions
    axes: tuple[int, ...] = ()  # where each layer counts its channels

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        missed = [
            jnp.mean(jnp.square(_sorted(activations[name], axis) - jnp.asarray(target)))
            for name, axis, target in zip(self.names, self.axes, self.targets, strict=True)
        ]
        return -jnp.sum(jnp.asarray(self.weights) * jnp.stack(missed))

    def resolve(self, model: Model) -> "Matched":
        layers = [model.layer(name) for name in self.names]
        if self.targets:
            _check_targets(self.targets, layers)
            return self
        shape = model.canvas.shape
        given = np.asarray(self.images)
        batch = given[None] if given.ndim == len(shape) + 1 else given
        if batch.ndim != len(shape) + 2 or 0 in batch.shape[:2]:
            raise JaxvizError(
                f"images of shape {given.shape}: give [images, {', '.join(map(str, shape))}], or several such "
                f"[n, images, {', '.join(map(str, shape))}]"
            )
        checked = [vectors(images, [shape], "the images to match") for images in batch]
        axes = tuple(layer.channel_axis or 0 for layer in layers)
        targets = tuple(
            np.stack([_mean_sorted(model, images, layer.name, axis) for images in checked])
            for layer, axis in zip(layers, axes, strict=True)
        )
        return Matched(self.names, self.weights, None, targets, axes)

    def layers(self) -> tuple[str, ...]:
        return self.names

    def labels(self) -> list[str]:
        shown = self.names[0] if len(self.names) == 1 else f"{len(self.names)} layers"
        return numbered(f"{shown}·matched", len(self.targets[0]) if self.targets else 1)

    def units(self, model: Model) -> int | None:
        del model
        return len(self.labels())


def matched(
    layers: str | Sequence[str], images: Float[Array | np.ndarray, "..."], *, weights: Numbers | None = None
) -> Objective:
    """Maximises ``-sum over layers of weight x mean((sort(x) - mean over images of sort(y))^2)``.

    Each channel's activations are sorted over the positions, in the picture (x) and in each given image (y). The
    picture then gets the features of the images, equally often and equally strong, at any position. Give images of
    a class, or those that activate a unit most, and layers from early to late. Use the recipe ``vital``.

    Source: Görgün, Schiele and Fischer, "VITAL: More Understandable Feature Visualization through Distribution
    Alignment and Relevant Information Flow", ICCV 2025, https://arxiv.org/abs/2503.22399, its sort-matching loss for
    class neurons. The relevance maps that it adds for neurons inside the network are not part of this objective.

    Args:
      layers: the name of a layer, or of several.
      images: ``[images, *canvas.shape]`` in the canvas's range, or ``[n, images, *canvas.shape]`` for a batch.
      weights: the weight of each layer; 1 when None.

    Raises:
      JaxvizError: there is no layer, or another number of weights than of layers; (when resolved) the model has no
        such layer, or the images have another shape than the model's.

    Example:
      >>> import jaxviz, numpy as np
      >>> digits = np.zeros((5, 28, 28, 1), np.float32)
      >>> matched(["conv2d_1", "conv2d_3"], digits).resolve(jaxviz.default_model()).labels()
      ['2 layers·matched']
    """
    names = (layers,) if isinstance(layers, str) else tuple(layers)
    if not names:
        raise JaxvizError("no layers to match; give the name of one or more")
    found = numbers(np.ones(len(names)) if weights is None else weights, "weights of", least=0.0)
    if len(found) != len(names):
        raise JaxvizError(f"{len(found)} weights for {len(names)} layers; give one for each")
    return Matched(names, found[None], images)


def _sorted(values: Float[Array, "..."], axis: int) -> Float[Array, "positions channels"]:
    channels_last = last(values, axis)
    return jnp.sort(channels_last.reshape(-1, channels_last.shape[-1]), axis=0)


def _mean_sorted(model: Model, images: np.ndarray, layer: str, axis: int) -> Float[np.ndarray, "positions channels"]:
    return np.asarray(jnp.mean(jax.vmap(lambda values: _sorted(values, axis))(model(images)[layer]), axis=0))


def _check_targets(targets: tuple[np.ndarray, ...], layers: list[Layer]) -> None:
    for target, layer in zip(targets, layers, strict=True):
        wanted = (int(np.prod(places(layer))), layer.channels)
        if target.shape[1:] != wanted:
            raise JaxvizError(
                f"the objective is resolved for a layer of {target.shape[1]} positions and {target.shape[2]} channels, "
                f"and {layer.name!r} has {wanted[0]} and {wanted[1]}; make it again for this model"
            )
