"""Recipe: an immutable value with all settings of an optimization."""

import dataclasses

import optax

from jaxviz.parameterizations import Parameterization
from jaxviz.penalties import Penalty
from jaxviz.transforms import Transform
from jaxviz.values.deferral import Deferred, Steps
from jaxviz.values.displays import Displayed
from jaxviz.values.errors import JaxvizError

__all__ = ["TARGETS", "UNITS", "Recipe", "Rest"]

TARGETS = ("activation", "preactivation")
"""What a recipe may climb."""

UNITS = ("range", "pixels")
"""What its transforms and penalties may count in."""

_MOST = 1 << 30  # they are counted in 32 bits


@dataclasses.dataclass(frozen=True)
class Rest:
    """When an ascent rests: its best score has not been beaten for a while.

    Attributes:
      patience: steps without a better score after which an image stays as it is.
      tolerance: by what share of itself a score must be beaten to count.
    """

    patience: int = 64
    tolerance: float = 1e-3

    def __post_init__(self):
        if self.patience < 1 or self.tolerance < 0:
            raise JaxvizError(f"{self}: give a patience of 1 or more and a tolerance of 0 or more")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(Displayed):
    """How an image is climbed: one value that names every choice.

    Numbers of transforms and penalties that change over the steps are optax schedules, deferred:
    ``Noise(deferred(optax.linear_schedule, 0.1, 0.0, Steps()))``, where ``Steps()`` stands for as many as are made.

    Attributes:
      name: what it is called in figures and results.
      parameterization: how the image is held, and how it starts.
      optimizer: an optax optimizer that *descends* as all of optax does; the ascent hands it the gradient of minus the
        score. Deferred, so that equal recipes compile once: ``deferred(optax.adam, 0.05)``.
      steps: how many steps are made.
      transforms: what the network sees instead of the image, drawn anew at each step, one after the other.
      views: how many such views are drawn each step; the score is their mean.
      penalties: what is subtracted from the score.
      units: what transforms and penalties count in: ``"range"``, the canvas from 0 to 1 whatever its own range is,
        or ``"pixels"``, the values of the image as they are.
      target: ``"activation"``, or ``"preactivation"``: what goes into a layer's activation function is climbed instead
        of what comes out, where a layer has one. A unit that is off has a gradient there.
      redirect_steps: for how many first steps the gradient is redirected through relus that are dead as a whole;
        ``Steps()`` for all.
      restarts: how many ascents each unit has, from starts of their own; the best is kept.
      rest: when to stop before all steps are made; None to make them all.
    """

    name: str
    parameterization: Parameterization
    optimizer: Deferred[optax.GradientTransformation]
    steps: int
    transforms: tuple[Transform, ...] = ()
    views: int = 1
    penalties: tuple[Penalty, ...] = ()
    units: str = "range"
    target: str = "activation"
    redirect_steps: int | Steps = 0
    restarts: int = 1
    rest: Rest | None = None

    def __post_init__(self):
        for name, least in (("steps", 1), ("views", 1), ("restarts", 1), ("redirect_steps", 0)):
            value = getattr(self, name)
            if isinstance(value, Steps) and name == "redirect_steps":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value < _MOST:
                raise JaxvizError(f"{name} of {value}: give {least} or more, a whole number below {_MOST:,}")
        for name, choices in (("target", TARGETS), ("units", UNITS)):
            if getattr(self, name) not in choices:
                raise JaxvizError(f"unknown {name} {getattr(self, name)!r}; there are {', '.join(choices)}")
        if not isinstance(self.optimizer, Deferred):
            raise JaxvizError(f"optimizer {self.optimizer!r}: give a deferred one, such as deferred(optax.adam, 0.05)")
        for name in ("transforms", "penalties"):
            if not isinstance(getattr(self, name), tuple | list):
                raise JaxvizError(f"{name} {getattr(self, name)!r}: give several of them, ({getattr(self, name)!r},)")
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def redirected(self) -> int:
        """For how many first steps the gradient is redirected."""
        return self.redirect_steps.of(self.steps) if isinstance(self.redirect_steps, Steps) else self.redirect_steps

    @property
    def changes_the_score(self) -> bool:
        """True where what is climbed is not the objective of the image as it is."""
        return bool(self.transforms) or self.views > 1 or self.target != "activation"

    def replace(self, **changes) -> "Recipe":
        """Returns a copy with other values, such as ``steps=512``."""
        return dataclasses.replace(self, **changes)
