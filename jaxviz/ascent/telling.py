"""Telling: what whoever follows a run is told before its first images are finished."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from jaxviz.recipes import Recipe

__all__ = ["ToldOfCompiling", "compiling"]


@runtime_checkable
class ToldOfCompiling(Protocol):
    """A ``progress`` that is also told of compiling, which comes before the first images and may take longer."""

    def compiling(self, what: str, seconds: float | None) -> None:
        """Is called as compiling begins, and as it ends.

        Args:
          what: the steps and the recipe of the program.
          seconds: how long it took, tracing included; None as it begins.
        """
        ...


@contextlib.contextmanager
def compiling(recipe: Recipe, progress: Callable[..., None] | None) -> Iterator[None]:
    """Tells that the block compiles the program of a recipe, if ``progress`` is told of that."""
    if not isinstance(progress, ToldOfCompiling):
        yield
        return
    what, begin = f"{recipe.steps} steps of {recipe.name}", time.monotonic()
    progress.compiling(what, None)
    yield
    progress.compiling(what, time.monotonic() - begin)
