"""Reports: numbers beside the pictures, and how well pictures explain their units."""

from jaxviz.reports.explanations import Interpretability, interpretability
from jaxviz.reports.observers import Observer

__all__ = ["Interpretability", "Observer", "interpretability"]
