"""Objectives: one image's activations -> a scalar to be maximized.

An objective is a pytree: layer names are static, numbers are leaves. A batch of objectives is an objective whose leaves
have a leading axis, so that one compiled program serves every filter. Objectives add, subtract and multiply exactly:
``-channel("conv2d_3", 7)`` minimizes a filter, ``channel("conv2d_3", 7) - 0.5 * channel("conv2d_4", 3)`` activates one
filter and not another, and ``sum(…)`` of thousands of terms compiles as fast as one term.

| what is maximized | objectives |
| --- | --- |
| units | `neuron`, `channel`, `local_group`, `class_logit`, `class_probability`, `class_log_odds` |
| layers | `layer_mean`, `deepdream`, `weighted_channels` |
| directions | `direction`, `tensor_direction` |
| given images | `inversion`, `caricature`, `accentuation`, `activation_difference`, `matched` |
| several images that are optimized together | `diversity`, `alignment`, `interpolation` |
| anything | `function`, `pairs` of two batches, and ``objective.before_activation(model)`` |
"""

from jaxviz.objectives.arguments import Indices
from jaxviz.objectives.base import Objective
from jaxviz.objectives.classes import class_log_odds, class_logit, class_probability
from jaxviz.objectives.crossing import pairs
from jaxviz.objectives.directions import direction, tensor_direction
from jaxviz.objectives.functions import function
from jaxviz.objectives.groups import alignment, diversity, interpolation
from jaxviz.objectives.keys import fold_key
from jaxviz.objectives.layers import deepdream, layer_mean, weighted_channels
from jaxviz.objectives.matching import matched
from jaxviz.objectives.references import accentuation, activation_difference, caricature, inversion
from jaxviz.objectives.units import channel, local_group, neuron

__all__ = [
    "Indices",
    "Objective",
    "accentuation",
    "activation_difference",
    "alignment",
    "caricature",
    "channel",
    "class_log_odds",
    "class_logit",
    "class_probability",
    "deepdream",
    "direction",
    "diversity",
    "fold_key",
    "function",
    "interpolation",
    "inversion",
    "layer_mean",
    "local_group",
    "matched",
    "neuron",
    "pairs",
    "tensor_direction",
    "weighted_channels",
]
