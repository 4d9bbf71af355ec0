"""Printing: tables for people, or one JSON document for programs, on stdout."""

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from jaxviz.values.column_widths import fitting

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["line_width", "print_json", "print_table"]

_GAP = 3  # characters between two columns
_FOLDED = 16  # characters that a column of text has at least


def print_json(whole: object) -> None:
    """Prints one JSON document."""
    print(json.dumps(whole, indent=1, allow_nan=False))


def print_table(rows: Iterable[Sequence[str]], *, headings: Sequence[str], title: str) -> None:
    """Prints a table as wide as it need be if stdout is no terminal, and one that fits the terminal if it is one.

    Text is folded there. Numbers are not: columns that do not fit stand in a further table, below the first.

    Args:
      rows: the cells.
      headings: of the columns; one that begins with ``>`` is aligned to the right.
      title: what it shows.
    """
    from rich.console import Console
    from rich.text import Text

    # A file or a pipe takes lines of any length, and a program that reads them wants each row in one.
    width = line_width()
    console = Console(width=width or 10_000)
    cells = [list(row) for row in rows]
    needed = [_needed(heading, [row[place] for row in cells]) for place, heading in enumerate(headings)]
    with console.capture() as captured:
        console.print(Text(title))  # a title of rich's is folded into the width of a narrow table
        for number, places in enumerate(fitting(needed, width or sys.maxsize, _GAP)):
            table = _table([headings[place] for place in places])
            for row in cells:
                table.add_row(*(Text(row[place]) for place in places))
            console.print(*([""] if number else []), table, sep="\n")
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def line_width() -> int | None:
    """Returns how many characters fit a line of stdout; None if it is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _needed(heading: str, cells: Sequence[str]) -> int:
    """Returns the characters that a column takes at least: text can be folded, numbers cannot."""
    longest = max(map(len, (heading.lstrip(">"), *cells)))
    return longest if heading.startswith(">") else min(longest, _FOLDED)


def _table(headings: Sequence[str]) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        is_number = heading.startswith(">")
        table.add_column(
            heading.lstrip(">"), justify="right" if is_number else "left", overflow="fold", no_wrap=is_number
        )
    return table
