"""Sweeps: model + recipe -> a directory with pictures and numbers of every unit of a network."""

from jaxviz.sweeps.exciting import RealImages
from jaxviz.sweeps.results import Sweep
from jaxviz.sweeps.runs import SweepProgress
from jaxviz.sweeps.sweeping import sweep
from jaxviz.sweeps.swept_layers import SweptLayer

__all__ = ["RealImages", "Sweep", "SweepProgress", "SweptLayer", "sweep"]
