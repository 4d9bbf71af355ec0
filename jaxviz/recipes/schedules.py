"""Schedules: a setting whose numbers change over the steps -> the setting at one step."""

import dataclasses
from typing import Any

from jaxtyping import Array, Num

from jaxviz.values.deferral import Deferred

__all__ = ["at_step"]


def at_step(setting: Any, step: Num[Array, ""] | int, steps: int) -> Any:
    """Returns a transform or penalty with its schedules replaced by their values at a step.

    A field with a deferred optax schedule changes over the steps; so do the fields of settings inside a chain.

    Args:
      setting: a frozen dataclass; anything else, such as a user's function, is returned unchanged.
      step: steps made before this one.
      steps: the number of all steps.

    Example:
      >>> import optax
      >>> from jaxviz.values.deferral import Steps, deferred
      >>> @dataclasses.dataclass(frozen=True)
      ... class Noise:
      ...     deviation: object
      >>> print(at_step(Noise(deferred(optax.linear_schedule, 1.0, 0.0, Steps())), 4, 10).deviation)
      0.6
    """
    if isinstance(setting, Deferred):
        return setting.build(steps)(step)
    if isinstance(setting, tuple):
        now = tuple(at_step(one, step, steps) for one in setting)
        return now if any(new is not old for new, old in zip(now, setting, strict=True)) else setting
    if not dataclasses.is_dataclass(setting) or isinstance(setting, type):
        return setting
    before = {field.name: getattr(setting, field.name) for field in dataclasses.fields(setting)}
    changes = {name: new for name, old in before.items() if (new := at_step(old, step, steps)) is not old}
    return dataclasses.replace(setting, **changes) if changes else setting
