"""Animations: the frames of a visualization -> GIF and APNG."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from jaxviz.files.outputs import staged
from jaxviz.pictures import images
from jaxviz.pictures.tiles import films, marks, titled
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization

__all__ = ["apng", "gif", "sheets"]

_MARGIN = 4  # pixels between two tiles
_WIDE = 512  # pixels of a sheet, above which small images are shown no larger than they are
_LINE = 13  # pixels of a line of text
_TICK = 10  # milliseconds, in which GIF counts
_SHORTEST = 2  # ticks; what is shorter, browsers show for ten
_LONGEST = 30.0  # seconds; a frame of an APNG can say 65, and equal frames are written as one
_GREY = 200  # of the text
_HAIRLINE = 110  # the grey of the line around each image
_SAMPLE = 1 << 22  # pixels by which a palette is chosen

Render = Callable[[np.ndarray], np.ndarray]


def gif(
    visualization: Visualization,
    path: str | os.PathLike,
    *,
    duration: int | float = 3.0,
    hold: int | float = 1.5,
    loop: bool = True,
    captions: bool = True,
    render: Render | None = None,
) -> Path:
    """Writes the ascents side by side as an animated GIF: exact greys, or the 256 colours that fit best.

    Args:
      visualization: a visualization with frames, made by ``visualize(…, frames=32)``.
      path: the file to write, completely or not at all.
      duration: seconds from the first frame to the last.
      hold: seconds for which the last frame is shown.
      loop: whether the animation repeats.
      captions: whether each tile has its label above it.
      render: maps the frames of one image to 0..255. By default, if all frames are in the network's range, they are
        shown as they are; else the contrast of each film is normalized as a whole.

    Returns:
      The path of the file.

    Raises:
      JaxvizError: there are no frames, or a time is out of its range.
    """
    film = sheets(visualization, captions=captions, render=render)
    return _write(_greys(film) if film.shape[-1] == 1 else _in_one_palette(film), path, "GIF", duration, hold, loop)


def apng(
    visualization: Visualization,
    path: str | os.PathLike,
    *,
    duration: int | float = 3.0,
    hold: int | float = 1.5,
    loop: bool = True,
    captions: bool = True,
    render: Render | None = None,
) -> Path:
    """Writes the ascents as one animated PNG, which is lossless. Programs without animation show its first frame.

    Args:
      visualization: a visualization with frames, made by ``visualize(…, frames=32)``.
      path: the file to write, ``.png`` or ``.apng``, completely or not at all.
      duration: seconds from the first frame to the last.
      hold: seconds for which the last frame is shown.
      loop: whether the animation repeats.
      captions: whether each tile has its label above it.
      render: maps the frames of one image to 0..255; by default as in ``gif``.

    Returns:
      The path of the file.

    Raises:
      JaxvizError: there are no frames, or a time is out of its range.
    """
    film = sheets(visualization, captions=captions, render=render)
    frames = _greys(film) if film.shape[-1] == 1 else [Image.fromarray(sheet) for sheet in film]
    return _write(frames, path, "PNG", duration, hold, loop)


def sheets(
    visualization: Visualization, *, captions: bool = True, render: Render | None = None
) -> UInt8[np.ndarray, "frames sheet_height sheet_width channels"]:
    """Returns the frames of all images side by side on black, magnified, with a thin grey line around each image.

    Args:
      visualization: a visualization with frames.
      captions: whether each tile has its label above it.
      render: maps the frames of one image to 0..255; by default as in ``gif``.

    Raises:
      JaxvizError: there are no frames.
    """
    shown = films(visualization, render)
    rows, columns = images.grid_shape(len(shown))
    scale = min(images.magnification(*shown.shape[2:4]), max(1, _WIDE // (columns * shown.shape[3])))
    shown = shown.repeat(scale, axis=2).repeat(scale, axis=3)
    framed = np.pad(shown, ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)), constant_values=_HAIRLINE)
    padded = np.pad(framed, ((0, 0), (0, 0), (_LINE if captions else 0, 0), (0, 0), (0, 0)))
    frames = range(shown.shape[1])
    laid = [images.collage(padded[:, frame], rows=rows, columns=columns, margin=_MARGIN) for frame in frames]
    return _captioned(np.stack(laid), visualization, columns, padded.shape[2:4]) if captions else np.stack(laid)


def _captioned(
    film: UInt8[np.ndarray, "frames height width channels"],
    visualization: Visualization,
    columns: int,
    cell: tuple[int, int],
) -> UInt8[np.ndarray, "frames captioned_height width channels"]:
    """Writes the labels over the tiles, and what they have in common above all of them."""
    title, names = titled(visualization.labels)
    top = _LINE if title else 0
    film = np.pad(film, ((0, 0), (top, 0), (0, 0), (0, 0)))
    text = Image.new("L", (film.shape[2], film.shape[1]))
    draw, font = ImageDraw.Draw(text), ImageFont.load_default()

    def put(words: str, left: int, above: int, width: int) -> None:
        while words and draw.textlength(words, font) > width:
            words = f"{words[:-2]}…" if len(words) > 2 else ""
        draw.text((left, above), words, _GREY, font)

    put(title, 0, 0, film.shape[2])
    for place, (name, mark) in enumerate(zip(names, marks(visualization), strict=True)):
        left, above = place % columns * (cell[1] + _MARGIN), top + place // columns * (cell[0] + _MARGIN)
        put(f"{name} {mark}" if mark else name, left, above, cell[1])
    return np.maximum(film, np.asarray(text)[..., None])


def _greys(film: UInt8[np.ndarray, "frames height width 1"]) -> list[Image.Image]:
    return [Image.fromarray(sheet[..., 0]) for sheet in film]


def _in_one_palette(film: UInt8[np.ndarray, "frames height width 3"]) -> list[Image.Image]:
    """Reduces a film to the 256 colours that fit it as a whole: a palette for each frame would flicker."""
    sparse = -(-film[..., 0].size // _SAMPLE)  # frames lie above each other, of which each so many-th row is enough
    palette = Image.fromarray(film.reshape(-1, *film.shape[2:])[::sparse]).quantize(256)
    return [Image.fromarray(sheet).quantize(palette=palette, dither=Image.Dither.NONE) for sheet in film]


def _write(
    film: list[Image.Image],
    path: str | os.PathLike,
    kind: str,
    duration: int | float,
    hold: int | float,
    loop: bool,
) -> Path:
    for name, seconds in (("duration", duration), ("hold", hold)):
        if not 0 < seconds <= _LONGEST:
            raise JaxvizError(f"{name} of {seconds}: give seconds, more than 0 and up to {_LONGEST:g}")
    ticks = np.diff(np.linspace(0, duration * 1000 / _TICK, len(film)).round().astype(int))
    times = [max(_SHORTEST, int(count)) * _TICK for count in (*ticks, round(hold * 1000 / _TICK))]
    target, again = Path(path), {"loop": 0} if loop else {} if kind == "GIF" else {"loop": 1}
    with staged(target.parent) as stage:
        film[0].save(stage / target.name, kind, save_all=True, append_images=film[1:], duration=times, **again)
    return target
