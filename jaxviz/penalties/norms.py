"""Norms: the size of an image's values, measured from a value or an image."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.values.frozen_arrays import FrozenArray, frozen
from jaxviz.values.quantities import Quantity, at_least

__all__ = ["L1", "L2", "Linf", "Lp"]


About = Quantity | FrozenArray | np.ndarray  # what an image is compared with; an array is frozen when it is set


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
      weight: the factor of the penalty.
      about: a value or an image.
    """

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        return self.weight * jnp.mean(jnp.abs(self._from_about(image)))


@dataclasses.dataclass(frozen=True)
class L2(_Distance):
    """``weight * sqrt(mean((image - about) ** 2))``.

    tf-keras-vis' ``Norm(weight, p=2)`` and xplique's ``l2_reg`` are this. Source as of ``L1``.

    Attributes:
      weight: the factor of the penalty.
      about: a value or an image.
    """

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        return self.weight * _power_mean(self._from_about(image), 2.0)


@dataclasses.dataclass(frozen=True)
class Linf(_Distance):
    """``weight * max(|image - about|)``. Source as of ``L1``.

    Attributes:
      weight: the factor of the penalty.
      about: a value or an image.
    """

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        return self.weight * jnp.max(jnp.abs(self._from_about(image)))


@dataclasses.dataclass(frozen=True)
class Lp(_Distance):
    """``weight * mean(|image - about| ** p) ** (1 / p)``.

    tf-keras-vis' ``Norm(weight, p)`` is this. Source as of ``L1``.

    Attributes:
      weight: the factor of the penalty.
      about: a value or an image.
      p: the order, 1 or more.
    """

    p: int | float = 6.0

    def __post_init__(self):
        super().__post_init__()
        at_least(self, 1, "p")

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        return self.weight * _power_mean(self._from_about(image), self.p)


def _power_mean(values: Array, power: int | float) -> Array:
    """Returns ``mean(|values| ** power) ** (1 / power)``, its gradient 0 where all values are 0."""
    sizes = jnp.abs(values)
    largest = jax.lax.stop_gradient(jnp.max(sizes))  # nothing overflows when measured by it
    flat = largest == 0
    mean = jnp.mean((sizes / jnp.where(flat, 1, largest)) ** power)
    return jnp.where(flat, 0, largest * jnp.where(flat, 1, mean) ** (1 / power))
