"""Quantities: number | schedule | array, the fields of settings that may change over the steps."""

import math
from typing import TYPE_CHECKING, Any

from jaxtyping import Array

from jaxviz.values.deferral import Deferred
from jaxviz.values.errors import JaxvizError

__all__ = ["Quantity", "above", "at_least", "in_order", "whole"]

# A plain number, a deferred optax schedule, or what a schedule becomes at one step: a traced scalar.
if TYPE_CHECKING:
    Quantity = Any  # by the time that anyone reckons with it, a schedule has become a number
else:
    Quantity = int | float | Array | Deferred


def at_least(settings: Any, bound: int | float, *names: str) -> None:
    """Refuses fields that are below a bound or not finite; accepts schedules and arrays, whose values are unknown.

    Raises:
      JaxvizError: names the setting, its value and the bound.
    """
    for name, value in _plain(settings, names):
        if not bound <= value < math.inf:
            raise JaxvizError(f"{type(settings).__name__}({name}={value}): give {bound} or more")


def above(settings: Any, bound: int | float, *names: str) -> None:
    """Refuses fields that are not above a bound or not finite.

    Raises:
      JaxvizError: names the setting, its value and the bound.
    """
    for name, value in _plain(settings, names):
        if not bound < value < math.inf:
            raise JaxvizError(f"{type(settings).__name__}({name}={value}): give more than {bound}")


def in_order(settings: Any, low: str, high: str) -> None:
    """Refuses a range whose end is below its start.

    Raises:
      JaxvizError: names both.
    """
    plain = dict(_plain(settings, (low, high)))
    if len(plain) == 2 and plain[low] > plain[high]:
        raise JaxvizError(f"{type(settings).__name__}({low}={plain[low]}, {high}={plain[high]}): {low} is above {high}")


def whole(settings: Any, bound: int, *names: str) -> None:
    """Refuses fields that are not integers from a bound on; they determine shapes, so they cannot be schedules.

    Raises:
      JaxvizError: names the setting, its value and the bound.
    """
    for name in names:
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < bound:
            raise JaxvizError(f"{type(settings).__name__}({name}={value}): give a whole number, {bound} or more")


def _plain(settings: Any, names: tuple[str, ...]) -> list[tuple[str, int | float]]:
    values = [(name, getattr(settings, name)) for name in names]
    return [(name, value) for name, value in values if isinstance(value, int | float)]
