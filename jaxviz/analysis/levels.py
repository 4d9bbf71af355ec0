"""Levels: places of activations in the plane -> a grid of cells, and all that an atlas says of each cell."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from jaxviz.analysis.rows import Rows
from jaxviz.pictures.images import channels_last, grey_or_colour, rendering
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization

__all__ = ["Cells", "Level", "binned", "level_of"]

_UNITS = 8  # of the strongest that are named
_CLASSES = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cells:
    """The cells of a square grid that hold enough activations, row by row.

    Attributes:
      side: cells along each side of the grid.
      places: row and column of each cell, ``[cells, 2]``.
      counts: how many activations are in each, ``[cells]``.
      vectors: their mean, ``[cells, channels]``.
      members: the most typical activations of each cell, each of another image, by their numbers; -1 where there are
        no more, ``[cells, members]``.
    """

    side: int
    places: Int[np.ndarray, "cells 2"]
    counts: Int[np.ndarray, " cells"]
    vectors: Float[np.ndarray, "cells channels"]
    members: Int[np.ndarray, "cells members"]

    def __len__(self) -> int:
        return len(self.counts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Level:
    """One zoom level of an atlas: a square grid of cells, of which those with too few activations are left out.

    Attributes:
      side: cells along each side of the grid.
      places: row and column of each cell, ``[cells, 2]``.
      counts: how many activations are in each: its density, ``[cells]``.
      vectors: their mean, ``[cells, channels]``.
      units: the units that are strongest in the mean, in deviations from their means over all cells, the strongest
        first, ``[cells, strongest]``.
      classes: the classes whose logits the cell's mean raises most, in the place of the mean of all activations, the
        most first, ``[cells, classes]``; of no class where the network has no logits.
      shares: by how much, in units of the logits, ``[cells, classes]``.
      patches: the most typical activations of each cell, as rows of the atlas's ``patches``; -1 where there are no
        more, ``[cells, members]``.
      pictures: of each cell the picture that points in its direction, ``[cells, height, width, shown]``, 0 to 255.
      finished: whether its picture is finished; all are, unless the atlas was stopped, ``[cells]``.
    """

    side: int
    places: Int[np.ndarray, "cells 2"]
    counts: Int[np.ndarray, " cells"]
    vectors: Float[np.ndarray, "cells channels"]
    units: Int[np.ndarray, "cells strongest"]
    classes: Int[np.ndarray, "cells classes"]
    shares: Float[np.ndarray, "cells classes"]
    patches: Int[np.ndarray, "cells members"]
    pictures: UInt8[np.ndarray, "cells height width shown"]
    finished: Bool[np.ndarray, " cells"]

    def __len__(self) -> int:
        return len(self.counts)

    def with_pictures(self, made: Visualization, labels: Sequence[str]) -> "Level":
        """Returns a copy with the pictures that are finished; ``labels`` are those of all cells."""
        rows = {label: row for row, label in enumerate(labels)}
        which = np.array([rows[label] for label in made.labels], np.int64)
        canvas = made.canvas
        if not len(which):
            return self
        # Each is rendered alone, so that it does not depend on the others; what is no number becomes the lowest value.
        known = np.nan_to_num(channels_last(made.images, canvas.channel_axis), nan=canvas.low)
        tiles = [grey_or_colour(rendering(image, canvas.low, canvas.high)(image)) for image in known]
        pictures, finished = np.zeros((len(self), *tiles[0].shape), np.uint8), np.zeros(len(self), bool)
        pictures[which], finished[which] = tiles, True
        return dataclasses.replace(self, pictures=pictures, finished=finished)

    def mosaic(self, ground: int = 255) -> UInt8[np.ndarray, "rows columns channels"]:
        """Returns all pictures, each at its place, on a ground from 0 (black) to 255 (white)."""
        _, height, width, channels = self.pictures.shape
        sheet = np.full((self.side, height, self.side, width, channels), ground, np.uint8)
        for (row, column), picture in zip(self.places[self.finished], self.pictures[self.finished], strict=True):
            sheet[row, :, column] = picture
        return sheet.reshape(self.side * height, self.side * width, channels)


def binned(
    places: Float[np.ndarray, "points 2"],
    vectors: Rows,
    features: Float[np.ndarray, "points features"],
    images: Int[np.ndarray, " points"],
    *,
    side: int,
    fewest: int,
    members: int,
) -> Cells:
    """Bins points by their places into the cells of a grid.

    Args:
      places: of the points, from 0 to 1; the first number is across, the second down.
      vectors: their activations, a row of channels for each.
      features: what tells how typical a point is of its cell: by the cosine with the mean of the cell.
      images: the image of each point.
      side: cells along each side.
      fewest: a cell with fewer points is left out.
      members: how many typical points of each cell are kept, at most.

    Raises:
      JaxvizError: no cell has enough points.
    """
    columns, rows = np.minimum((places * side).astype(np.int64), side - 1).T
    numbers = rows * side + columns
    order = np.argsort(numbers, kind="stable")
    found, first, counts = np.unique(numbers[order], return_index=True, return_counts=True)
    enough = counts >= fewest
    if not enough.any():
        raise JaxvizError(
            f"no cell of a grid of {side} x {side} has {fewest} of the {len(places)} activations; give more images or "
            "positions, or a smaller grid"
        )
    groups = [order[begin : begin + count] for begin, count in zip(first[enough], counts[enough], strict=True)]
    cells = np.full(side * side, -1)
    cells[found[enough]] = np.arange(len(groups))
    return Cells(
        side=side,
        places=np.stack([found[enough] // side, found[enough] % side], axis=1),
        counts=counts[enough],
        vectors=vectors.means(cells[numbers], len(groups)),
        members=np.stack([_typical(group, features, images, members) for group in groups]),
    )


def _typical(
    group: Int[np.ndarray, " some"], features: Float[np.ndarray, "points features"], images: np.ndarray, count: int
) -> Int[np.ndarray, " count"]:
    """Returns the points of a group nearest to its mean in direction, one of an image; -1 where there are no more."""
    of_group = features[group]
    lengths = np.maximum(np.linalg.norm(of_group, axis=1), np.finfo(np.float32).tiny)
    order = group[np.argsort(-(of_group @ of_group.mean(axis=0)) / lengths, kind="stable")]
    _, first = np.unique(images[order], return_index=True)  # the best of each image
    best = order[np.sort(first)][:count]
    return np.pad(best, (0, count - len(best)), constant_values=-1)


def level_of(
    cells: Cells,
    points: Int[np.ndarray, " patches"],
    effects: Float[np.ndarray, "cells classes"] | None,
    *,
    patches: int,
) -> Level:
    """Returns the level of some cells, without pictures.

    Args:
      cells: the cells.
      points: the points of which there are patches, in order.
      effects: by how much each cell raises each logit; None without logits.
      patches: how many members of each cell have patches, at most.
    """
    shown = cells.members[:, :patches]
    deviations = (cells.vectors - cells.vectors.mean(axis=0)) / np.maximum(cells.vectors.std(axis=0), 1e-6)
    classes, shares = np.zeros((len(cells), 0), np.int64), np.zeros((len(cells), 0), np.float32)
    if effects is not None:
        classes = np.argsort(-effects, axis=1, kind="stable")[:, :_CLASSES]
        shares = np.take_along_axis(effects, classes, axis=1)
    return Level(
        side=cells.side,
        places=cells.places,
        counts=cells.counts,
        vectors=cells.vectors,
        units=np.argsort(-deviations, axis=1, kind="stable")[:, :_UNITS],
        classes=classes,
        shares=shares,
        patches=np.where(shown < 0, -1, np.searchsorted(points, shown)),
        pictures=np.zeros((len(cells), 0, 0, 1), np.uint8),
        finished=np.zeros(len(cells), bool),
    )
