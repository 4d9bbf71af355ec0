"""Pixels: the image itself, with one parameter for each pixel."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz.layers.resampling import smoothing, weigh
from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations.fields import Colours, Field
from jaxviz.values.errors import JaxvizError
from jaxviz.values.quantities import at_least, in_order

__all__ = ["Pixels", "RangePixels", "SmoothPixels"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pixels:
    """The image itself; it starts with uniform noise in ``[low, high)``, by default the canvas's range.

    Simonyan et al., "Deep Inside Convolutional Networks", 2013, https://arxiv.org/abs/1312.6034.

    Attributes:
      low: smallest first pixel value; None for the canvas's lowest.
      high: bound of the first pixel values, equal to ``low`` for a flat start; None for the canvas's highest.
      clip: whether pixels outside the canvas's range are clipped to it, at the start and after each step.
      shares: whether the parameters are shares of the canvas's range, 0 to 1, so that a step of an optimizer is as
        large in every range.
    """

    low: int | float | None = None
    high: int | float | None = None
    clip: bool = False
    shares: bool = False

    def __post_init__(self):
        in_order(self, "low", "high")

    def init(self, key: Array, canvas: Canvas) -> Float[Array, "..."]:
        low = canvas.low if self.low is None else self.low
        high = canvas.high if self.high is None else self.high
        return self.invert(low + (high - low) * jax.random.uniform(key, canvas.shape), canvas)

    def render(self, parameters: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        return canvas.low + (canvas.high - canvas.low) * parameters if self.shares else parameters

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        parameters = (image - canvas.low) / (canvas.high - canvas.low) if self.shares else image
        return self.project(parameters, canvas)

    def project(self, parameters: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        low, high = (0.0, 1.0) if self.shares else (canvas.low, canvas.high)
        return jnp.clip(parameters, low, high) if self.clip else parameters


@dataclasses.dataclass(frozen=True, kw_only=True)
class RangePixels(Field):
    """Pixels inside the range that the network was trained on, by a sigmoid: ``low + (high - low) sigmoid(p)``.

    The range is the canvas's. The image starts as noise around its middle. On the MNIST network, noise of 0.1, 0.5, 1
    and 2 leaves 90, 51, 40 and 26 of its 192 filters dead; 4 leaves 24 and starts nearly black and white.

    Attributes:
      noise: standard deviation of the first parameters; two thirds of the pixels start within ``sigmoid(±noise)``.
      colours: how three channels are mixed; None, the default, for independent channels.
      squash: the function that maps the values to the range.
    """

    noise: int | float = 2.0
    colours: Colours | None = None

    def __post_init__(self):
        at_least(self, 0, "noise")

    def init(self, key: Array, canvas: Canvas) -> Float[Array, "..."]:
        return self.noise * jax.random.normal(key, canvas.shape)

    def values(self, parameters: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        return parameters

    def fit(self, values: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        return values


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmoothPixels(RangePixels):
    """Pixels with a Gaussian blur and then a sigmoid to the range: the image has no detail finer than the blur.

    A given starting image is blurred too.

    Attributes:
      blur: standard deviation of the Gaussian, in pixels.
      noise: standard deviation of the first parameters, before they are blurred.
      level: what parameters of 0 give, and so where the image starts and where weight decay pulls it: a share of the
        range, above 0 and below 1. A low one is the dark ground of drawings.
      colours: how three channels are mixed; None for independent channels.
      squash: the function that maps the values to the range.
    """

    blur: int | float = 1.0
    noise: int | float = 0.1
    level: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        at_least(self, 0, "blur")
        if not 0 < self.level < 1:
            raise JaxvizError(f"SmoothPixels(level={self.level}): give a share of the range, above 0 and below 1")

    def values(self, parameters: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        blurred = weigh(parameters, [smoothing(size, self.blur) for size in canvas.shape[:-1]])
        return blurred if self.level == 0.5 else blurred + self._of_zeros(canvas)

    def fit(self, values: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        return values if self.level == 0.5 else values - self._of_zeros(canvas)

    def _of_zeros(self, canvas: Canvas) -> Array:
        return self.squash.values(jnp.asarray(canvas.low + (canvas.high - canvas.low) * self.level), canvas)
