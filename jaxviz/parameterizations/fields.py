"""Fields: unbounded values around 0 -> an image in the canvas's range, by a change of colours and a squash."""

import abc
import dataclasses
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations.parameterization import Free

__all__ = ["Clip", "Colours", "Field", "Sigmoid", "Squash"]


@runtime_checkable
class Squash(Protocol):
    """A function that maps values to the canvas's range."""

    def image(self, values: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        """Maps values around 0 to the range."""
        ...

    def values(self, image: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        """Returns the values of an image."""
        ...


@dataclasses.dataclass(frozen=True)
class Sigmoid:
    """``low + (high - low) sigmoid(values)``, as lucid does."""

    def image(self, values: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        return canvas.low + (canvas.high - canvas.low) * jax.nn.sigmoid(values)

    def values(self, image: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        # A pixel at the very edge of the range has its value at infinity; 1e-3 inside, the sigmoid still moves.
        share = (image - canvas.low) / (canvas.high - canvas.low)
        return jax.scipy.special.logit(jnp.clip(share, 1e-3, 1 - 1e-3))


@dataclasses.dataclass(frozen=True)
class Clip:
    """The middle of the range plus ``(high - low) values``, clipped to the range; the gradient is 0 outside."""

    def image(self, values: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        middle = (canvas.low + canvas.high) / 2
        return jnp.clip(middle + (canvas.high - canvas.low) * values, canvas.low, canvas.high)

    def values(self, image: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        return (image - (canvas.low + canvas.high) / 2) / (canvas.high - canvas.low)


@dataclasses.dataclass(frozen=True, repr=False)
class Colours:
    """Makes three channels from three decorrelated ones; images with another number of channels are unchanged.

    ``matrix @ channels``, where ``matrix @ matrix.T`` is approximately the covariance of red, green and blue. The
    default is lucid's, measured on ImageNet and divided by the norm of its largest column. Olah et al., "Feature
    Visualization", Distill 2017, https://distill.pub/2017/feature-visualization.

    Attributes:
      matrix: three rows of three, one row for each of red, green and blue.
    """

    matrix: tuple[tuple[float, ...], ...] = tuple(
        tuple(value / np.linalg.norm([0.26, 0.27, 0.27]).item() for value in row)
        for row in ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
    )

    def __repr__(self) -> str:
        return "Colours()" if self == Colours() else f"Colours({self.matrix})"

    def correlate(self, values: Float[Array, "..."]) -> Float[Array, "..."]:
        """Correlates the channels as in photographs."""
        return self._through(values, np.array(self.matrix))

    def decorrelate(self, values: Float[Array, "..."]) -> Float[Array, "..."]:
        """Undoes ``correlate``."""
        return self._through(values, np.linalg.inv(np.array(self.matrix)))

    def _through(self, values: Array, matrix: np.ndarray) -> Array:
        if values.shape[-1] != 3:
            return values
        # Sums of planes: a product of matrices with three columns takes ten times as long on a CPU.
        planes = [sum(factor * values[..., place] for place, factor in enumerate(row)) for row in matrix.tolist()]
        return jnp.stack(planes, -1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field(Free, abc.ABC):
    """A parameterization by unbounded values, which colours and a squash map to the canvas's range.

    Attributes:
      colours: how three channels are mixed; None for independent channels.
      squash: the function that maps the values to the range.
    """

    colours: Colours | None = Colours()
    squash: Squash = Sigmoid()

    @abc.abstractmethod
    def init(self, key: Array, canvas: Canvas) -> PyTree:
        """Draws the parameters of a first image."""

    @abc.abstractmethod
    def values(self, parameters: PyTree, canvas: Canvas) -> Float[Array, "..."]:
        """Returns the unbounded values, of the canvas's shape."""

    @abc.abstractmethod
    def fit(self, values: Float[Array, "..."], canvas: Canvas) -> PyTree:
        """Returns the parameters of given values.

        Raises:
          JaxvizError: this field cannot start from an image.
        """

    def finish(self, values: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        """Maps values to the canvas's range and colours."""
        return self.squash.image(values if self.colours is None else self.colours.correlate(values), canvas)

    def unfinish(self, image: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        """Undoes ``finish``."""
        values = self.squash.values(image, canvas)
        return values if self.colours is None else self.colours.decorrelate(values)

    def render(self, parameters: PyTree, canvas: Canvas) -> Float[Array, "..."]:
        return self.finish(self.values(parameters, canvas), canvas)

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> PyTree:
        return self.fit(self.unfinish(image, canvas), canvas)
