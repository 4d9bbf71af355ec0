"""Tones: which values the pixels have."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxviz.values.quantities import Quantity, above, at_least

__all__ = ["Midtones"]


@dataclasses.dataclass(frozen=True)
class Midtones:
    """``weight * mean(4 share (1 - share))``, share = ``(image - low) / (high - low)``: grey pixels.

    It is ``weight`` if all pixels are grey, and 0 if all are black or white. For drawings, letters and digits.

    Attributes:
      weight: the factor of the penalty.
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
