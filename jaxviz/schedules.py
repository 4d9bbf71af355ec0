"""Schedules: a setting whose numbers change over the steps -> what it is at one step."""

import dataclasses
from typing import TypeVar

from jaxtyping import Array, Num

from jaxviz.deferral import Deferred

__all__ = ["at_step"]

Setting = TypeVar("Setting")


def at_step(setting: Setting, step: Num[Array, ""] | int, steps: int) -> Setting:
    """Returns a transform or penalty with its schedules replaced by their values at a step.

    A field that holds a deferred optax schedule changes over the steps; so do those of the settings inside a chain.

    Args:
      setting: a frozen dataclass.
      step: steps made before this one.
      steps: how many are made in all.

    Example:
      >>> import optax
      >>> from jaxviz.deferral import Steps, deferred
      >>> @dataclasses.dataclass(frozen=True)
      ... class Noise:
      ...     deviation: object
      >>> print(at_step(Noise(deferred(optax.linear_schedule, 1.0, 0.0, Steps())), 4, 10))
      Noise(deviation=0.6)
    """
    changes = {}
    for field in dataclasses.fields(setting):  # type: ignore[arg-type]  # a transform is a Protocol to the checker
        value = getattr(setting, field.name)
        if isinstance(value, Deferred):
            changes[field.name] = value.build(steps)(step)
        elif isinstance(value, tuple) and any(map(dataclasses.is_dataclass, value)):
            changes[field.name] = tuple(at_step(one, step, steps) for one in value)
        elif dataclasses.is_dataclass(value):
            changes[field.name] = at_step(value, step, steps)
    return dataclasses.replace(setting, **changes) if changes else setting  # type: ignore[type-var]
