"""Deferred: a function and its arguments, as a value that is equal to another of the same kind."""

import dataclasses
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Deferred", "deferred"]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Deferred(Generic[T]):
    """A call that is made later, and compares by what it will do.

    ``optax.adam(0.05)`` made twice gives two unequal values, so a compiled function that is told of it compiles
    twice. ``deferred(optax.adam, 0.05)`` made twice gives equal values and is built inside the compiled function.
    """

    function: Callable[..., T]
    arguments: tuple[Hashable, ...] = ()
    keywords: tuple[tuple[str, Hashable], ...] = ()

    def build(self) -> T:
        """Makes the call; arguments that are deferred themselves are built first."""
        return self.function(*map(_built, self.arguments), **{name: _built(value) for name, value in self.keywords})

    def __str__(self) -> str:
        inside = [str(value) for value in self.arguments] + [f"{name}={value}" for name, value in self.keywords]
        return f"{self.function.__name__}({', '.join(inside)})"


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


def _built(value):
    return value.build() if isinstance(value, Deferred) else value
