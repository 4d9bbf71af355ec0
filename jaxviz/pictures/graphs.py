"""Graphs: pictures in columns, and the weights between those of two columns -> a matplotlib figure."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxviz.pictures.figures import Shown
from jaxviz.pictures.images import grey_or_colour, magnification

__all__ = ["graph"]

_ABOVE, _BELOW = "#ff8c1a", "#3399ff"
_SIDE, _GAP, _WAY = 112, 34, 150  # pixels of a picture, between two in a column, and between two columns
_TOP, _EDGE = 44, 16  # pixels above the columns, and around everything
_WIDEST = 14.0  # pixels of the line of the largest weight
_FAINTEST = 0.02  # of the largest weight; what is weaker is left out
_DOTS_PER_INCH = 100


def graph(
    columns: Sequence[UInt8[np.ndarray, "_ height width channels"]],
    weights: Sequence[Float[np.ndarray, "_ _"]],
    *,
    captions: Sequence[Sequence[str]],
    titles: Sequence[str],
) -> Figure:
    """Draws pictures in columns, and between two columns a line for each weight: orange above 0, blue below.

    The width of a line is the size of the weight, as a share of the largest between these two columns.

    Args:
      columns: the pictures of each column, from left to right.
      weights: between each column and the one to its right.
      captions: of the pictures of each column.
      titles: of the columns.
    """
    tallest = max(len(column) for column in columns)
    width = len(columns) * _SIDE + (len(columns) - 1) * _WAY + 2 * _EDGE
    height = tallest * (_SIDE + _GAP) + _TOP + _EDGE
    figure = Shown(figsize=(width / _DOTS_PER_INCH, height / _DOTS_PER_INCH), dpi=_DOTS_PER_INCH, facecolor="black")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    lefts = [_EDGE + place * (_SIDE + _WAY) for place in range(len(columns))]
    middles = [_middles(len(column), height) for column in columns]
    for place, between in enumerate(weights):
        _lines(axes, between, (lefts[place] + _SIDE, middles[place]), (lefts[place + 1], middles[place + 1]))
    for place, column in enumerate(columns):
        axes.text(lefts[place], 12, titles[place], color="white", fontsize=9, family="monospace", va="top")
        for picture, middle, caption in zip(grey_or_colour(column), middles[place], captions[place], strict=True):
            _picture(axes, picture, lefts[place], middle - _SIDE / 2)
            last = 0 < place == len(columns) - 1  # there a long name has room on its left only
            edge = lefts[place] + (_SIDE if last else 0)
            axes.text(
                edge,
                middle - _SIDE / 2 - 3,
                caption,
                ha="right" if last else "left",
                va="bottom",
                color="#c8c8c8",
                fontsize=8,
                family="monospace",
                zorder=3,
            )
    return figure


def _middles(count: int, height: int) -> Float[np.ndarray, " n"]:
    """Returns where the pictures of a column have their middles, from top to bottom."""
    step = _SIDE + _GAP
    return (_TOP + height - _EDGE) / 2 + _GAP / 4 + step * (np.arange(count) - (count - 1) / 2)


def _picture(axes: Axes, picture: UInt8[np.ndarray, "..."], left: int, top: float) -> None:
    sharp = magnification(*picture.shape[:2]) > 1
    axes.imshow(
        picture.squeeze(-1) if picture.shape[-1] == 1 else picture,
        cmap="gray",
        vmin=0,
        vmax=255,
        extent=(left, left + _SIDE, top + _SIDE, top),
        interpolation="nearest" if sharp else "antialiased",
        zorder=2,
        aspect="auto",
    )


def _lines(
    axes: Axes,
    weights: Float[np.ndarray, "right left"],
    start: tuple[int, np.ndarray],
    end: tuple[int, np.ndarray],
) -> None:
    largest = float(max(np.abs(weights).max(initial=0.0), np.finfo(np.float32).tiny))
    way = np.linspace(0, 1, 40)
    rise = way * way * (3 - 2 * way)  # level at both ends
    for right, left in np.ndindex(weights.shape):
        share = float(weights[right, left]) / largest
        if abs(share) < _FAINTEST:
            continue
        across = start[0] + (end[0] - start[0]) * way
        down = start[1][left] + (end[1][right] - start[1][left]) * rise
        points = _WIDEST * abs(share) * 72 / _DOTS_PER_INCH
        axes.plot(across, down, color=_ABOVE if share > 0 else _BELOW, lw=points, alpha=0.75, zorder=1)
