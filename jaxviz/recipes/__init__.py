"""Recipes: immutable values with all settings of an optimization, and the published ones by name."""

from jaxviz.recipes.defaults import default_for
from jaxviz.recipes.presets import PRESETS, find
from jaxviz.recipes.recipe import REDIRECTS, TARGETS, UNITS, Recipe, Rest

__all__ = ["PRESETS", "REDIRECTS", "TARGETS", "UNITS", "Recipe", "Rest", "default_for", "find"]
