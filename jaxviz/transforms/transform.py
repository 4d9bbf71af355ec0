"""Transform: (key, image) -> the image that the network sees at one step."""

import dataclasses
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz.values.errors import JaxvizError
from jaxviz.values.quantities import Quantity, at_least

__all__ = ["Chain", "Sometimes", "Transform", "chain", "drawn", "needs_rank"]


@runtime_checkable
class Transform(Protocol):
    """What is done to the view of an image at a step. Frozen, equal by value, and drawn from its key alone."""

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        """Returns a view of an image ``[*spatial, channels]``, channels last."""
        ...


@dataclasses.dataclass(frozen=True)
class Chain:
    """Transforms one after the other, each with a key of its own.

    Attributes:
      transforms: the first one is made first.
    """

    transforms: tuple[Transform, ...] = ()

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        for place, transform in enumerate(self.transforms):
            image = transform(jax.random.fold_in(key, place), image)
        return image


def chain(*transforms: Transform) -> Chain:
    """Returns the transform that makes these one after the other.

    Example:
      >>> from jaxviz.transforms import Jitter, Pad
      >>> chain(Pad(2), Jitter(4)) == Chain((Pad(2), Jitter(4)))
      True
    """
    return Chain(transforms)


@dataclasses.dataclass(frozen=True)
class Sometimes:
    """A transform that is made at some steps and left out at others; it must keep the image's shape.

    So lucid turns its images: ``Sometimes(Rotate(10), 20 / 26)`` leaves them upright as often as its list of angles.

    Attributes:
      transform: what is made.
      probability: how often.
    """

    transform: Transform
    probability: Quantity = 0.5

    def __post_init__(self):
        at_least(self, 0, "probability")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        choice, inner = jax.random.split(key)
        view = self.transform(inner, image)
        if view.shape != image.shape:
            raise JaxvizError(f"Sometimes({self.transform}): it makes {view.shape} of {image.shape}; keep the shape")
        return jnp.where(jax.random.uniform(choice) < self.probability, view, image)


def drawn(key: Array, low: Quantity, high: Quantity) -> Float[Array, ""]:
    """Draws a number, uniform in ``[low, high)``."""
    return low + (high - low) * jax.random.uniform(key)


def needs_rank(transform: Transform, image: Array, rank: int) -> None:
    """Refuses an image of another number of spatial axes.

    Raises:
      JaxvizError: names the transform and the image's shape.
    """
    if image.ndim - 1 != rank:
        name = type(transform).__name__
        raise JaxvizError(f"{name} takes images of {rank} spatial axes and channels; this one is {image.shape}")
