"""Markup: values -> HTML, in which plain text is escaped."""

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from jaxviz.pictures import images

__all__ = ["STYLE", "Markup", "curve", "element", "facts", "figure", "picture", "table"]

_POINTS = 64  # of a curve
_CURVE = (84, 20)  # its width and height in pixels

# Every colour is the one of the text around, so that it can be read on any ground, dark or light.
STYLE = """
.jaxviz{font:13px/1.4 system-ui,sans-serif;color:inherit}
.jaxviz p{margin:.4em 0}
.jaxviz .tiles{display:flex;flex-wrap:wrap;gap:8px}
.jaxviz figure{margin:0;max-width:100%}
.jaxviz figure img{display:block;max-width:100%;background:#000;image-rendering:pixelated;box-shadow:0 0 0 1px #888}
.jaxviz figure svg{display:block}
.jaxviz figcaption{font:11px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
.jaxviz .dead img{opacity:.3;outline:2px dashed;outline-offset:-2px}
.jaxviz .nan img{outline:2px dotted;outline-offset:-2px}
.jaxviz .scroll{max-height:28em;overflow:auto}
.jaxviz table{border-collapse:collapse;font-size:12px;font-variant-numeric:tabular-nums}
.jaxviz th,.jaxviz td{padding:2px 10px 2px 0;text-align:left;vertical-align:top}
.jaxviz th,.jaxviz td{border-bottom:1px solid #8886}
.jaxviz td{overflow-wrap:anywhere}
.jaxviz th{white-space:nowrap}
.jaxviz .number{text-align:right}
"""

_EMPTY = {"img", "meta"}  # elements without an end


class Markup(str):
    """HTML as it is; any other text is escaped."""


def element(name: str, /, *children: str, **attributes: str | int) -> Markup:
    """Writes an element; ``class_`` stands for the attribute ``class``, and ``aria_label`` for ``aria-label``.

    Example:
      >>> element("p", "a < b", element("b", "!"), class_="note")
      '<p class="note">a &lt; b<b>!</b></p>'
    """
    told = [f' {key.strip("_").replace("_", "-")}="{html.escape(str(value))}"' for key, value in attributes.items()]
    begin = f"<{name}{''.join(told)}>"
    return Markup(begin if name in _EMPTY else f"{begin}{_joined(children)}</{name}>")


def _joined(parts: Iterable[str]) -> Markup:
    """Joins parts, those that are plain text escaped."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))


def picture(shown: UInt8[np.ndarray, "height width channels"], text: str, most: int | None = None) -> Markup:
    """Writes an image as a PNG inside the page.

    Args:
      shown: grey or colour.
      text: what it shows, for who cannot see it.
      most: a larger image is reduced to this many pixels; None to leave it.
    """
    image = Image.fromarray(shown[..., 0] if shown.shape[-1] == 1 else shown)
    if most is not None:
        image.thumbnail((most, most))
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    scale = images.magnification(image.height, image.width)
    source = f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
    return element("img", src=source, width=image.width * scale, height=image.height * scale, alt=text)


def curve(scores: Float[np.ndarray, " steps"], of: int | None = None) -> Markup:
    """Draws a score curve in the colour of the text, over its share of ``of`` steps where more are to come."""
    chosen = scores[np.linspace(0, len(scores) - 1, min(len(scores), _POINTS)).round().astype(int)]
    finite = chosen[np.isfinite(chosen)]
    if len(finite) == 0:
        return Markup("")
    (width, height), low, span = _CURVE, finite.min(), np.ptp(finite) or 1.0
    across = np.linspace(1, 1 + (width - 2) * (len(scores) / of if of else 1), len(chosen))
    up = 1 + (1 - (np.nan_to_num(chosen, nan=low, posinf=finite.max(), neginf=low) - low) / span) * (height - 2)
    points = " ".join(f"{x:.0f},{y:.1f}" for x, y in zip(across, up, strict=True))
    line = element("polyline", points=points, fill="none", stroke="currentColor")
    told = f"score from {scores[0]:.4g} to {scores[-1]:.4g}"
    return element("svg", line, width=width, height=height, role="img", aria_label=told)


def figure(image: Markup, *lines: str, title: str, state: str) -> Markup:
    """Writes an image with lines below it.

    Args:
      image: the image.
      lines: what stands below it.
      title: what shows while the pointer is on it.
      state: ``alive``, ``dead`` or ``nan``, by which the style sheet marks it.
    """
    below = (line if isinstance(line, Markup) else element("figcaption", line) for line in lines)
    return element("figure", image, *below, title=title, class_=state)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[str] = ()) -> Markup:
    """Writes a table; the columns of these headings hold numbers."""
    right = set(numbers)

    def row(kind: str, cells: Sequence[str], **attributes: str) -> Markup:
        classes = ["number" if heading in right else "text" for heading in headings]
        paired = zip(cells, classes, strict=True)
        return element("tr", *(element(kind, cell, class_=name, **attributes) for cell, name in paired))

    whole = element("table", row("th", headings, scope="col"), *(row("td", cells) for cells in rows))
    return element("div", whole, class_="scroll", tabindex=0)  # by keyboard, too


def facts(told: Mapping[str, str]) -> Markup:
    """Writes what is known by name, a line each."""
    rows = (element("tr", element("th", name, scope="row"), element("td", value)) for name, value in told.items())
    return element("table", *rows)
