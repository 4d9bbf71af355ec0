"""Frozen arrays: arrays that are compared by value, so that settings can hold them."""

import dataclasses
import hashlib

import numpy as np
from jaxtyping import Array

__all__ = ["FrozenArray", "frozen"]


@dataclasses.dataclass(frozen=True, repr=False)
class FrozenArray:
    """An immutable, hashable array that equals another one of the same shape, type and values.

    Attributes:
      shape: its shape.
      dtype: its type, as text.
      content: its bytes, in C order.
    """

    shape: tuple[int, ...]
    dtype: str
    content: bytes

    @classmethod
    def of(cls, array: np.ndarray | Array) -> "FrozenArray":
        """Freezes a copy of an array.

        Example:
          >>> FrozenArray.of(np.zeros(3)) == FrozenArray.of(np.zeros(3))
          True
        """
        values = np.asarray(array)
        return cls(values.shape, values.dtype.str, values.tobytes())

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        del copy
        return np.frombuffer(self.content, self.dtype).reshape(self.shape).astype(dtype or self.dtype)

    def __repr__(self) -> str:
        return f"FrozenArray({self.dtype[1:]}{list(self.shape)} {hashlib.sha256(self.content).hexdigest()[:12]})"


def frozen(value):
    """Freezes an array that has axes; returns numbers, also traced ones, and other values unchanged."""
    return FrozenArray.of(value) if isinstance(value, np.ndarray | Array) and value.ndim else value
