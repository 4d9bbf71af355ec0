"""Parameterization: ``init(key, canvas) -> parameters`` and ``render(parameters, canvas) -> image``."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.layer import Canvas
from jaxviz.values.errors import JaxvizError

__all__ = ["Free", "Parameterization", "check_start"]


@runtime_checkable
class Parameterization(Protocol):
    """How an image is represented during its ascent. Immutable, equal by value; images are ``[*spatial, channels]``."""

    def init(self, key: Array, canvas: Canvas) -> PyTree:
        """Draws the parameters of a first image."""
        ...

    def render(self, parameters: PyTree, canvas: Canvas) -> Float[Array, "..."]:
        """Returns the image of the parameters, with the canvas's shape."""
        ...

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> PyTree:
        """Returns the parameters that render a given image.

        Raises:
          JaxvizError: this parameterization cannot start from an image.
        """
        ...

    def project(self, parameters: PyTree, canvas: Canvas) -> PyTree:
        """Returns the nearest valid parameters; called after each step."""
        ...


class Free:
    """A parameterization without constraints: all parameters are valid."""

    def project(self, parameters: PyTree, canvas: Canvas) -> PyTree:
        """Returns the parameters as they are."""
        del canvas
        return parameters


def check_start(start: Float[np.ndarray, "..."], canvas: Canvas) -> None:
    """Checks that a starting image, or a batch of them, has the canvas's shape and is finite.

    Raises:
      JaxvizError: names what is wrong.
    """
    if start.shape != canvas.shape and start.shape[1:] != canvas.shape:
        raise JaxvizError(f"start of shape {start.shape}: this model takes images of shape {canvas.shape}")
    if not np.isfinite(start).all():
        raise JaxvizError(f"start holds {(~np.isfinite(start)).sum()} values that are NaN or infinite")
