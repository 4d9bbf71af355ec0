"""Limits: the resources that a file may use, from its size on disk."""

__all__ = ["MOST_DEPTH", "MOST_OBJECTS", "MOST_TEXT", "granted", "seconds", "working_memory"]

MOST_DEPTH = 100
"""Groups inside each other; a model nested in a model adds about three."""

MOST_OBJECTS = 20_000
"""Groups and arrays, or entries of an archive. The deepest networks in use store some five thousand."""

MOST_TEXT = 32 << 20
"""Bytes of text in one attribute or entry. The configurations of the largest networks in use have about one million."""

_MOST_EXPANSION = 20
"""Random float32 weights hardly compress at all, pruned ones a few times; zip bombs by a thousand."""

_SMALL = 16 << 20


def granted(stored: int) -> int:
    """Returns how many bytes may come out of this many stored ones."""
    return _SMALL + _MOST_EXPANSION * stored


def working_memory(stored: int) -> int:
    """Returns the bytes that reading a file of this size may take: itself, one array raw and converted, and air."""
    return (256 << 20) + 4 * stored + 2 * granted(min(stored, 64 << 20))


def seconds(stored: int) -> int:
    """Returns the processor time that reading a file of this size may take: ten times what the slowest in use need."""
    return 3 + stored // (4 << 20)
