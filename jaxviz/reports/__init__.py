"""Reports: numbers beside the pictures, and how well pictures explain their units."""

from jaxviz.reports.explanations import Interpretability, interpretability
from jaxviz.reports.observers import Observer
from jaxviz.reports.report import Report
from jaxviz.reports.reporting import report

__all__ = ["Interpretability", "Observer", "Report", "interpretability", "report"]
