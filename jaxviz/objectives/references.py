"""References: a given image -> how similar the activations are to those of the image, or how far they exceed them."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives.arguments import Numbers, images, numbers
from jaxviz.objectives.base import Objective, Weight
from jaxviz.objectives.labels import numbered, powers
from jaxviz.objectives.layered import Layered
from jaxviz.objectives.measures import dot_cosine, norm
from jaxviz.values.errors import JaxvizError

__all__ = ["accentuation", "activation_difference", "caricature", "inversion"]

_SMALLEST = 1e-12  # the squared length below which a target counts as silent
_NORMS = (1, 2, float("inf"))

Image = Float[Array | np.ndarray, "..."]


@dataclasses.dataclass(frozen=True)
class _Compared(Layered):
    """What compares the activations of a layer with those of a reference image."""

    layer: str
    image: PyTree  # until resolved: [*canvas.shape] or [n, *canvas.shape]
    target: PyTree = None  # once resolved: the layer's activations [n, *output_shape]
    axis: int = -1

    def resolve(self, model: Model) -> "_Compared":
        return dataclasses.replace(self, image=None, target=self.found(model))

    def found(self, model: Model) -> Array | np.ndarray:
        """Returns the target for a model: the activations of the image, or the target that is already resolved."""
        layer = model.layer(self.layer)
        if self.target is None:
            return np.asarray(model(images(self.image, model.canvas))[self.layer])
        if self.target.shape[1:] != layer.output_shape:
            raise JaxvizError(
                f"the reference is resolved for a layer of shape {self.target.shape[1:]}, and {layer.name!r} has "
                f"{layer.output_shape}; resolve the objective for this model"
            )
        return self.target

    def numbered(self, name: str) -> list[str]:
        return numbered(f"{self.layer}·{name}", 1 if self.target is None else len(self.target))

    def units(self, model: Model) -> int | None:
        del model
        return len(self.labels())


@partial(jax.tree_util.register_dataclass, data_fields=["image", "target"], meta_fields=["layer", "axis"])
@dataclasses.dataclass(frozen=True)
class Inversion(_Compared):
    """Minus the squared distance to the activations of an image, relative to their length."""

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        target = jnp.asarray(self.target)
        missed = jnp.sum(jnp.square(activations[self.layer] - target))
        return -missed / jnp.maximum(jnp.sum(jnp.square(target)), _SMALLEST)

    def labels(self) -> list[str]:
        return self.numbered("inversion")


@partial(jax.tree_util.register_dataclass, data_fields=["image", "target"], meta_fields=["layer", "axis", "order"])
@dataclasses.dataclass(frozen=True)
class ActivationDifference(_Compared):
    """The distance of the activations from those of an image."""

    order: int | float = 1

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        difference = activations[self.layer] - jnp.asarray(self.target)
        if self.order == 1:
            return jnp.mean(jnp.abs(difference))
        if self.order == 2:
            return norm(difference) / difference.size**0.5
        return jnp.max(jnp.abs(difference))

    def labels(self) -> list[str]:
        return self.numbered("difference" if self.order == 1 else f"difference^{self.order:g}")


@partial(jax.tree_util.register_dataclass, data_fields=["image", "target", "power"], meta_fields=["layer", "axis"])
@dataclasses.dataclass(frozen=True)
class Caricature(_Compared):
    """How strongly the activations point along those of an image."""

    power: PyTree = 0.0  # [n]

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        target = jnp.asarray(self.target)
        return dot_cosine(activations[self.layer], target, jnp.asarray(self.power)) / target.size

    def resolve(self, model: Model) -> "Caricature":
        power = numbers(self.power, "a power of", least=0.0)
        resolved = dataclasses.replace(self, image=None, target=self.found(model), power=power)
        resolved.labels()  # refuses numbers of images and powers that do not match
        return resolved

    def labels(self) -> list[str]:
        return powers(self.numbered("caricature"), self.power)


def inversion(layer: str, image: Image) -> Objective:
    """Maximises ``-|x - t|^2 / |t|^2``, with t a layer's activations of a given image: what the layer stores of it.

    Source: Mahendran and Vedaldi, "Understanding Deep Image Representations by Inverting Them", 2015,
    https://arxiv.org/abs/1412.0035

    Args:
      layer: the layer's name.
      image: ``[*canvas.shape]`` in the canvas's range, or several ``[n, *canvas.shape]`` for a batch.

    Raises:
      JaxvizError: (when resolved) the image has another shape than the model's.

    Example:
      >>> import jaxviz, numpy as np
      >>> inversion("conv2d_1", np.zeros((2, 28, 28, 1))).resolve(jaxviz.default_model()).labels()
      ['conv2d_1·inversion 0', 'conv2d_1·inversion 1']
    """
    return Inversion(layer, image)


def activation_difference(layer: str, image: Image, *, order: int | float = 1) -> Objective:
    """Maximises the distance of a layer's activations from those of a given image; negate it for similarity.

    Source: lucid, https://github.com/tensorflow/lucid, ``activation_difference``, where the mean of the absolute
    differences is the default

    Args:
      layer: the layer's name.
      image: ``[*canvas.shape]`` in the canvas's range, or several ``[n, *canvas.shape]`` for a batch.
      order: the order of the norm: 1, the mean absolute difference; 2, the root mean square; infinity, the largest.

    Raises:
      JaxvizError: there is no such norm, or (when resolved) the image has another shape than the model's.

    Example:
      >>> import numpy as np
      >>> activation_difference("conv2d_1", np.zeros((28, 28, 1)), order=2).labels()
      ['conv2d_1·difference^2']
    """
    if order not in _NORMS:
        raise JaxvizError(f"a norm of order {order!r}: give 1, 2 or float('inf')")
    return ActivationDifference(layer, image, order=order)


def caricature(layer: str, image: Image, *, power: Numbers = 0.0) -> Objective:
    """Maximises ``x . t max(cosine(x, t), 0.1)^power``, the mean over a layer, with t its activations of an image.

    The picture exaggerates what the layer recognizes in the image. Source: Olah's caricatures in lucid,
    https://github.com/tensorflow/lucid, which divides by one of the two lengths where the cosine divides by both

    Args:
      layer: the layer's name.
      image: ``[*canvas.shape]`` in the canvas's range, or several ``[n, *canvas.shape]`` for a batch.
      power: the power of the cosine, 0 or more; a larger power stays closer to the image.

    Raises:
      JaxvizError: (when resolved) the image has another shape than the model's.

    Example:
      >>> import numpy as np
      >>> caricature("conv2d_1", np.zeros((28, 28, 1)), power=1).labels()
      ['conv2d_1·caricature·cos^1']
    """
    return Caricature(layer, image, power=power)


def accentuation(objective: Objective, layer: str, image: Image, *, weight: Weight = 1.0) -> Objective:
    """Maximises ``objective + weight x inversion(layer, image)``: an image with the objective's features enhanced.

    The ascent should start from the image: ``visualize(model, accentuation(…), start=image)``. Source: Hamblin et al.,
    "Feature Accentuation: Revealing 'What' Features Respond to in Natural Images", 2024,
    https://arxiv.org/abs/2402.10039

    Args:
      objective: what to accentuate, one or a batch.
      layer: the layer, usually an early one, whose activations should stay those of the image.
      image: ``[*canvas.shape]`` in the canvas's range, or several ``[n, *canvas.shape]`` for a batch.
      weight: the weight of the inversion.

    Raises:
      JaxvizError: (when resolved) the image has another shape than the model's.

    Example:
      >>> import jaxviz, numpy as np
      >>> seen = accentuation(jaxviz.objectives.class_logit(3), "conv2d_1", np.zeros((28, 28, 1)), weight=2)
      >>> seen.labels()
      ['logit:3 + 2*conv2d_1·inversion']
    """
    return objective + inversion(layer, image) * weight
