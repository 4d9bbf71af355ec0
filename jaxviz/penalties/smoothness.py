"""Smoothness: how much neighbouring pixels differ."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz.values.errors import JaxvizError
from jaxviz.values.quantities import Quantity, at_least, whole

__all__ = ["BlurDifference", "TotalVariation"]


@dataclasses.dataclass(frozen=True)
class TotalVariation:
    """``weight * sum over axes and neighbours of |difference| ** beta / number of values``.

    Each pair of neighbours along an axis counts once, in each channel. Rudin et al., "Nonlinear total variation based
    noise removal algorithms", 1992; Mahendran and Vedaldi, 2015, https://arxiv.org/abs/1412.0035, for ``beta``.
    tf-keras-vis' ``TotalVariation2D(weight)`` is this; lucid's and xplique's do not divide by the number of values.

    Attributes:
      weight: the factor of the penalty.
      beta: the power, 1 or more; 1 penalizes an edge by its height, 2 prefers smooth ramps.
    """

    weight: Quantity
    beta: int | float = 1.0

    def __post_init__(self):
        at_least(self, 0, "weight")
        at_least(self, 1, "beta")

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        steps = [jnp.abs(jnp.diff(image, axis=axis)) for axis in range(image.ndim - 1)]
        return self.weight * sum(jnp.sum(step**self.beta) for step in steps) / image.size


@dataclasses.dataclass(frozen=True)
class BlurDifference:
    """``weight * mean((image - blurred) ** 2) / 2``, where the blurred image is treated as constant.

    Its gradient is a step towards the blurred image. The blur gives the pixel and its inner neighbours weight 1 and the
    outermost ones, at ``width // 2``, a half, as lucid's ``blur_input_each_step``, which sums instead. Nguyen et al.,
    "Deep Neural Networks are Easily Fooled", 2015, https://arxiv.org/abs/1412.1897, for blurring at each step.

    Attributes:
      weight: the factor of the penalty.
      width: pixels that the blur spans on each axis, odd, 3 or more.
    """

    weight: Quantity
    width: int = 3

    def __post_init__(self):
        at_least(self, 0, "weight")
        whole(self, 3, "width")
        if self.width % 2 == 0:
            raise JaxvizError(f"BlurDifference(width={self.width}): give an odd number")

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        reach = self.width // 2
        weights = _box_sum(jnp.ones_like(image), reach) + _box_sum(jnp.ones_like(image), reach - 1)
        blurred = (_box_sum(image, reach) + _box_sum(image, reach - 1)) / weights
        return self.weight * jnp.mean((image - jax.lax.stop_gradient(blurred)) ** 2) / 2


def _box_sum(image: Array, reach: int) -> Array:
    """Sums the neighbours up to ``reach`` pixels away on every axis, those inside the image."""
    window = (2 * reach + 1,) * (image.ndim - 1) + (1,)
    return jax.lax.reduce_window(image, 0.0, jax.lax.add, window, (1,) * image.ndim, "SAME")
