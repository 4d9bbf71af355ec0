"""Framing: transforms that move, cut, pad or mirror the image by whole pixels."""

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz.values.errors import JaxvizError
from jaxviz.values.quantities import Quantity, at_least, whole

__all__ = ["CentreCrop", "Crop", "Flip", "Jitter", "Pad", "Roll"]


@dataclasses.dataclass(frozen=True)
class Jitter:
    """Crops the image at random, so that each axis becomes shorter by ``pixels``.

    The crop starts anywhere from 0 to ``pixels`` on each axis, both included. Mordvintsev et al., "Inceptionism", 2015,
    https://research.google/blog/inceptionism-going-deeper-into-neural-networks; Olah et al., "Feature Visualization",
    Distill 2017, https://distill.pub/2017/feature-visualization.

    Attributes:
      pixels: how much shorter each spatial axis becomes.
    """

    pixels: int

    def __post_init__(self):
        whole(self, 0, "pixels")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        return _cut(key, image, tuple(size - self.pixels for size in image.shape[:-1]), self)


@dataclasses.dataclass(frozen=True)
class Roll:
    """Shifts the image at random and keeps its shape; pixels that leave at one side come in at the other.

    Mordvintsev et al., "Inceptionism", 2015, whose published code rolls the image at each step.

    Attributes:
      pixels: the largest shift on each axis, to either side.
    """

    pixels: int

    def __post_init__(self):
        whole(self, 0, "pixels")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        axes = tuple(range(image.ndim - 1))
        moves = jax.random.randint(key, (len(axes),), -self.pixels, self.pixels + 1)
        return jnp.roll(image, tuple(moves), axes)


@dataclasses.dataclass(frozen=True)
class Pad:
    """Adds pixels at both ends of each axis. Olah et al., "Feature Visualization", Distill 2017.

    Attributes:
      pixels: how many at each end.
      fill: what they are: None for the edge's own pixels, a value, or ``"reflect"``.
    """

    pixels: int
    fill: Quantity | Literal["reflect"] | None = None

    def __post_init__(self):
        whole(self, 0, "pixels")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        del key
        widths = [(self.pixels, self.pixels)] * (image.ndim - 1) + [(0, 0)]
        if self.fill is None:
            return jnp.pad(image, widths, mode="edge")
        if isinstance(self.fill, str):
            return jnp.pad(image, widths, mode="reflect")
        return jnp.pad(image, widths, constant_values=self.fill)


@dataclasses.dataclass(frozen=True)
class Crop:
    """Cuts a part of a given size out of the image, anywhere.

    Attributes:
      shape: pixels on each spatial axis; one number for all of them.
    """

    shape: int | tuple[int, ...]

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        return _cut(key, image, _spatial(self.shape, image), self)


@dataclasses.dataclass(frozen=True)
class CentreCrop:
    """Cuts the middle out of the image; one pixel too many is cut at the end.

    Attributes:
      shape: pixels on each spatial axis; one number for all of them.
    """

    shape: int | tuple[int, ...]

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        del key
        shape = _checked(_spatial(self.shape, image), image, self)
        starts = [(size - part) // 2 for size, part in zip(image.shape[:-1], shape, strict=True)]
        return image[tuple(slice(start, start + part) for start, part in zip(starts, shape, strict=True))]


@dataclasses.dataclass(frozen=True)
class Flip:
    """Mirrors the image at some steps.

    Attributes:
      axis: the spatial axis; -1, the last one, swaps left and right.
      probability: how often.
    """

    axis: int = -1
    probability: Quantity = 0.5

    def __post_init__(self):
        at_least(self, 0, "probability")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        rank = image.ndim - 1
        if not -rank <= self.axis < rank:
            raise JaxvizError(f"Flip(axis={self.axis}): an image of shape {image.shape} has {rank} spatial axes")
        mirrored = jnp.flip(image, self.axis % rank)
        return jnp.where(jax.random.uniform(key) < self.probability, mirrored, image)


def _spatial(shape: int | tuple[int, ...], image: Array) -> tuple[int, ...]:
    return (shape,) * (image.ndim - 1) if isinstance(shape, int) else shape


def _checked(shape: tuple[int, ...], image: Array, transform: Jitter | Crop | CentreCrop) -> tuple[int, ...]:
    spatial = image.shape[:-1]
    if len(shape) != len(spatial) or not all(0 < part <= size for part, size in zip(shape, spatial, strict=True)):
        raise JaxvizError(f"{transform}: an image of shape {image.shape} has no part of shape {shape}")
    return shape


def _cut(key: Array, image: Array, shape: tuple[int, ...], transform: Jitter | Crop) -> Array:
    _checked(shape, image, transform)
    room = jnp.array([size - part + 1 for size, part in zip(image.shape[:-1], shape, strict=True)])
    starts = jax.random.randint(key, (len(shape),), 0, room)
    return jax.lax.dynamic_slice(image, (*starts, 0), (*shape, image.shape[-1]))
