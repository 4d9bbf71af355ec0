"""Recipes: frozen values that name how an image is climbed, and the published ones by name."""

import dataclasses

import optax

from jaxviz import optimizers
from jaxviz.deferral import Deferred, deferred
from jaxviz.errors import JaxvizError
from jaxviz.parameterizations import Parameterization, Pixels, RangePixels

__all__ = ["PRESETS", "Recipe", "find"]

_MOST_STEPS = 1 << 30  # they are counted in 32 bits


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How an image is climbed: one value that names every choice.

    Attributes:
      name: what it is called in figures and results.
      parameterization: how the image is held, and how it starts.
      optimizer: an optax optimizer that *descends* as all of optax does; the ascent hands it the gradient of minus the
        score. Deferred, so that equal recipes compile once: ``deferred(optax.adam, 0.05)``.
      steps: how many steps are made.
    """

    name: str
    parameterization: Parameterization
    optimizer: Deferred[optax.GradientTransformation]
    steps: int

    def __post_init__(self):
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or not 1 <= self.steps < _MOST_STEPS:
            raise JaxvizError(f"steps of {self.steps}: give 1 or more, a whole number below {_MOST_STEPS:,}")

    def replace(self, **changes) -> "Recipe":
        """Returns a copy with other values, such as ``steps=512``."""
        return dataclasses.replace(self, **changes)


PRESETS = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="jaxviz",
            parameterization=RangePixels(),
            optimizer=deferred(optax.adam, 0.05),
            steps=256,
        ),
        # Robinson 2018, after Chollet's Keras blog of 2016: see optimizers.py.
        Recipe(
            name="seed",
            parameterization=Pixels(low=0.0, high=255.0),
            optimizer=deferred(optimizers.normalized_ascent, deferred(optax.constant_schedule, 1.0)),
            steps=256,
        ),
        Recipe(
            name="seed-digits",
            parameterization=Pixels(low=0.0, high=0.0),
            optimizer=deferred(optimizers.normalized_ascent, optimizers.vary_step),
            steps=4096,
        ),
    )
}


def find(recipe: "str | Recipe") -> Recipe:
    """Returns a recipe by its name; a recipe is returned as it is.

    Raises:
      JaxvizError: there is no such preset; the message lists those there are.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, str) or recipe not in PRESETS:
        raise JaxvizError(f"unknown recipe {recipe!r}; there are {', '.join(PRESETS)}")
    return PRESETS[recipe]
