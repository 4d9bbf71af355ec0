"""Displays: values that show themselves in notebooks."""

import importlib

__all__ = ["Displayed"]


class Displayed:
    """A value that every notebook shows as a picture or a table of itself.

    How it looks stands in ``jaxviz.notebooks``, far above the values: it is looked up by its name once a notebook asks.
    """

    def _repr_html_(self) -> str:
        return importlib.import_module("jaxviz.notebooks").html(self)
