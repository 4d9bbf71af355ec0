"""Defaults: a model -> the recipe that suits its images."""

from jaxviz.networks.layer import Canvas
from jaxviz.networks.model import Model
from jaxviz.recipes.presets import PRESETS
from jaxviz.recipes.recipe import Recipe

__all__ = ["default_for"]

_SMALL = 64  # pixels; images with a shorter side are too small for the views of `photographs`


def default_for(model: Model, *, quick: bool = False) -> Recipe:
    """Returns the recipe that is used if none is named.

    `photographs` for images of 64 pixels or more on each side, `signals` for those of them that do not have two spatial
    axes, and `jaxviz` for all smaller ones. `docs/recipes.md` has the measurements.

    Args:
      model: the network.
      quick: whether the recipe is for a whole network; it then makes half the steps.

    Example:
      >>> import jaxviz
      >>> default_for(jaxviz.default_model()).name, default_for(jaxviz.default_model(), quick=True).name
      ('jaxviz', 'quick')
    """
    name = _name(model.canvas)
    return PRESETS[_QUICK[name] if quick else name]


_QUICK = {"jaxviz": "quick", "photographs": "photographs-quick", "signals": "signals-quick"}


def _name(canvas: Canvas) -> str:
    axis = canvas.channel_axis % len(canvas.shape)
    spatial = canvas.shape[:axis] + canvas.shape[axis + 1 :]
    if not spatial or min(spatial) < _SMALL:
        return "jaxviz"
    return "photographs" if len(spatial) == 2 else "signals"
