"""Deferred: a function and its arguments, as a value that is equal to another of the same kind."""

import dataclasses
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Deferred", "Steps", "deferred"]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Steps:
    """Stands among deferred arguments for the steps that are made, or a share of them.

    So a schedule stretches with the recipe: ``deferred(optax.cosine_decay_schedule, 0.1, Steps())``.

    Attributes:
      share: of all steps, from 0 to 1.
    """

    share: float = 1.0

    def of(self, steps: int) -> int:
        """Returns how many that are: 1 or more."""
        return max(1, round(self.share * steps))

    def __str__(self) -> str:
        return "steps" if self.share == 1 else f"{self.share:g}*steps"


@dataclasses.dataclass(frozen=True)
class Deferred(Generic[T]):
    """A call that is made later, and compares by what it will do.

    ``optax.adam(0.05)`` made twice gives two unequal values, so a compiled function that is told of it compiles
    twice. ``deferred(optax.adam, 0.05)`` made twice gives equal values and is built inside the compiled function.
    """

    function: Callable[..., T]
    arguments: tuple[Hashable, ...] = ()
    keywords: tuple[tuple[str, Hashable], ...] = ()

    def build(self, steps: int = 1) -> T:
        """Makes the call; arguments that are deferred themselves are built first.

        Args:
          steps: what ``Steps()`` stands for.
        """
        keywords = {name: _built(value, steps) for name, value in self.keywords}
        return self.function(*(_built(value, steps) for value in self.arguments), **keywords)

    def __str__(self) -> str:
        inside = [str(value) for value in self.arguments] + [f"{name}={value}" for name, value in self.keywords]
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"{name}({', '.join(inside)})"


def deferred(function: Callable[..., T], *arguments: Hashable, **keywords: Hashable) -> Deferred[T]:
    """Notes a call to be made later.

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
    return value.build(steps) if isinstance(value, Deferred) else value
