"""Analysis: a model and arrays -> how its units work together.

Each function returns a small frozen result of NumPy arrays.

| asks | function |
| --- | --- |
| which units and positions of a layer an objective comes from | `attribution` |
| what each position of a layer sees in an image | `grid`, `grids` |
| which units are active together | `groups` |
| how one layer acts on a later one | `weights_between`, `weights_to`, `attribution_between` |
| which units an answer comes from, back through layers | `circuit`, `paths` |
| what a layer sees in many images | `atlas` |
| how a unit changes in training | `history`, `correspondences` |
"""

from jaxviz.analysis.atlas import atlas
from jaxviz.analysis.attribution import Attribution, attribution
from jaxviz.analysis.circuits import Circuit, circuit
from jaxviz.analysis.extents import extent_of
from jaxviz.analysis.grids import Grid, grid, grids
from jaxviz.analysis.groups import Groups, groups
from jaxviz.analysis.levels import Level
from jaxviz.analysis.maps import Atlas
from jaxviz.analysis.paths import Path, paths
from jaxviz.analysis.training import Correspondences, History, correspondences, history
from jaxviz.analysis.weights import WeightsBetween, attribution_between, weights_between, weights_to
from jaxviz.reports.photographs import Photographs

__all__ = [
    "Atlas",
    "Attribution",
    "Circuit",
    "Correspondences",
    "Grid",
    "Groups",
    "History",
    "Level",
    "Path",
    "Photographs",
    "WeightsBetween",
    "atlas",
    "attribution",
    "attribution_between",
    "circuit",
    "correspondences",
    "extent_of",
    "grid",
    "grids",
    "groups",
    "history",
    "paths",
    "weights_between",
    "weights_to",
]
