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
    """Several transforms in order, each with its own key.

    Attributes:
      transforms: the transforms, the first one first.
    """

    transforms: tuple[Transform, ...] = ()

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        for place, transform in enumerate(self.transforms):
            image = transform(jax.random.fold_in(key, place), image)
        return image


def chain(*transforms: Transform) -> Chain:
    """Returns the transform that applies these transforms in order.

    Example:
      >>> from jaxviz.transforms import Jitter, Pad
      >>> chain(Pad(2), Jitter(4)) == Chain((Pad(2), Jitter(4)))
      True
    """
    return Chain(transforms)


@dataclasses.dataclass(frozen=True)
class Sometimes:
    """A transform that is applied with a probability at each step; it must keep the image's shape.

    Lucid rotates its images this way: ``Sometimes(Rotate(10), 20 / 26)`` leaves them upright as often as its list of
    angles does.

    Attributes:
      transform: the transform.
      probability: how often it is applied.
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
    """Checks the number of spatial axes of an image.

    Raises:
      JaxvizError: names the transform and the image's shape.
    """
    if image.ndim - 1 != rank:
        name = type(transform).__name__
        raise JaxvizError(f"{name} takes images of {rank} spatial axes and channels; this one is {image.shape}")
