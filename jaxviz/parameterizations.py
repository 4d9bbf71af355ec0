"""Parameterizations: ``init(key, canvas) -> parameters`` and ``render(parameters, canvas) -> image``."""

import dataclasses
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.errors import JaxvizError
from jaxviz.model import Canvas

__all__ = ["Parameterization", "Pixels", "RangePixels"]


@runtime_checkable
class Parameterization(Protocol):
    """How an image is held while it is climbed. Frozen and equal by value."""

    def init(self, key: Array, canvas: Canvas) -> PyTree:
        """Draws the parameters of a first image."""
        ...

    def render(self, parameters: PyTree, canvas: Canvas) -> Float[Array, "..."]:
        """Returns the image that the parameters stand for, of the canvas's shape."""
        ...

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> PyTree:
        """Returns the parameters that render a given image."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pixels:
    """The image itself, unbounded; it starts uniform in ``[low, high)``.

    Attributes:
      low: smallest first pixel value.
      high: bound of the first pixel values; equal to ``low`` for a flat start.
    """

    low: float
    high: float

    def init(self, key: Array, canvas: Canvas) -> Float[Array, "..."]:
        return self.low + (self.high - self.low) * jax.random.uniform(key, canvas.shape)

    def render(self, parameters: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        return parameters

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        return image


@dataclasses.dataclass(frozen=True, kw_only=True)
class RangePixels:
    """Pixels held inside the range that the network was trained for, by a sigmoid: ``low + (high - low) sigmoid(p)``.

    The range is the canvas's. It starts as noise about the middle of it. On the MNIST network, noise of 0.1, 0.5, 1
    and 2 leaves 90, 51, 40 and 26 of its 192 filters dead; 4 leaves 24 and starts nearly black and white.

    Attributes:
      noise: standard deviation of the first parameters; two thirds of the pixels start within ``sigmoid(±noise)``.
    """

    noise: float = 2.0

    def init(self, key: Array, canvas: Canvas) -> Float[Array, "..."]:
        return self.noise * jax.random.normal(key, canvas.shape)

    def render(self, parameters: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        return canvas.low + (canvas.high - canvas.low) * jax.nn.sigmoid(parameters)

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        # A pixel at the very edge of the range has its parameter at infinity; 1e-3 inside, the sigmoid still moves.
        share = (image - canvas.low) / (canvas.high - canvas.low)
        return jax.scipy.special.logit(jnp.clip(share, 1e-3, 1 - 1e-3))


def check_start(start: Float[np.ndarray, "..."], canvas: Canvas) -> None:
    """Refuses a starting image, or batch of them, that is not of the canvas's shape or not finite.

    Raises:
      JaxvizError: names what is wrong.
    """
    if start.shape != canvas.shape and start.shape[1:] != canvas.shape:
        raise JaxvizError(f"start of shape {start.shape}: this model takes images of shape {canvas.shape}")
    if not np.isfinite(start).all():
        raise JaxvizError(f"start holds {(~np.isfinite(start)).sum()} values that are NaN or infinite")
