"""Tiles: the images of a visualization -> what a screen shows of them, with their captions."""

import re
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from jaxviz.networks.layer import Canvas
from jaxviz.pictures import images
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization

__all__ = ["films", "marks", "of_images", "tiles", "titled"]

_UNIT = re.compile(r"(?P<layer>[^ ]+):(?P<unit>\d+(#\d+|@[\d,]+)?)")  # a sum of units has spaces

_CROSS = 128  # the grey of the cross over an image that holds NaN

Render = Callable[[np.ndarray], np.ndarray]


def tiles(visualization: Visualization, render: Render | None = None) -> UInt8[np.ndarray, "n height width channels"]:
    """Returns the images for display: in 0..255, channels last, grey or colour.

    Args:
      visualization: whose.
      render: turns one image into 0..255. When left out: images that all lie in the range that the network was trained
        for are shown as they are, others with their contrast normalized.

    Returns:
      The tiles. An image that holds NaN or infinity is crossed out.

    Raises:
      JaxvizError: they are of a shape that cannot be drawn.
    """
    canvas = visualization.canvas
    return _rendered(images.channels_last(visualization.images, canvas.channel_axis), canvas, render)


def of_images(batch: Float[np.ndarray, "n ..."], canvas: Canvas) -> UInt8[np.ndarray, "n height width channels"]:
    """Returns real images for display, as `tiles` does those of a visualization.

    Raises:
      JaxvizError: they are of a shape that cannot be drawn.
    """
    return _rendered(images.channels_last(batch, canvas.channel_axis), canvas, None)


def films(
    visualization: Visualization, render: Render | None = None
) -> UInt8[np.ndarray, "n frames height width channels"]:
    """Returns the frames as they are shown: each film is rendered as a whole, so that its brightness never jumps.

    Args:
      visualization: whose.
      render: turns the frames of one film into 0..255; as for ``tiles`` when left out.

    Raises:
      JaxvizError: there are no frames, or they are of a shape that cannot be drawn.
    """
    frames, canvas = visualization.frames, visualization.canvas
    if frames is None:
        raise JaxvizError("this visualization has no frames; make it with visualize(…, frames=32)")
    last = images.channels_last(frames.reshape(-1, *frames.shape[2:]), canvas.channel_axis)
    return _rendered(last.reshape(*frames.shape[:2], *last.shape[1:]), canvas, render)


def marks(visualization: Visualization) -> list[str]:
    """Returns the word that stands beside each caption: ``dead``, ``NaN from 7``, or nothing."""
    return [
        f"NaN from {step}" if step >= 0 else "dead" if dead else ""
        for dead, step in zip(visualization.dead, visualization.nan_from, strict=True)
    ]


def titled(labels: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Splits labels into a title, which is their layer where that is one, and a caption for each.

    Example:
      >>> titled(["conv2d_3:7", "conv2d_3:9"])
      ('conv2d_3', ('7', '9'))
      >>> titled(["conv2d_3:7", "mine"])
      ('', ['conv2d_3:7', 'mine'])
      >>> titled(["conv2d_3:7 - 0.5*conv2d_4:3"])
      ('conv2d_3:7 - 0.5*conv2d_4:3', ('',))
    """
    units = [_UNIT.fullmatch(label) for label in labels]
    layers = {unit["layer"] for unit in units if unit}
    if all(units) and len(layers) == 1:
        return layers.pop(), tuple(unit["unit"] for unit in units if unit)
    return ("", labels) if len(labels) > 1 else (labels[0], ("",))


def _rendered(pictures: Float[np.ndarray, "n ..."], canvas: Canvas, render: Render | None) -> np.ndarray:
    """Renders pictures that have their channels last; one that holds NaN or infinity is crossed out."""
    known = np.nan_to_num(pictures, nan=canvas.low, posinf=canvas.high, neginf=canvas.low)
    render = render or images.rendering(known, canvas.low, canvas.high)
    shown = images.grey_or_colour(np.stack([render(picture) for picture in known]))
    height, width = shown.shape[-3:-1]
    rows, columns = np.indices((height, width))
    falling = 2 * np.abs(rows * (width - 1) - columns * (height - 1)) <= max(height, width) - 1
    broken = ~np.isfinite(pictures).all(axis=(-3, -2, -1))
    return np.where(broken[..., None, None, None] & (falling | falling[:, ::-1])[..., None], np.uint8(_CROSS), shown)
