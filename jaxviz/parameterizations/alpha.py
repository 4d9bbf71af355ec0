"""Alpha: an image with its opacity."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations.fourier import Fourier
from jaxviz.parameterizations.parameterization import Parameterization

__all__ = ["Alpha"]


_FOURIER = Fourier()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alpha:
    """An image with one more channel, its opacity from 0 to 1, for the transform ``OverBackground``.

    The recipe needs that transform, because the network takes no opacity. Mordvintsev et al.,
    "Differentiable Image Parameterizations", Distill 2018, https://distill.pub/2018/differentiable-parameterizations.

    Attributes:
      inner: how the image is represented.
      opacity: how the opacity is represented, an image of one channel in the range 0 to 1.
    """

    inner: Parameterization = _FOURIER
    opacity: Parameterization = _FOURIER

    def init(self, key: Array, canvas: Canvas) -> PyTree:
        image, opacity = jax.random.split(key)
        return {"image": self.inner.init(image, canvas), "opacity": self.opacity.init(opacity, _veil(canvas))}

    def render(self, parameters: PyTree, canvas: Canvas) -> Float[Array, "..."]:
        """Returns ``[*spatial, channels + 1]``, the opacity last."""
        image = self.inner.render(parameters["image"], canvas)
        return jnp.concatenate([image, self.opacity.render(parameters["opacity"], _veil(canvas))], -1)

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> PyTree:
        """Returns the parameters of an image with opacity, or of one without, which is opaque."""
        channels = canvas.shape[-1]
        opaque = image[..., channels:] if image.shape[-1] > channels else jnp.ones(_veil(canvas).shape)
        return {
            "image": self.inner.invert(image[..., :channels], canvas),
            "opacity": self.opacity.invert(opaque, _veil(canvas)),
        }

    def project(self, parameters: PyTree, canvas: Canvas) -> PyTree:
        return {
            "image": self.inner.project(parameters["image"], canvas),
            "opacity": self.opacity.project(parameters["opacity"], _veil(canvas)),
        }


def _veil(canvas: Canvas) -> Canvas:
    return Canvas(shape=(*canvas.shape[:-1], 1), low=0.0, high=1.0)
