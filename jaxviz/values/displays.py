"""Displays: values that a notebook shows as a picture or a table. A room above decides how they look."""

from collections.abc import Callable

__all__ = ["Displayed", "show_with"]


class Displayed:
    """A value that a notebook shows as HTML, made by the function that was given to `show_with`."""

    def _repr_html_(self) -> str | None:
        # None makes the notebook fall back to the value's plain text.
        return None if _View.html is None else _View.html(self)


class _View:
    """The one function that makes HTML of values."""

    html: Callable[[Displayed], str] | None = None


def show_with(html: Callable[[Displayed], str]) -> None:
    """Sets the function that makes the HTML of every displayed value."""
    _View.html = html
