"""Printing: tables for people, or one JSON document for programs, on stdout."""

import json
import sys
from collections.abc import Iterable, Sequence

__all__ = ["print_json", "print_table"]


def print_json(whole: object) -> None:
    """Prints one JSON document."""
    print(json.dumps(whole, indent=1, allow_nan=False))


def print_table(rows: Iterable[Sequence[str]], *, headings: Sequence[str], title: str) -> None:
    """Prints a table as wide as it need be where stdout is no terminal, and folded into the terminal where it is.

    Args:
      rows: the cells.
      headings: of the columns; one that begins with ``>`` is aligned to the right.
      title: what it shows.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # A file or a pipe takes lines of any length, and a program that reads them wants each row in one.
    console = Console(width=None if sys.stdout.isatty() else 10_000)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        right = heading.startswith(">")
        table.add_column(heading.lstrip(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    with console.capture() as captured:
        console.print(Text(title))  # a title of rich's is folded into the width of a narrow table
        console.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))
