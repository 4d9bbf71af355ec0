"""Figures: arrays -> matplotlib figures."""

import io
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from jaxviz.pictures import images
from jaxviz.pictures.tiles import tiles, titled
from jaxviz.reports.findings import STATUSES
from jaxviz.reports.report import Report
from jaxviz.visualization import Visualization

__all__ = ["Shown", "collage", "report", "scores", "tiles_figure"]

_MARGIN = 2  # pixels of an image between two tiles
_CAPTION = 9  # more pixels above each row, for the captions
_DOTS_PER_INCH = 100
_HAIRLINE = "#6e6e6e"
_CROSSED = "#ff6b6b"
_LETTER = 9.5  # screen pixels of a title's letter

# Told apart by people who do not see red or green as well: Okabe and Ito 2008, https://jfly.uni-koeln.de/color
_STATUS_COLOURS = dict(zip(STATUSES, ("#0072b2", "#999999", "#d55e00", "#e69f00", "#cc79a7"), strict=True))
_MOST_NAMED = 64  # bars with a name below each


def collage(
    visualization: Visualization,
    *,
    title: str | None = None,
    render: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Figure:
    """Draws all images of a visualization as one sheet, with a caption over each.

    A dead image is replaced by a cross. An image that became NaN is crossed out, and the step is written over it.

    Args:
      visualization: the images.
      title: the sheet's title; by default the layers' names.
      render: maps one image to 0..255. By default, if all images are in the network's range, they are shown as they
        are; else their contrast is normalized.

    Example:
      >>> import jaxviz
      >>> some = jaxviz.visualize(jaxviz.default_model(), jaxviz.objectives.channel("conv2d_1", [3, 7]), steps=8)
      >>> figure = collage(some)  # figure.savefig("conv2d_1.png") writes it
      >>> [text.get_text() for text in figure.axes[0].texts]
      ['3', '7']
    """
    layer, captions = titled(visualization.labels)
    shown = tiles(visualization, render)
    return tiles_figure(
        shown, captions=captions, title=title or layer, dead=visualization.dead, nan_from=visualization.nan_from
    )


def tiles_figure(
    tiles: UInt8[np.ndarray, "n height width channels"],
    *,
    captions: Sequence[str],
    title: str,
    dead: Bool[np.ndarray, " n"] | None = None,
    nan_from: Int[np.ndarray, " n"] | None = None,
    blank: Bool[np.ndarray, " n"] | None = None,
    columns: int | None = None,
) -> Figure:
    """Draws tiles in a grid on black, with captions above them and a thin grey line around each.

    Args:
      tiles: images of 1 channel (grey) or 3 (colour) in 0..255; any other number is averaged to grey.
      captions: one for each tile.
      title: the sheet's title.
      dead: tiles that are crossed out instead of shown.
      nan_from: the step from which on the score of a tile is NaN, -1 for other tiles; the former are crossed out.
      blank: tiles that are left out, so that their captions stand alone.
      columns: the number of tiles in a row; when None, it follows from the number of tiles.
    """
    dead = np.zeros(len(tiles), bool) if dead is None else dead
    nan_from = np.full(len(tiles), -1) if nan_from is None else nan_from
    blank = np.zeros(len(tiles), bool) if blank is None else blank
    shown = images.grey_or_colour(tiles)
    count, height, width, _ = shown.shape
    rows, columns = images.grid_shape(count) if columns is None else (-(-count // columns), columns)
    scale = images.magnification(height, width)
    caption = -(-_CAPTION * 2 // scale)
    padded = np.pad(np.where((dead | blank)[:, None, None, None], 0, shown), ((0, 0), (caption, 0), (0, 0), (0, 0)))
    sheet = images.collage(padded.astype(np.uint8), rows=rows, columns=columns, margin=_MARGIN)
    figure, axes = _sheet_figure(sheet, scale, title)
    places = np.arange(count)
    tops = (places // columns) * (height + caption + _MARGIN) + caption
    lefts = (places % columns) * (width + _MARGIN)
    _frame(axes, tops[~blank], lefts[~blank], (height, width), scale)
    for place, (top, left) in enumerate(zip(tops.tolist(), lefts.tolist(), strict=True)):
        step = nan_from[place]
        mark = " NaN" if step >= 0 else " dead" if dead[place] else ""
        colour = _CROSSED if mark else "#c8c8c8"
        axes.text(
            left,
            top - 0.5 - 3 / scale,
            captions[place] + mark,
            color=colour,
            fontsize=8,
            family="monospace",
            va="bottom",
        )
        if mark:
            right, bottom = left + width - 1, top + height - 1
            axes.plot([left, right, np.nan, left, right], [top, bottom, np.nan, bottom, top], color=colour, lw=0.8)
        if step >= 0:
            box = {"facecolor": "black", "edgecolor": "none", "pad": 1}
            middle = left + (width - 1) / 2, top + (height - 1) / 2
            axes.text(*middle, f"from {step}", color=colour, fontsize=7, ha="center", va="center", bbox=box)
    return figure


def _frame(axes: Axes, tops: np.ndarray, lefts: np.ndarray, size: tuple[int, int], scale: int) -> None:
    """Draws a line of one screen pixel around each tile, so that a black tile is told from the black sheet."""
    (height, width), half = size, 0.5 / scale  # half a screen pixel: the line lies outside the tile
    above, before = tops - 0.5 - half, lefts - 0.5 - half
    below, after = above + height + 2 * half, before + width + 2 * half
    corners = [(before, above), (after, above), (after, below), (before, below)]
    outlines = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
    lines = PolyCollection(
        list(outlines),
        facecolors="none",
        edgecolors=_HAIRLINE,
        linewidths=72 / _DOTS_PER_INCH,  # points: one screen pixel
        antialiaseds=False,  # smoothed, a line would tint the pixels of the tile
        snap=False,
        clip_on=False,
    )
    axes.add_collection(lines, autolim=False)


def scores(visualization: Visualization, *, title: str = "") -> Figure:
    """Draws the score curve of each image.

    Args:
      visualization: the images.
      title: the figure's title.
    """
    figure = Shown(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for label, curve in zip(visualization.labels, visualization.scores, strict=True):
        axes.plot(curve, lw=0.8, label=label)
    axes.set(xlabel="step", ylabel="score", title=title)
    if len(visualization) <= 10:
        axes.legend(fontsize=8)
    return figure


def report(report: Report, *, title: str | None = None) -> Figure:
    """Draws a bar for each image, in the colour of its status: its ratio to the largest activation on real images.

    Without real images the bar is the activation itself. A unit without such a number has a mark at 0.

    Args:
      report: the numbers.
      title: the figure's title; by default the layers' names.
    """
    compared = not np.isnan(report.ratio).all()
    heights = report.ratio if compared else report.reached
    layer, captions = titled(report.labels)
    places = np.arange(len(report))
    figure = Shown(figsize=(min(14.0, max(7.5, 2 + 0.2 * len(report))), 4), layout="constrained")
    axes = figure.subplots()
    for status, colour in _STATUS_COLOURS.items():
        mine = np.array([one == status for one in report.status])
        if mine.any():
            axes.bar(places[mine], np.nan_to_num(heights[mine]), color=colour, label=f"{status}: {mine.sum()}")
            missing = mine & (np.isnan(heights) | (heights == 0))
            if missing.any():  # an empty line would take room at the figure's corner
                axes.plot(places[missing], np.zeros(missing.sum()), "x", color=colour, clip_on=False, zorder=3)
    if compared:
        axes.axhline(1, color="black", lw=0.8, ls="--")
    named = len(report) <= _MOST_NAMED
    axes.set_xticks(places if named else [], captions if named else [], rotation=90, fontsize=7)
    axes.set_xlim(-0.7, len(report) - 0.3)
    axes.set(
        ylabel="reached / largest on real images" if compared else "reached",
    )
    axes.set_title(title if title is not None else layer, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper right", ncols=len(STATUSES), fontsize=8, frameon=False)
    return figure


class Shown(Figure):
    """A figure that a notebook shows, whether or not pyplot was imported there."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png")
        return stream.getvalue()


def _sheet_figure(sheet: UInt8[np.ndarray, "height width channels"], scale: int, title: str) -> tuple[Figure, Axes]:
    """A figure that shows an array pixel for pixel, ``scale`` times as large, a title above it."""
    head = 28 if title else 6  # screen pixels
    side = 8
    width = max(sheet.shape[1] * scale, _LETTER * len(title)) + 2 * side
    height = sheet.shape[0] * scale + head + side
    figure = Shown(figsize=(width / _DOTS_PER_INCH, height / _DOTS_PER_INCH), dpi=_DOTS_PER_INCH, facecolor="black")
    axes = figure.add_axes(
        (side / width, side / height, sheet.shape[1] * scale / width, sheet.shape[0] * scale / height)
    )
    axes.imshow(
        sheet.squeeze(-1) if sheet.shape[-1] == 1 else sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest"
    )
    axes.set_axis_off()
    if title:
        figure.text(side / width, 1 - 6 / height, title, color="white", fontsize=11, va="top", family="monospace")
    return figure, axes
