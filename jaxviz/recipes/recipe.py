"""Recipe: an immutable value with all settings of an optimization."""

import dataclasses
from collections.abc import Hashable

import optax

from jaxviz.parameterizations import Parameterization
from jaxviz.penalties import Penalty
from jaxviz.transforms import Chain, Sometimes, Transform
from jaxviz.values.deferral import Deferred, Steps
from jaxviz.values.displays import Displayed
from jaxviz.values.errors import JaxvizError
from jaxviz.values.own_functions import name_of, takes

__all__ = ["REDIRECTS", "TARGETS", "UNITS", "Recipe", "Rest"]

TARGETS = ("activation", "preactivation")
"""What a recipe may maximize."""

UNITS = ("range", "pixels")
"""What its transforms and penalties may count in."""

REDIRECTS = ("all", "nearest")
"""Through which units of a dead relu its gradient may pass."""

_METHODS = {
    "init": "key, canvas",
    "render": "parameters, canvas",
    "invert": "image, canvas",
    "project": "parameters, canvas",
}

_MOST = 1 << 30  # they are counted in 32 bits


@dataclasses.dataclass(frozen=True)
class Rest:
    """When the ascent of an image stops: its best score has not improved for a number of steps.

    Attributes:
      patience: the number of steps without improvement after which the image is kept.
      tolerance: the relative increase of the score that counts as an improvement.
    """

    patience: int = 64
    tolerance: float = 1e-3

    def __post_init__(self):
        if self.patience < 1 or self.tolerance < 0:
            raise JaxvizError(f"{self}: give a patience of 1 or more and a tolerance of 0 or more")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(Displayed):
    """All settings of an optimization, as one value.

    Numbers of transforms and penalties that change over the steps are optax schedules, deferred:
    ``Noise(deferred(optax.linear_schedule, 0.1, 0.0, Steps()))``, where ``Steps()`` is the number of steps.

    Attributes:
      name: its name in figures and results.
      parameterization: how the image is represented, and how it starts.
      optimizer: an optax optimizer, which *descends*; the ascent gives it the gradient of minus the score. Deferred, so
        that equal recipes compile once: ``deferred(optax.adam, 0.05)``.
      steps: the number of steps.
      transforms: random changes of the image before the network sees it, drawn at each step and applied in order.
      views: the number of transformed images at each step; the score is their mean.
      penalties: numbers that are subtracted from the score.
      units: the scale of transforms and penalties: ``"range"``, where the canvas goes from 0 to 1 whatever its own
        range is, or ``"pixels"``, the values of the image.
      target: ``"activation"``, or ``"preactivation"`` to maximize the input of a layer's activation function instead of
        its output, if the layer has one. The input has a gradient even if the unit is off.
      redirect_steps: the number of first steps in which the gradient also passes through dead relus; ``Steps()`` for
        all steps.
      redirect: through which of a dead relu's units it passes: ``"all"`` that would come closer to being active, as
        lucid does, or ``"nearest"``, the closest one.
      restarts: the number of ascents of each unit, each from its own start; the best is kept.
      rest: when an ascent stops before its last step; None to make all steps.
      contents: what functions of your own in it read, which is compiled with them; `jaxviz.recipes.find` notes it.
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
    redirect: str = "all"
    restarts: int = 1
    rest: Rest | None = None
    contents: tuple[Hashable, ...] = dataclasses.field(default=(), repr=False)

    def __post_init__(self):
        for name, least in (("steps", 1), ("views", 1), ("restarts", 1), ("redirect_steps", 0)):
            value = getattr(self, name)
            if isinstance(value, Steps) and name == "redirect_steps":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value < _MOST:
                raise JaxvizError(f"{name} of {value}: give {least} or more, a whole number below {_MOST:,}")
        for name, choices in (("target", TARGETS), ("units", UNITS), ("redirect", REDIRECTS)):
            if getattr(self, name) not in choices:
                raise JaxvizError(f"unknown {name} {getattr(self, name)!r}; there are {', '.join(choices)}")
        if not isinstance(self.optimizer, Deferred):
            raise JaxvizError(f"optimizer {self.optimizer!r}: give a deferred one, such as deferred(optax.adam, 0.05)")
        for name in ("transforms", "penalties"):
            if not isinstance(getattr(self, name), tuple | list):
                raise JaxvizError(f"{name} {getattr(self, name)!r}: give several of them, ({getattr(self, name)!r},)")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        _check_parameterization(self.parameterization)
        for transform in self.transforms:
            _check_function("transform", transform, "a key", "an image")
        for penalty in self.penalties:
            _check_function("penalty", penalty, "an image")

    @property
    def redirected(self) -> int:
        """The number of first steps in which the gradient is redirected."""
        return self.redirect_steps.of(self.steps) if isinstance(self.redirect_steps, Steps) else self.redirect_steps

    def replace(self, **changes) -> "Recipe":
        """Returns a copy with other values, such as ``steps=512``."""
        return dataclasses.replace(self, **changes)


def _check_parameterization(one: object) -> None:
    _check_value("parameterization", one)
    unfit = [method for method, given in _METHODS.items() if not takes(getattr(one, method, None), 2)]
    if len(unfit) == len(_METHODS):
        raise JaxvizError(f"parameterization {one!r}: give one, such as jaxviz.parameterizations.Fourier()")
    if unfit:
        needed = ", ".join(f"{method}({given})" for method, given in _METHODS.items() if method in unfit)
        free = "; jaxviz.parameterizations.Free has one that changes nothing" if unfit == ["project"] else ""
        raise JaxvizError(f"parameterization {name_of(one)} has no method {needed}{free}")


def _check_function(kind: str, one: object, *given: str) -> None:
    if isinstance(one, Deferred):
        return
    _check_value(kind, one)
    if not takes(one, len(given)):
        shown = name_of(one) if callable(one) else repr(one)
        raise JaxvizError(f"{kind} {shown}: give a function of {' and '.join(given)}")
    inner = one.transforms if isinstance(one, Chain) else (one.transform,) if isinstance(one, Sometimes) else ()
    for each in inner:
        _check_function(kind, each, *given)


def _check_value(kind: str, one: object) -> None:
    """Refuses a class, and what has no hash: recipes are compared, so that equal ones compile once."""
    if isinstance(one, type):
        raise JaxvizError(f"{kind} {one.__name__} is a class; give an instance of it, {one.__name__}(…)")
    try:
        hash(one)
    except TypeError as error:
        raise JaxvizError(
            f"{kind} {name_of(one)} has no hash ({error}); make it a frozen dataclass of values that have one"
        ) from error
