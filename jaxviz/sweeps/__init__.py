"""Sweeps: model + recipe -> a directory with pictures and numbers of every unit of a network."""

from jaxviz.sweeps.exciting import RealImages
from jaxviz.sweeps.relating import relate
from jaxviz.sweeps.relations import Film, NeighbourWeights, Relations, ShownGroups
from jaxviz.sweeps.results import Sweep
from jaxviz.sweeps.runs import SweepProgress
from jaxviz.sweeps.sweeping import sweep
from jaxviz.sweeps.swept_layers import SweptLayer

__all__ = [
    "Film",
    "NeighbourWeights",
    "RealImages",
    "Relations",
    "ShownGroups",
    "Sweep",
    "SweepProgress",
    "SweptLayer",
    "relate",
    "sweep",
]
