"""Analysis: a model and arrays -> how its units work together.

Each function returns a small frozen result of NumPy arrays.

| asks | function |
| --- | --- |
| which units and positions of a layer an objective comes from | `attribution` |
| what each position of a layer sees in an image | `grid` |
| which units are active together | `groups` |
| how one layer acts on a later one | `weights_between`, `attribution_between`, `paths` |
| what a layer sees in many images | `atlas` |
| how a unit changes in training | `history`, `correspondences` |
"""

from jaxviz.analysis.atlas import atlas
from jaxviz.analysis.attribution import Attribution, attribution
from jaxviz.analysis.circuits import Path, WeightsBetween, attribution_between, paths, weights_between
from jaxviz.analysis.grids import Grid, grid
from jaxviz.analysis.groups import Groups, groups
from jaxviz.analysis.levels import Level
from jaxviz.analysis.maps import Atlas
from jaxviz.analysis.photographs import Photographs
from jaxviz.analysis.training import Correspondences, History, correspondences, history

__all__ = [
    "Atlas",
    "Attribution",
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
    "correspondences",
    "grid",
    "groups",
    "history",
    "paths",
    "weights_between",
]
