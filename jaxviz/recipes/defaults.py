"""Defaults: a model -> the recipe that suits its images."""

from jaxviz.networks.layer import Canvas
from jaxviz.networks.model import Model
from jaxviz.recipes.presets import PRESETS
from jaxviz.recipes.recipe import Recipe

__all__ = ["default_for"]

_SMALL = 64  # pixels; images with a shorter side are too small for the views of `photographs`
_SMALLEST = 16  # pixels; images with a shorter side are too small for those of `jaxviz`


def default_for(model: Model, *, quick: bool = False) -> Recipe:
    """Returns the recipe that is used if none is named.

    `photographs` for images of 64 pixels or more on each side, `signals` for those of them that do not have two spatial
    axes. Of smaller ones `jaxviz` for images of one channel with 16 pixels or more on each side, which are taken for
    drawings on a dark ground, as digits are; `plain` for all others. `docs/recipes.md` has the measurements.

    Args:
      model: the network.
      quick: whether the recipe is for a whole network; it then does half the work.

    Example:
      >>> import jaxviz
      >>> default_for(jaxviz.default_model()).name, default_for(jaxviz.default_model(), quick=True).name
      ('jaxviz', 'quick')
    """
    name = _name(model.canvas)
    return PRESETS[_QUICK.get(name, f"{name}-quick") if quick else name]


_QUICK = {"jaxviz": "quick"}


def _name(canvas: Canvas) -> str:
    axis = canvas.channel_axis % len(canvas.shape)
    spatial = canvas.shape[:axis] + canvas.shape[axis + 1 :]
    is_flat, least = len(spatial) == 2, min(spatial, default=0)
    if least >= _SMALL:
        return "photographs" if is_flat else "signals"
    return "jaxviz" if is_flat and canvas.shape[axis] == 1 and least >= _SMALLEST else "plain"
