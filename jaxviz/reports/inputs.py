"""Inputs: what a measurement is given -> the same, checked against the model and the visualization."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Array, Float

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.objectives.expressions import objective_of
from jaxviz.values.errors import JaxvizError
from jaxviz.values.own_functions import briefly
from jaxviz.visualization import Visualization

__all__ = ["real_of", "resolved_for"]


def real_of(images: Float[Array | np.ndarray, "images ..."], model: Model) -> Float[np.ndarray, "images ..."]:
    """Returns real images as float32.

    Raises:
      JaxvizError: there are none, or they are not of the model's canvas.
    """
    real = np.asarray(images, np.float32)
    if real.shape[1:] != model.canvas.shape or not len(real):
        raise JaxvizError(
            f"real images of shape {real.shape}: this model takes [images, {', '.join(map(str, model.canvas.shape))}]"
        )
    return real


def resolved_for(
    objective: Objective | Callable[[Activations], Float[Array, ""]] | str, model: Model, visualization: Visualization
) -> Objective:
    """Returns the objective that a visualization was made for, resolved.

    Raises:
      JaxvizError: it is another one, or the visualization is of another model.
    """
    with briefly():
        resolved = objective_of(objective).resolve(model)
    labels = tuple(label for label in resolved.labels() for _ in range(resolved.group))
    made = visualization.labels
    if resolved.group > 1:
        made = tuple(label.rpartition("#")[0] for label in made)
    if len(labels) != len(made):
        raise JaxvizError(
            f"an objective of {len(labels)} images for a visualization of {len(made)}; give the one it shows"
        )
    for place, (asked, shown) in enumerate(zip(labels, made, strict=True)):
        if asked != shown:
            raise JaxvizError(
                f"image {place} of the visualization shows {shown}, and the objective is {asked}; give its own"
            )
    if visualization.canvas.shape != model.canvas.shape:
        raise JaxvizError(
            f"a visualization of images {visualization.canvas.shape} for a model of images {model.canvas.shape}; "
            "give the model that it was made for"
        )
    return resolved
