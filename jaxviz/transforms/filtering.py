"""Filtering: transforms that change pixel values and move nothing: blur, noise, backgrounds."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz.layers.resampling import smoothing, weigh
from jaxviz.parameterizations.spectra import coloured_noise
from jaxviz.transforms.transform import drawn
from jaxviz.values.quantities import Quantity, at_least, in_order

__all__ = ["Blur", "Noise", "OverBackground"]


@dataclasses.dataclass(frozen=True)
class Blur:
    """Blurs the image by a Gaussian of random width, uniform in ``[low, high)``.

    At the image's ends the Gaussian is cut off and its remaining weights are scaled, so that a flat image is unchanged.
    Øygard, "Visualizing GoogLeNet Classes", 2015, https://www.auduno.com/2015/07/29/visualizing-googlenet-classes.

    Attributes:
      low: the smallest standard deviation, in pixels; below 0.01 nothing is blurred.
      high: the largest standard deviation, in pixels.
    """

    low: Quantity
    high: Quantity

    def __post_init__(self):
        at_least(self, 0, "low", "high")
        in_order(self, "low", "high")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        sigma = drawn(key, self.low, self.high)
        return weigh(image, [smoothing(size, sigma) for size in image.shape[:-1]])


@dataclasses.dataclass(frozen=True)
class Noise:
    """Adds noise to each pixel, normal and uniform, in the image's own units.

    Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017, https://arxiv.org/abs/1706.03825; Fel et al.,
    NeurIPS 2023, https://arxiv.org/abs/2306.06805, whose code adds both, of 0.08 each on a range of 2.

    Attributes:
      normal: standard deviation of the normal noise.
      uniform: width of the uniform noise, half of it to either side of 0.
    """

    normal: Quantity = 0.0
    uniform: Quantity = 0.0

    def __post_init__(self):
        at_least(self, 0, "normal", "uniform")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        bell, flat = jax.random.split(key)
        image = image + self.normal * jax.random.normal(bell, image.shape)
        return image + self.uniform * jax.random.uniform(flat, image.shape, minval=-0.5, maxval=0.5)


@dataclasses.dataclass(frozen=True)
class OverBackground:
    """Puts an image with opacity in front of a random background, a new one at each step, and removes the opacity.

    Areas that do not matter to the unit then become transparent. The background is noise whose spectrum is
    proportional to ``frequency ** -decay``, mapped to the range by a sigmoid. Mordvintsev et al., "Differentiable Image
    Parameterizations", Distill 2018, https://distill.pub/2018/differentiable-parameterizations.

    Attributes:
      low: the darkest background.
      high: the brightest background.
      decay: how smooth the background is; 0 for white noise.
      contrast: standard deviation before the sigmoid.
    """

    low: Quantity = 0.0
    high: Quantity = 1.0
    decay: Quantity = 1.0
    contrast: Quantity = 1.0

    def __post_init__(self):
        in_order(self, "low", "high")
        at_least(self, 0, "decay", "contrast")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        colours, opacity = image[..., :-1], image[..., -1:]
        noise = self.contrast * coloured_noise(key, colours.shape, self.decay)
        background = self.low + (self.high - self.low) * jax.nn.sigmoid(noise)
        return opacity * colours + (1 - opacity) * jnp.asarray(background, image.dtype)
