"""Balls: images within a given distance of a given image."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations.parameterization import Parameterization
from jaxviz.parameterizations.pixels import Pixels
from jaxviz.values.errors import JaxvizError
from jaxviz.values.frozen_arrays import FrozenArray, frozen
from jaxviz.values.quantities import above

__all__ = ["NormBall"]

_FLAT = Pixels(low=0.0, high=0.0)

About = float | int | FrozenArray | np.ndarray | Array  # an array is frozen when it is set


@dataclasses.dataclass(frozen=True, kw_only=True)
class NormBall:
    """Images within a distance of a given image or value. Images beyond it are projected to the ball's surface.

    For norm 2 this is ``about + radius * offset / |offset|``, with the Euclidean length over all pixels and channels.
    For norm inf, each value is clipped to ``radius``. Rendered images are in the ball, and so are the parameters after
    each step, as far as ``inner`` can represent the image. Madry et al., "Towards Deep Learning Models Resistant to
    Adversarial Attacks", 2017, https://arxiv.org/abs/1706.06083.

    Attributes:
      inner: how the image is represented; it must be able to invert images.
      radius: the largest distance, in the image's units.
      norm: 2 or inf.
      about: the ball's centre, a value for all pixels or an image.
    """

    inner: Parameterization = _FLAT
    radius: int | float
    norm: int | float = 2
    about: About = 0.0

    def __post_init__(self):
        above(self, 0, "radius")
        if self.norm not in (2, np.inf):
            raise JaxvizError(f"NormBall(norm={self.norm}): give 2 or inf")
        object.__setattr__(self, "about", frozen(self.about))

    def init(self, key: Array, canvas: Canvas) -> PyTree:
        return self.project(self.inner.init(key, canvas), canvas)

    def render(self, parameters: PyTree, canvas: Canvas) -> Float[Array, "..."]:
        return self.nearest(self.inner.render(parameters, canvas))

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> PyTree:
        return self.inner.invert(self.nearest(image), canvas)

    def project(self, parameters: PyTree, canvas: Canvas) -> PyTree:
        parameters = self.inner.project(parameters, canvas)
        image = self.inner.render(parameters, canvas)
        near = self.nearest(image)
        brought = self.inner.invert(near, canvas)
        # Images inside keep their parameters to the bit; to invert them would round.
        inside = jnp.all(near == image)
        return jax.tree.map(lambda own, back: jnp.where(inside, own, back), parameters, brought)

    def nearest(self, image: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns the image of the ball that is nearest to a given one."""
        centre = jnp.asarray(self.about, image.dtype)
        offset = image - centre
        if self.norm == np.inf:
            return jnp.clip(image, centre - self.radius, centre + self.radius)
        squared = jnp.sum(offset**2)
        outside = squared > self.radius**2
        length = jnp.sqrt(jnp.where(outside, squared, 1))
        return jnp.where(outside, centre + offset * (self.radius / length), image)
