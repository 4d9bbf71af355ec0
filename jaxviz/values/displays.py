"""Displays: values that a notebook shows as a picture or a table. A room above decides how they look."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

__all__ = ["Bar", "Displayed", "Views", "bar", "show_with", "watcher"]


class Displayed:
    """A value that a notebook shows as HTML, made by the function that was given to `show_with`."""

    def _repr_html_(self) -> str | None:
        # None makes the notebook fall back to the value's plain text.
        return None if _View.views is None else _View.views.html(self)


@runtime_checkable
class Bar(Protocol):
    """How far a long computation is, shown while the block runs."""

    def __enter__(self) -> "Bar": ...

    def __exit__(self, *error: object) -> None: ...

    def reach(self, done: int, total: int) -> None:
        """Notes how many things are done, of how many."""
        ...


class Views(NamedTuple):
    """The functions that show values, in a room above.

    Attributes:
      html: makes HTML of a displayed value.
      bar: makes a bar of the name of what is counted; None where there is no notebook to show it in.
      watcher: makes what is called with a result on its way, for so many images; None likewise.
    """

    html: Callable[[Displayed], str]
    bar: Callable[[str], Bar | None]
    watcher: Callable[[int], Callable | None]


class _View:
    """The views there are."""

    views: Views | None = None


def show_with(views: Views) -> None:
    """Sets the functions that show values."""
    _View.views = views


def bar(things: str) -> Bar | None:
    """Returns a bar for a notebook; None where no notebook is."""
    return None if _View.views is None else _View.views.bar(things)


def watcher(total: int) -> Callable | None:
    """Returns what shows a result of so many images on its way in a notebook; None where no notebook is."""
    return None if _View.views is None else _View.views.watcher(total)
