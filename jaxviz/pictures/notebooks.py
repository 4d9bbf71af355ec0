"""Notebooks: values -> small self-contained HTML without scripts, which a notebook shows."""

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from functools import singledispatch

import jax
import numpy as np

from jaxviz.networks.model import Model
from jaxviz.pictures.markup import STYLE, Markup, curve, element, facts, figure, picture, table
from jaxviz.pictures.tiles import marks, tiles, titled
from jaxviz.recipes import Recipe
from jaxviz.reports.report import Report
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization

__all__ = ["block", "html", "numbers", "pictures", "told"]

_MOST_TILES = 256
_MOST_CHARACTERS = 2_000_000  # of tiles, so that a notebook with many of them stays one that opens
_MOST_PIXELS = 96  # along a tile
_DETAILED = 16  # tiles at most, for each to have its score and score curve below
_MOST_ROWS = 1000


@singledispatch
def html(value: object) -> str:
    """Returns the HTML that a notebook shows for a model, a recipe, a visualization or a report.

    Raises:
      JaxvizError: it is none of these.
    """
    raise JaxvizError(f"a {type(value).__name__} has no view for notebooks")


def pictures(
    visualization: Visualization, *, most: int | None = None, details: bool = True, of: int | None = None
) -> Iterator[Markup]:
    """Yields each image with its caption; images that are dead or became NaN are marked.

    Args:
      visualization: whose images.
      most: larger images are reduced to this many pixels; None to leave them.
      details: whether score and score curve stand below.
      of: how many steps there will be, for curves of ascents on their way; as many as the curves have when None.

    Raises:
      JaxvizError: they are of a shape that cannot be drawn.
    """
    _, captions = titled(visualization.labels)
    dead, broken, marked = visualization.dead, visualization.not_a_number, marks(visualization)
    for place, image in enumerate(tiles(visualization)):
        label, caption = visualization.labels[place], captions[place]
        score = f"{visualization.final_scores[place]:.4g}"
        yield figure(
            picture(image, label, most),
            f"{caption} {marked[place]}".strip(),
            *((f"score {score}", curve(visualization.scores[place], of)) if details else ()),
            title=f"{label}, score {score}",
            state="nan" if broken[place] else "dead" if dead[place] else "alive",
        )


@html.register(Visualization)
def _visualization(value: Visualization) -> str:
    drawn: list[Markup] = []
    with contextlib.suppress(JaxvizError):  # of no shape that can be drawn
        room = _MOST_CHARACTERS
        for one in itertools.islice(pictures(value, most=_MOST_PIXELS, details=len(value) <= _DETAILED), _MOST_TILES):
            room -= len(one)
            if room < 0:
                break
            drawn.append(one)
    left_out = len(value) - len(drawn)
    more = element("p", f"and {left_out} more, which are not shown") if left_out else Markup("")
    return block(told(value), element("div", *drawn, class_="tiles"), more)


def told(visualization: Visualization) -> str:
    """Returns a visualization's facts in a line."""
    size, (count, steps) = " x ".join(map(str, visualization.canvas.shape)), visualization.scores.shape
    recipe = visualization.provenance.get("recipe", "unknown")
    many = f"{count} images" if count > 1 else "1 image"
    broken = f", {count} not a number" if (count := visualization.not_a_number.sum()) else ""
    return f"{many} of {size}, recipe {recipe}, {steps} steps, {visualization.dead.sum()} dead{broken}"


@html.register(Model)
def _model(value: Model) -> str:
    count = sum(math.prod(np.shape(leaf)) for leaf in jax.tree.leaves(value.variables))
    rows = [
        (layer.name, layer.description, " x ".join(map(str, layer.output_shape)), str(layer.channels or "-"))
        for layer in value.layers
    ]
    headings = ("layer", "class", "output", "channels")
    return block(f"{value!r}, {count:,} parameters", *_bounded(headings, rows, headings[2:], _MOST_ROWS))


@html.register(Recipe)
def _recipe(value: Recipe) -> str:
    values = {field.name: str(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return block(f"Recipe {values.pop('name')}", facts(values))


@html.register(Report)
def _report(value: Report) -> str:
    return block(repr(value), *numbers(value, most=_MOST_ROWS))


def numbers(report: Report, *, most: int | None = None) -> tuple[Markup, ...]:
    """Returns a report's table, and what its columns say.

    Args:
      report: what to show.
      most: how many rows are shown; None for all.
    """
    columns = report.columns()
    headings = [column.heading for column in columns]
    rows = list(zip(*(column.cells for column in columns), strict=True))
    captions = {column.heading: column.caption for column in columns if column.heading}
    meaning = element("details", element("summary", "what the columns say"), facts(captions | report.facts))
    return *_bounded(headings, rows, [column.heading for column in columns if column.number], most), meaning


def _bounded(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str], most: int | None
) -> tuple[Markup, ...]:
    shown = table(headings, rows[:most], right)
    left_out = 0 if most is None else len(rows) - most
    return (shown, element("p", f"and {left_out} more rows, which are not shown")) if left_out > 0 else (shown,)


def block(line: str, *parts: Markup) -> str:
    """Returns a line and what stands below it, with the style that all views share."""
    return element("div", element("style", Markup(STYLE)), element("p", line), *parts, class_="jaxviz")
