"""Penalty: what a penalty is, image -> a positive number."""

from typing import Protocol, runtime_checkable

from jaxtyping import Array, Float

__all__ = ["Penalty"]


@runtime_checkable
class Penalty(Protocol):
    """A number that is subtracted from the score of an image. Immutable and equal by value."""

    def __call__(self, image: Float[Array, "..."]) -> Float[Array, ""]:
        """Returns a number, 0 or more, of an image ``[*spatial, channels]``."""
        ...
