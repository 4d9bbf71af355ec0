"""Centred: an image whose centre of mass is in the middle."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from jaxviz.layers.resampling import resample
from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations.parameterization import Parameterization

__all__ = ["Centred"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Centred:
    """The image of another parameterization, shifted so that its centre of mass is in the middle of the canvas.

    For networks that were trained on such images, such as MNIST's digits: LeCun, Cortes and Burges, "The MNIST database
    of handwritten digits", 1998, http://yann.lecun.com/exdb/mnist. The mass of a pixel is its sum over all channels
    above the canvas's lowest value; pixels that come in from outside have this value.

    Attributes:
      inner: how the image is represented.
    """

    inner: Parameterization

    def init(self, key: Array, canvas: Canvas) -> PyTree:
        return self.inner.init(key, canvas)

    def render(self, parameters: PyTree, canvas: Canvas) -> Float[Array, "..."]:
        image = self.inner.render(parameters, canvas)
        masses = jnp.maximum(jnp.sum(image - canvas.low, axis=-1), 0)
        whole = jnp.sum(masses) + 1e-6 * (canvas.high - canvas.low)  # an empty image stays where it is
        positions = []
        for axis, size in enumerate(masses.shape):
            places = jnp.arange(size) - (size - 1) / 2
            along = jnp.sum(masses, axis=tuple(other for other in range(masses.ndim) if other != axis))
            positions.append(jnp.arange(size) + jnp.sum(along * places) / whole)
        return resample(image, positions, canvas.low)

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> PyTree:
        return self.inner.invert(image, canvas)

    def project(self, parameters: PyTree, canvas: Canvas) -> PyTree:
        return self.inner.project(parameters, canvas)
