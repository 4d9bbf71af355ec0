"""Column widths: the widths of a table's columns and of a line -> the tables, one below the other, that fit it."""

from collections.abc import Sequence

__all__ = ["fitting"]


def fitting(widths: Sequence[int], line: int, gap: int) -> list[list[int]]:
    """Distributes columns over tables that fit a line; each begins with the first column, which names the rows.

    Args:
      widths: the characters that each column takes.
      line: the characters of a line.
      gap: the characters between two columns.

    Returns:
      The places of the columns of each table; one table if all fit.

    Example:
      >>> fitting([8, 10, 10, 10], 40, 2)
      [[0, 1, 2], [0, 3]]
    """
    tables: list[list[int]] = []
    room = -1
    for place in range(1, len(widths)):
        if not tables or widths[place] + gap > room:
            tables.append([0])
            room = line - widths[0]
        tables[-1].append(place)
        room -= widths[place] + gap
    return tables or [list(range(len(widths)))]
