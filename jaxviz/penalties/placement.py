"""Placement: where in the image its content is."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.values.quantities import Quantity, at_least, whole

__all__ = ["Border", "CentreOfMass"]


@dataclasses.dataclass(frozen=True)
class Border:
    """``weight * mean over the frame of (image - about) ** 2``: content near the border.

    After lucid's boundary penalty for opacities, https://distill.pub/2018/differentiable-parameterizations.

    Attributes:
      weight: the factor of the penalty.
      width: pixels of the frame, at each end of each axis.
      about: the value that the frame should have.
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

    The mass of a pixel is ``(pixel - about) ** 2``; an image without mass has its centre in the middle. An axis goes
    from -1 to 1, so that the penalty is the number of axes times ``weight`` if all mass is in a corner.

    Attributes:
      weight: the factor of the penalty.
      about: the value without mass.
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


def _inside(size: int, width: int) -> np.ndarray:
    place = np.arange(size)
    return (place >= width) & (place < size - width)


def _places(size: int) -> np.ndarray:
    return np.linspace(-1, 1, size, dtype=np.float32) if size > 1 else np.zeros(1, np.float32)
