"""Labels: the name of each objective of a batch, short and unique."""

import zlib
from collections.abc import Iterable

import numpy as np

from jaxviz.networks.class_names import shown
from jaxviz.objectives.arguments import Position
from jaxviz.values.errors import JaxvizError
from jaxviz.values.texts import Texts

__all__ = ["aligned", "counted", "enclosed", "joined", "located", "numbered", "powers"]

_SPELLED = 8  # terms of a sum that its label spells out


def counted(name: str, index: object, names: Texts) -> list[str]:
    """Labels units by their numbers, ``conv2d_3:17``; with what they are called, where names of all are known.

    Example:
      >>> counted("logit", [1], Texts(("tench", "goldfish, Carassius auratus")))
      ['logit:1 goldfish']
    """
    units, words = np.atleast_1d(np.asarray(index)).tolist(), names.texts
    return [f"{name}:{unit} {shown(words[unit])}" if words else f"{name}:{unit}" for unit in units]


def numbered(name: str, count: int) -> list[str]:
    """Labels so many objectives of one name: the name alone, or each with its place in the batch."""
    return [name] if count == 1 else [f"{name} {place}" for place in range(count)]


def located(names: list[str], position: Position) -> list[str]:
    """Adds to each name its position, such as ``@5,5``."""
    if position is None:
        return names
    if isinstance(position, str):
        return [f"{name}@{position}" for name in names]
    return [f"{name}@{','.join(map(str, place))}" for name, place in aligned(names, np.atleast_2d(position))]


def powers(names: list[str], power: object) -> list[str]:
    """Adds to each name its power of the cosine, such as ``·cos^2``, but for 0."""
    numbers_of = np.atleast_1d(np.asarray(power)).tolist()
    return [f"{name}·cos^{number:g}" if number else name for name, number in aligned(names, numbers_of)]


def enclosed(label: str) -> str:
    """Returns a label in parentheses, if it is a sum's."""
    return f"({label})" if " + " in label or " - " in label else label


def joined(labels: tuple[str, ...]) -> str:
    """Labels a sum of objectives of these labels."""
    whole = " + ".join(labels).replace("+ -", "- ")
    if len(labels) <= _SPELLED:
        return whole
    # What tells two long sums apart that begin and end alike.
    return f"{labels[0]} + … + {labels[-1]} ({len(labels)} terms, {zlib.crc32(whole.encode()):08x})"


def aligned(*columns: Iterable) -> list[tuple]:
    """Zips columns, repeating those of length 1 as broadcasting does.

    Raises:
      JaxvizError: two of them have different lengths above 1.
    """
    lists = [list(column) for column in columns]
    longest = max(map(len, lists))
    if any(len(column) not in (1, longest) for column in lists):
        lengths = ", ".join(str(len(column)) for column in lists)
        raise JaxvizError(f"terms of {lengths} objectives; give each one, or as many as the longest")
    return list(zip(*(column * longest if len(column) == 1 else column for column in lists), strict=True))
