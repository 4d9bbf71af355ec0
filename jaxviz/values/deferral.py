"""Deferred: a function and its arguments as a value that equals another one with the same contents."""

import dataclasses
import functools
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from jaxviz.values.errors import JaxvizError

__all__ = ["Deferred", "Steps", "deferred"]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Steps:
    """Stands for the number of steps, or a share of them, among deferred arguments.

    A schedule then stretches with the recipe: ``deferred(optax.cosine_decay_schedule, 0.1, Steps())``.

    Attributes:
      share: of all steps, from 0 to 1.
    """

    share: int | float = 1.0

    def __post_init__(self):
        if not 0 <= self.share <= 1:
            raise JaxvizError(f"Steps({self.share:g}): give a share of all steps, from 0 to 1")

    def of(self, steps: int) -> int:
        """Returns this number of steps: 1 or more."""
        return max(1, round(self.share * steps))

    def __str__(self) -> str:
        return "steps" if self.share == 1 else f"{self.share:g}*steps"


@dataclasses.dataclass(frozen=True, repr=False)
class Deferred(Generic[T]):
    """A call that is made later; equal calls are equal values.

    Two calls of ``optax.adam(0.05)`` return unequal values, so a compiled function that takes them compiles twice. Two
    calls of ``deferred(optax.adam, 0.05)`` return equal values; the optimizer is built inside the compiled function.
    """

    function: Callable[..., T]
    arguments: tuple[Hashable, ...] = ()
    keywords: tuple[tuple[str, Hashable], ...] = ()

    def build(self, steps: int = 1) -> T:
        """Makes the call; arguments that are deferred themselves, or are in tuples of such, are built first.

        Args:
          steps: the number that ``Steps()`` stands for.
        """
        keywords = {name: _built(value, steps) for name, value in self.keywords}
        return self.function(*(_built(value, steps) for value in self.arguments), **keywords)

    def __repr__(self) -> str:
        # The same in every process, so that a run is known again: a function's own text holds its address.
        inside = [_shown(value) for value in self.arguments]
        inside += [f"{name}={_shown(value)}" for name, value in self.keywords]
        return f"{_shown(self.function)}({', '.join(inside)})"


def deferred(function: Callable[..., T], *arguments: Hashable, **keywords: Hashable) -> Deferred[T]:
    """Stores a call that is made later.

    Example:
      >>> import optax
      >>> deferred(optax.adam, 0.05) == deferred(optax.adam, 0.05)
      True
      >>> print(deferred(optax.sgd, deferred(optax.constant_schedule, 0.1)))
      sgd(constant_schedule(0.1))
    """
    return Deferred(function, arguments, tuple(sorted(keywords.items())))


def _built(value, steps: int):
    if isinstance(value, Steps):
        return value.of(steps)
    if type(value) is tuple:
        return tuple(_built(one, steps) for one in value)
    return value.build(steps) if isinstance(value, Deferred) else value


def _shown(value) -> str:
    if type(value) is tuple:
        return f"({', '.join(map(_shown, value))})"
    if isinstance(value, functools.partial):  # as optax.nadam is, of optax.adam
        return _shown(value.func)
    return getattr(value, "__name__", None) or str(value)
