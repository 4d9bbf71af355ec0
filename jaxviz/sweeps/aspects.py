"""Aspects: a layer and a kind of picture of its units -> an objective."""

import numpy as np
from jaxtyping import Float

from jaxviz import objectives
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.sweeps.selection import with_positions
from jaxviz.values.errors import JaxvizError

__all__ = ["is_of_classes", "objective_of", "units_of"]

# What likeness costs, of what the unit reached alone. Four images of each of 16 filters of conv2d_3, after 64 steps:
# they excite the filter to 0.92 of that (median), and their mean correlation is 0.12; at 0.5 to 0.78, and it is 0.09.
_LIKENESS = 0.25


def is_of_classes(model: Model, layer: str) -> bool:
    """Tells whether a layer is the softmax or sigmoid that the network ends in, whose units are classes."""
    return layer == model.output != model.logits and len(model.layer(layer).output_shape) == 1


def units_of(model: Model, layer: str, units: np.ndarray | None = None) -> Objective:
    """Returns the objective of units of a layer: the mean of a channel, or the log-odds of a class."""
    if is_of_classes(model, layer):
        return objectives.class_log_odds(units).resolve(model)
    return objectives.channel(layer, units).resolve(model)


def objective_of(
    model: Model, layer: str, aspect: str, *, diversity: int, reached: Float[np.ndarray, " units"] | None
) -> Objective:
    """Returns the objective of an aspect of all units of a layer.

    What silences a unit is asked of what goes into its activation function, where there is one: after a relu, all
    images that silence it are equally good. Images that differ pay for likeness with a share of what the unit reached
    alone, so that they differ as much in every network.

    Args:
      model: the network.
      layer: the layer's name.
      aspect: one of `ASPECTS`.
      diversity: how many images differ.
      reached: what each unit's own image reached; for diversity.
    """
    positive = units_of(model, layer)
    if aspect == "positive":
        return positive
    if aspect == "negative":
        return (-positive).before_activation(model).resolve(model)
    by = with_positions(model.layers, layer)
    if by is None or reached is None:
        raise JaxvizError(f"images of {layer!r} cannot be told apart: no layer before it has positions")
    scale = np.where(np.isfinite(reached), np.maximum(np.abs(reached), 1e-6), 1.0)
    weights = (_LIKENESS * scale).astype(np.float32)
    return (positive + weights * objectives.diversity(by, group=diversity)).resolve(model)
