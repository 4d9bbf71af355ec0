"""Warping: transforms that scale, rotate, shear or zoom the image, with interpolation between pixels."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz.layers.resampling import resample, warp
from jaxviz.transforms.transform import drawn, needs_rank
from jaxviz.values.quantities import Quantity, above, at_least, in_order

__all__ = ["Affine", "RandomResizedCrop", "Rotate", "Scale", "Shear"]


@dataclasses.dataclass(frozen=True)
class Scale:
    """Scales the content of the image about its centre, and keeps the image's shape.

    One factor for all axes, uniform in ``[low, high)``; above 1 enlarges. Bilinear. Olah et al., "Feature
    Visualization", Distill 2017, https://distill.pub/2017/feature-visualization, where the image's size changes.

    Attributes:
      low: the smallest factor.
      high: the largest factor.
      fill: the pixels outside the image: None repeats the edge, or a value.
    """

    low: Quantity = 0.9
    high: Quantity = 1.1
    fill: Quantity | None = None

    def __post_init__(self):
        above(self, 0, "low", "high")
        in_order(self, "low", "high")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        factor = drawn(key, self.low, self.high)
        return resample(image, [_offsets(size) / factor + (size - 1) / 2 for size in image.shape[:-1]], self.fill)


@dataclasses.dataclass(frozen=True)
class Affine:
    """Rotates, scales, shears and shifts a 2-D image about its centre, in one resampling.

    Each is drawn uniformly. The image is first sheared, then rotated, scaled and shifted. Bilinear.

    Attributes:
      degrees: the largest rotation, to either side.
      low: the smallest scale; above 1 enlarges.
      high: the largest scale.
      shear: the largest shear of each axis, in degrees to either side.
      pixels: the largest shift on each axis, to either side.
      fill: the pixels outside the image: None repeats the edge, or a value.
    """

    degrees: Quantity = 0.0
    low: Quantity = 1.0
    high: Quantity = 1.0
    shear: Quantity = 0.0
    pixels: Quantity = 0.0
    fill: Quantity | None = None

    def __post_init__(self):
        above(self, 0, "low", "high")
        in_order(self, "low", "high")
        at_least(self, 0, "degrees", "shear", "pixels")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        needs_rank(self, image, 2)
        turned, scaled, sheared, moved = jax.random.split(key, 4)
        turn = _radians(drawn(turned, -self.degrees, self.degrees))
        slants = jnp.tan(_radians(self.shear) * jax.random.uniform(sheared, (2,), minval=-1, maxval=1))
        shift = self.pixels * jax.random.uniform(moved, (2,), minval=-1, maxval=1)
        # What the image goes through is shear, turn, scale; the view looks back through all of it.
        back = _slant_back(*slants) @ _turn_back(turn) / drawn(scaled, self.low, self.high)
        return warp(image, back, -back @ shift, self.fill)


@dataclasses.dataclass(frozen=True)
class Rotate:
    """Rotates a 2-D image about its centre, by an angle uniform in ``[-degrees, degrees)``; positive is anticlockwise.

    Bilinear. Olah et al., "Feature Visualization", Distill 2017, https://distill.pub/2017/feature-visualization.

    Attributes:
      degrees: the largest rotation, to either side.
      fill: the pixels outside the image: None repeats the edge, or a value.
    """

    degrees: Quantity
    fill: Quantity | None = None

    def __post_init__(self):
        at_least(self, 0, "degrees")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        needs_rank(self, image, 2)
        turn = _radians(drawn(key, -self.degrees, self.degrees))
        return warp(image, _turn_back(turn), jnp.zeros(2), self.fill)


@dataclasses.dataclass(frozen=True)
class Shear:
    """Shears each axis of a 2-D image about its centre, by an angle uniform in ``[-degrees, degrees)``. Bilinear.

    Attributes:
      degrees: the largest shear, to either side; below 45.
      fill: the pixels outside the image: None repeats the edge, or a value.
    """

    degrees: Quantity
    fill: Quantity | None = None

    def __post_init__(self):
        at_least(self, 0, "degrees")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        needs_rank(self, image, 2)
        return Affine(shear=self.degrees, fill=self.fill)(key, image)


@dataclasses.dataclass(frozen=True)
class RandomResizedCrop:
    """Zooms into a part of the image: a box of random size and position, resized to the view.

    The side, a share of the image's own, is uniform in ``[low, high)`` plus normal noise, and clipped to 0.05 to 1; the
    centre is normal around the middle. The first and the last pixel of the view are at the box's two ends. Bilinear.
    Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained Optimization", NeurIPS
    2023, https://arxiv.org/abs/2306.06805, whose code has a ``deviation`` of 0.05, a ``centre`` of 0.15, a ``fill`` of
    0, and a side that falls from 0.5 to 0.05 over the steps.

    Attributes:
      low: the smallest side.
      high: the largest side.
      deviation: standard deviation of the noise that is added to the side.
      centre: standard deviation of the box's centre, as a share of the image's side.
      fill: the pixels outside the image: None repeats the edge, or a value.
      shape: pixels of the view on each spatial axis; None for those of the image.
    """

    low: Quantity
    high: Quantity
    deviation: Quantity = 0.0
    centre: Quantity = 0.15
    fill: Quantity | None = None
    shape: tuple[int, ...] | None = None

    def __post_init__(self):
        above(self, 0, "low", "high")
        in_order(self, "low", "high")
        at_least(self, 0, "deviation", "centre")

    def __call__(self, key: Array, image: Float[Array, "..."]) -> Float[Array, "..."]:
        spatial = image.shape[:-1]
        sided, noised, centred = jax.random.split(key, 3)
        side = drawn(sided, self.low, self.high) + self.deviation * jax.random.normal(noised)
        side = jnp.clip(side, 0.05, 1.0)
        centres = 0.5 + self.centre * jax.random.normal(centred, (len(spatial),))
        shape = spatial if self.shape is None else self.shape
        positions = [
            (centre + side * jnp.linspace(-0.5, 0.5, view)) * (size - 1)
            for centre, view, size in zip(centres, shape, spatial, strict=True)
        ]
        return resample(image, positions, self.fill)


def _offsets(size: int) -> Float[Array, " size"]:
    return jnp.arange(size) - (size - 1) / 2


def _radians(degrees: Quantity) -> Array:
    return jnp.deg2rad(jnp.asarray(degrees, jnp.float32))


def _slant_back(down: Float[Array, ""], across: Float[Array, ""]) -> Float[Array, "2 2"]:
    """Inverts ``[[1, down], [across, 1]]``."""
    one = jnp.ones(())
    return jnp.stack([jnp.stack([one, -down]), jnp.stack([-across, one])]) / (1 - down * across)


def _turn_back(angle: Float[Array, ""]) -> Float[Array, "2 2"]:
    """Returns where the view looks, in rows (downwards) and columns, when the image turns anticlockwise."""
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([jnp.stack([cosine, sine]), jnp.stack([-sine, cosine])])
