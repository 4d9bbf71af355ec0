"""Indices: a text such as 0:16 or 3,7,11 -> integers; what is asked for among labelled things -> their places."""

import difflib
from collections.abc import Sequence

import numpy as np

from jaxviz.values.errors import JaxvizError, OutOfRangeError, UnknownNameError

__all__ = ["Which", "parse_indices", "places_of"]

Which = int | np.integer | str | slice | Sequence | np.ndarray
"""A number, a label, a slice, several numbers or labels, or a mask."""

_MOST = 1 << 20  # numbers in one range
_DIGITS = 12  # of a range's two ends together


def parse_indices(text: str) -> list[int]:
    """Reads channels written as a range ``0:16``, a list ``3,7,11``, or both ``0:4,9``.

    Raises:
      JaxvizError: the text is neither.

    Example:
      >>> parse_indices("0:3,7")
      [0, 1, 2, 7]
    """
    indices: list[int] = []
    for part in text.split(","):
        first, colon, last = part.strip().partition(":")
        if not first.isdecimal() or (colon and not last.isdecimal()) or len(first + last) > _DIGITS:
            raise JaxvizError(f"channels {text!r}: give a range such as 0:16, a list such as 3,7,11, or both")
        if colon and int(last) <= int(first):
            raise JaxvizError(f"channels {part.strip()!r} is an empty range; the end is not included")
        if int(last or 0) - int(first) > _MOST:
            raise JaxvizError(f"channels {part.strip()!r} is out of range")
        indices += range(int(first), int(last)) if colon else [int(first)]
    return indices


def places_of(which: Which, labels: Sequence[str]) -> int | slice | np.ndarray:
    """Returns what NumPy takes for an index: where among labelled things those stand that are asked for.

    Args:
      which: a number, a label, a slice, several numbers or labels, or a mask.
      labels: all labels.

    Raises:
      JaxvizError: there is no such thing.

    Example:
      >>> places_of("b", ["a", "b"]), places_of([0, -1], ["a", "b"]).tolist()
      (1, [0, -1])
    """
    if isinstance(which, str):
        if which not in labels:
            close = difflib.get_close_matches(which, labels, n=5, cutoff=0.0)
            raise UnknownNameError(f"no image of {which!r}; the nearest of {len(labels)} labels are {', '.join(close)}")
        return labels.index(which)
    if isinstance(which, slice):
        return which
    if isinstance(which, list | tuple) and any(isinstance(one, str) for one in which):
        return np.array([places_of(one, labels) for one in which])
    index = np.asarray(which)
    if index.dtype == bool and index.shape == (len(labels),):
        return index
    if index.dtype.kind not in "iu" or index.ndim > 1:
        raise OutOfRangeError(f"image {which!r}: give a number, a label, a slice, several of them, or a mask")
    outside = (index < -len(labels)) | (index >= len(labels))
    if outside.any():
        raise OutOfRangeError(f"image {np.atleast_1d(index)[np.atleast_1d(outside)][0]} of {len(labels)}")
    return index
