"""Sweeps: model + recipe -> a directory with pictures and numbers of every unit of a network."""

from jaxviz.sweeps.results import RealImages, Sweep, SweptLayer
from jaxviz.sweeps.sweeping import SweepProgress, sweep

__all__ = ["RealImages", "Sweep", "SweepProgress", "SweptLayer", "sweep"]
