"""Indices: a text such as 0:16 or 3,7,11 -> integers."""

from jaxviz.values.errors import JaxvizError

__all__ = ["parse_indices"]

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
