"""Exports: a visualization -> files for other programs: a file for each image, or one page with everything."""

import os
import re
from pathlib import Path

from PIL import Image

from jaxviz.files.outputs import staged
from jaxviz.pictures.markup import STYLE, Markup, element, facts
from jaxviz.pictures.notebooks import numbers, pictures, told
from jaxviz.pictures.tiles import tiles, titled
from jaxviz.reports.report import Report
from jaxviz.visualization import Visualization

__all__ = ["html", "png"]

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # of Windows, whatever follows the dot
_LONGEST = 100  # characters of a file's name

# Nothing is loaded and nothing is run, which the browser is told as well.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_PAGE = """
:root{color-scheme:light dark}
body{margin:0 auto;padding:1.5em;max-width:1100px;background:Canvas;color:CanvasText}
h1{font:600 1.4em system-ui,sans-serif}
h2{font:600 1.1em system-ui,sans-serif;margin:1.5em 0 .5em}
"""


def png(visualization: Visualization, directory: str | os.PathLike) -> list[Path]:
    """Writes each image as a lossless PNG of 8 bits, pixel for pixel, named by its label.

    If all images are in the network's range, they are written as they are; else their contrast is normalized.
    Characters that some systems do not allow in file names become ``-``: ``conv2d_3-17.png``.

    Args:
      visualization: the images.
      directory: the directory to write to; all files appear, or none.

    Returns:
      The paths, in the order of the images.

    Raises:
      JaxvizError: the images cannot be drawn, or the directory cannot be written.

    Example:
      >>> import jaxviz
      >>> some = jaxviz.visualize(jaxviz.default_model(), jaxviz.objectives.channel("conv2d_1", [3, 7]), steps=8)
      >>> [path.name for path in png(some, getfixture("tmp_path"))]  # or any directory of yours
      ['conv2d_1-3.png', 'conv2d_1-7.png']
    """
    names = _file_names(visualization.labels)
    with staged(directory) as stage:
        for name, shown in zip(names, tiles(visualization), strict=True):
            Image.fromarray(shown[..., 0] if shown.shape[-1] == 1 else shown).save(stage / name, "PNG", optimize=True)
    return [Path(directory) / name for name in names]


def html(visualization: Visualization, path: str | os.PathLike, *, report: Report | None = None) -> None:
    """Writes one page with all images, score curves, numbers and settings.

    It is self-contained, runs no scripts, and is dark or light as the reader's system is.

    Args:
      visualization: the images.
      path: the file to write, completely or not at all.
      report: the numbers of its images, for a table.

    Raises:
      JaxvizError: the images cannot be drawn, or the file cannot be written.
    """
    title = titled(visualization.labels)[0] or "Visualization"
    parts = [element("h1", title), element("p", told(visualization))]
    parts += [element("div", *pictures(visualization), class_="tiles")]
    parts += [] if report is None else [element("h2", "Numbers"), *numbers(report)]
    parts += [element("h2", "How they were made"), facts(visualization.provenance)]
    head = (
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", title),
        element("style", Markup(_PAGE + STYLE)),
    )
    page = element("html", element("head", *head), element("body", element("main", *parts, class_="jaxviz")), lang="en")
    target = Path(path)
    with staged(target.parent) as stage:
        (stage / target.name).write_text(f"<!doctype html>{page}\n", encoding="utf-8")


def _file_names(labels: tuple[str, ...]) -> list[str]:
    """Returns names that every file system takes, no two alike even where capitals are not told apart."""
    names: list[str] = []
    taken: set[str] = set()
    for place, label in enumerate(labels):
        stem = re.sub(r"[^A-Za-z0-9_.+]+", "-", label)[:_LONGEST].strip(".-") or "image"
        stem = f"image-{stem}" if _RESERVED.match(stem) else stem
        while stem.lower() in taken:
            stem = f"{stem}-{place}"
        taken.add(stem.lower())
        names.append(f"{stem}.png")
    return names
