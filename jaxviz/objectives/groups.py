"""Groups: several images that are optimized together -> one score, for what they share or how they differ."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives.arguments import Numbers, layer_with_channels, numbers
from jaxviz.objectives.base import Objective
from jaxviz.objectives.labels import aligned
from jaxviz.objectives.layered import last
from jaxviz.objectives.measures import gram
from jaxviz.values.errors import JaxvizError

__all__ = ["alignment", "diversity", "interpolation"]

_FARTHEST = 4  # neighbours of an image that lucid aligns it with, to either side


@dataclasses.dataclass(frozen=True)
class _Grouped(Objective):
    """An objective over several images."""

    images: int

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        raise JaxvizError(f"{self.labels()[0]} is an objective of {self.images} images; read each and combine them")

    @property
    def group(self) -> int:
        return self.images


@partial(jax.tree_util.register_dataclass, data_fields=[], meta_fields=["images", "layer", "axis"])
@dataclasses.dataclass(frozen=True)
class Diversity(_Grouped):
    """How different the Gram matrices of the images are."""

    layer: str
    axis: int = -1

    def read(self, activations: Activations) -> Float[Array, "channels channels"]:
        return gram(last(activations[self.layer], self.axis))

    def combine(self, features: Float[Array, "group channels channels"]) -> Float[Array, ""]:
        grams = features.reshape(self.images, -1)
        alike = jnp.matmul(grams, grams.T, precision="highest")
        others = self.images * (self.images - 1)
        return -jnp.sum(jnp.where(np.eye(self.images, dtype=bool), 0.0, alike)) / others

    def resolve(self, model: Model) -> "Diversity":
        return dataclasses.replace(self, axis=layer_with_channels(model, self.layer).channel_axis or 0)

    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def labels(self) -> list[str]:
        return [f"{self.layer}·diversity of {self.images}"]

    def units(self, model: Model) -> int | None:
        return 1


@partial(jax.tree_util.register_dataclass, data_fields=["decay"], meta_fields=["images", "layer"])
@dataclasses.dataclass(frozen=True)
class Alignment(_Grouped):
    """How similar each image's activations are to those of its neighbours."""

    layer: str
    decay: PyTree  # [n]

    def read(self, activations: Activations) -> Float[Array, "..."]:
        return activations[self.layer]

    def combine(self, features: Float[Array, "group ..."]) -> Float[Array, ""]:
        distances = [
            jnp.sum(jnp.mean(jnp.square(features[away:] - features[:-away]).reshape(self.images - away, -1), axis=1))
            / jnp.asarray(self.decay) ** away
            for away in range(1, min(_FARTHEST, self.images - 1) + 1)
        ]
        return -jnp.sum(jnp.stack(distances))

    def resolve(self, model: Model) -> "Alignment":
        model.layer(self.layer)
        return Alignment(self.images, self.layer, numbers(self.decay, "a decay of", least=1.0))

    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def labels(self) -> list[str]:
        decays = np.atleast_1d(np.asarray(self.decay))
        suffixes = [f" decay {decay:g}" for decay in decays] if len(decays) > 1 else [""]
        return [f"{self.layer}·alignment of {self.images}{suffix}" for suffix in suffixes]

    def units(self, model: Model) -> int | None:
        return len(self.labels())


@partial(jax.tree_util.register_dataclass, data_fields=["first", "second"], meta_fields=["images"])
@dataclasses.dataclass(frozen=True)
class Interpolation(_Grouped):
    """The first image for one objective, the last for another, the images between for mixtures of both."""

    first: Objective
    second: Objective

    def read(self, activations: Activations) -> tuple[Float[Array, ""], Float[Array, ""]]:
        return self.first(activations), self.second(activations)

    def combine(self, features: tuple[Float[Array, " group"], Float[Array, " group"]]) -> Float[Array, ""]:
        share = np.linspace(0.0, 1.0, self.images, dtype=np.float32)
        return jnp.sum((1 - share) * features[0] + share * features[1])

    def resolve(self, model: Model) -> "Interpolation":
        resolved = Interpolation(self.images, self.first.resolve(model), self.second.resolve(model))
        if resolved.first.group > 1 or resolved.second.group > 1:
            raise JaxvizError(f"{resolved.labels()[0]}: its ends must be objectives of one image")
        return resolved

    def layers(self) -> tuple[str, ...]:
        return (*self.first.layers(), *self.second.layers())

    def labels(self) -> list[str]:
        rows = aligned(self.first.labels(), self.second.labels())
        return [f"{first} → {second} of {self.images}" for first, second in rows]

    def units(self, model: Model) -> int | None:
        counts = (self.first.units(model), self.second.units(model))
        return None if None in counts else max(count for count in counts if count is not None)


def diversity(layer: str, *, group: int) -> Objective:
    """Maximises minus the mean cosine of the Gram matrices of any two of several images, so that they differ.

    ``G = x^T x`` over the positions of the layer; the score is -1 for equal images, and 0 if no two channels are
    active together in two of them. Add it to another objective: ``channel("conv2d_3", 17) + diversity("conv2d_2",
    group=4)``. Source: Olah et al., "Feature Visualization", Distill 2017,
    https://distill.pub/2017/feature-visualization, whose sum over pairs is the mean here

    Args:
      layer: the layer's name.
      group: the number of images that are optimized together, 2 or more.

    Example:
      >>> diversity("conv2d_2", group=4).labels()
      ['conv2d_2·diversity of 4']
    """
    return Diversity(_checked(group), layer)


def alignment(layer: str, *, group: int, decay: Numbers = 2.0) -> Objective:
    """Maximises ``-sum over i and d = 1 … 4 of mean((x_i - x_(i+d))^2) / decay^d``: neighbours that look alike.

    Added to an `interpolation`, what is common to its images stays in its place. Source: Mordvintsev et al.,
    "Differentiable Image Parameterizations", Distill 2018, https://distill.pub/2018/differentiable-parameterizations

    Args:
      layer: the layer's name.
      group: the number of images that are optimized together, 2 or more.
      decay: by which each farther neighbour counts less, 1 or more; several for a batch.

    Example:
      >>> alignment("conv2d_2", group=4).labels()
      ['conv2d_2·alignment of 4']
    """
    return Alignment(_checked(group), layer, decay)


def interpolation(first: Objective, second: Objective, *, group: int) -> Objective:
    """Maximises ``sum over i of (1 - t_i) first(x_i) + t_i second(x_i)``, t from 0 to 1 over the images.

    Source: Olah et al., "Feature Visualization", Distill 2017, https://distill.pub/2017/feature-visualization

    Args:
      first: what the first image shows, one or a batch.
      second: what the last one shows, one or as many.
      group: the number of images that are optimized together, 2 or more.

    Example:
      >>> from jaxviz.objectives import channel
      >>> interpolation(channel("conv2d_3", 1), channel("conv2d_3", 2), group=5).labels()
      ['conv2d_3:1 → conv2d_3:2 of 5']
    """
    return Interpolation(_checked(group), first, second)


def _checked(group: int) -> int:
    if isinstance(group, bool) or not isinstance(group, int) or group < 2:
        raise JaxvizError(f"a group of {group!r} images: give 2 or more")
    return group
