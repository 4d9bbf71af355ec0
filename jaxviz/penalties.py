"""Penalties: image -> a positive number that is subtracted from the score, weight included.

Each sees one image ``[*spatial, channels]`` and is a mean over its values, so that a weight means the same at any size.
Gradients are finite everywhere, at a flat image too.
"""

import dataclasses
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.errors import JaxvizError
from jaxviz.frozen_arrays import FrozenArray, frozen
from jaxviz.quantities import Quantity, above, at_least, whole

__all__ = [
    "L1",
    "L2",
    "BlurDifference",
    "Border",
    "CentreOfMass",
    "Linf",
    "Lp",
    "Midtones",
    "Penalty",
    "TotalVariation",
]

About = Quantity | FrozenArray | np.ndarray  # what an image is compared with; an array is frozen when it is set


@runtime_checkable
class Penalty(Protocol):
    """What is held against an image. Frozen and equal by value."""

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        """Returns a number, 0 or more, of an image ``[*spatial, channels]``."""
        ...


@dataclasses.dataclass(frozen=True)
class _Distance:
    """What the norms share: a weight, and the image or value that they measure from."""

    weight: Quantity
    about: About = 0.0

    def __post_init__(self):
        at_least(self, 0, "weight")
        object.__setattr__(self, "about", frozen(self.about))

    def _from_about(self, image: Array) -> Array:
        return image - jnp.asarray(self.about, image.dtype)


@dataclasses.dataclass(frozen=True)
class L1(_Distance):
    """``weight * mean(|image - about|)``.

    Simonyan et al., "Deep Inside Convolutional Networks", 2013, https://arxiv.org/abs/1312.6034, for norms in general.
    tf-keras-vis' ``Norm(weight, p=1)`` and xplique's ``l1_reg`` are this; lucid's ``L1`` sums instead.

    Attributes:
      weight: what it counts.
      about: a value or an image.
    """

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        return self.weight * jnp.mean(jnp.abs(self._from_about(image)))


@dataclasses.dataclass(frozen=True)
class L2(_Distance):
    """``weight * sqrt(mean((image - about) ** 2))``.

    tf-keras-vis' ``Norm(weight, p=2)`` and xplique's ``l2_reg`` are this. Source as of ``L1``.

    Attributes:
      weight: what it counts.
      about: a value or an image.
    """

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        return self.weight * _power_mean(self._from_about(image), 2.0)


@dataclasses.dataclass(frozen=True)
class Linf(_Distance):
    """``weight * max(|image - about|)``. Source as of ``L1``.

    Attributes:
      weight: what it counts.
      about: a value or an image.
    """

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        return self.weight * jnp.max(jnp.abs(self._from_about(image)))


@dataclasses.dataclass(frozen=True)
class Lp(_Distance):
    """``weight * mean(|image - about| ** p) ** (1 / p)``.

    tf-keras-vis' ``Norm(weight, p)`` is this. Source as of ``L1``.

    Attributes:
      weight: what it counts.
      about: a value or an image.
      p: the order, 1 or more.
    """

    p: int | float = 6.0

    def __post_init__(self):
        super().__post_init__()
        at_least(self, 1, "p")

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        return self.weight * _power_mean(self._from_about(image), self.p)


@dataclasses.dataclass(frozen=True)
class TotalVariation:
    """``weight * sum over axes and neighbours of |difference| ** beta / number of values``.

    Each pair of neighbours along an axis counts once, in each channel. Rudin et al., "Nonlinear total variation based
    noise removal algorithms", 1992; Mahendran and Vedaldi, 2015, https://arxiv.org/abs/1412.0035, for ``beta``.
    tf-keras-vis' ``TotalVariation2D(weight)`` is this; lucid's and xplique's do not divide by the number of values.

    Attributes:
      weight: what it counts.
      beta: the power, 1 or more; at 1 edges cost what they are high, at 2 smooth ramps are preferred.
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
    """``weight * mean((image - blurred) ** 2) / 2``, where what is blurred counts as constant.

    Its gradient is a step towards the blurred image. The blur weighs the pixel and its inner neighbours 1 and the
    outermost ones, at ``width // 2``, a half, as lucid's ``blur_input_each_step``, which sums instead. Nguyen et al.,
    "Deep Neural Networks are Easily Fooled", 2015, https://arxiv.org/abs/1412.1897, for blurring at each step.

    Attributes:
      weight: what it counts.
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


@dataclasses.dataclass(frozen=True)
class Border:
    """``weight * mean over the frame of (image - about) ** 2``: what stands near the border.

    After lucid's boundary penalty for opacities, https://distill.pub/2018/differentiable-parameterizations.

    Attributes:
      weight: what it counts.
      width: pixels of the frame, at each end of each axis.
      about: what the frame should be.
    """

    weight: Quantity
    width: int
    about: Quantity = 0.0

    def __post_init__(self):
        at_least(self, 0, "weight")
        whole(self, 1, "width")

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        inside = [_inside(size, self.width) for size in image.shape[:-1]]
        frame = ~np.logical_and.reduce(np.meshgrid(*inside, indexing="ij"))[..., None]
        values = frame.sum() * image.shape[-1]
        return self.weight * jnp.sum(jnp.where(frame, (image - self.about) ** 2, 0)) / values


@dataclasses.dataclass(frozen=True)
class CentreOfMass:
    """``weight * |centre of mass - centre of the image| ** 2``, in half sides of the image.

    The mass of a pixel is ``(pixel - about) ** 2``; an image without any has its centre in the middle. An axis counts
    from -1 to 1, so that the penalty is the number of axes times ``weight`` where all mass is in a corner.

    Attributes:
      weight: what it counts.
      about: the value that weighs nothing.
    """

    weight: Quantity
    about: Quantity = 0.0

    def __post_init__(self):
        at_least(self, 0, "weight")

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        mass = jnp.sum((image - self.about) ** 2, axis=-1)
        whole_mass = jnp.sum(mass)
        share = jnp.where(whole_mass > 0, mass / jnp.where(whole_mass > 0, whole_mass, 1), 0)
        places = np.meshgrid(*(_places(size) for size in mass.shape), indexing="ij")
        return self.weight * sum((jnp.sum(share * place) ** 2 for place in places), jnp.zeros(()))


@dataclasses.dataclass(frozen=True)
class Midtones:
    """``weight * mean(4 share (1 - share))``, share = ``(image - low) / (high - low)``: what is grey.

    1 where all is grey, 0 where all is black or white. For drawings, letters and digits.

    Attributes:
      weight: what it counts.
      low: the value that is dark.
      high: the value that is bright.
    """

    weight: Quantity
    low: Quantity = 0.0
    high: Quantity = 1.0

    def __post_init__(self):
        at_least(self, 0, "weight")
        if isinstance(self.low, int | float):
            above(self, self.low, "high")

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        share = jnp.clip((image - self.low) / (self.high - self.low), 0, 1)
        return self.weight * jnp.mean(4 * share * (1 - share))


def _power_mean(values: Array, power: int | float) -> Array:
    """Returns ``mean(|values| ** power) ** (1 / power)``, its gradient 0 where all values are 0."""
    sizes = jnp.abs(values)
    largest = jax.lax.stop_gradient(jnp.max(sizes))  # nothing overflows when measured by it
    flat = largest == 0
    mean = jnp.mean((sizes / jnp.where(flat, 1, largest)) ** power)
    return jnp.where(flat, 0, largest * jnp.where(flat, 1, mean) ** (1 / power))


def _box_sum(image: Array, reach: int) -> Array:
    """Sums the neighbours up to ``reach`` pixels away on every axis, those inside the image."""
    window = (2 * reach + 1,) * (image.ndim - 1) + (1,)
    return jax.lax.reduce_window(image, 0.0, jax.lax.add, window, (1,) * image.ndim, "SAME")


def _inside(size: int, width: int) -> np.ndarray:
    place = np.arange(size)
    return (place >= width) & (place < size - width)


def _places(size: int) -> np.ndarray:
    return np.linspace(-1, 1, size, dtype=np.float32) if size > 1 else np.zeros(1, np.float32)
