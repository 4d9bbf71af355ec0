"""Sweeps: model + recipe -> a directory with pictures and numbers of every unit of a network."""

from jaxviz.sweeps.results import RealImages, Sweep, SweptLayer
from jaxviz.sweeps.runs import SweepProgress
from jaxviz.sweeps.sweeping import sweep

__all__ = ["RealImages", "Sweep", "SweepProgress", "SweptLayer", "sweep"]
