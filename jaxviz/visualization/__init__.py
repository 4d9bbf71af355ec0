"""Visualization: the function `visualize`, and its result."""

from jaxviz.visualization.entry import visualize
from jaxviz.visualization.result import Visualization, assembled

__all__ = ["Visualization", "assembled", "visualize"]
