"""Tiles: a visualization's images -> what a screen shows of them, and their captions."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float, UInt8

from jaxviz import images
from jaxviz.errors import JaxvizError
from jaxviz.model import Canvas
from jaxviz.visualization import Visualization

__all__ = ["films", "grey_or_colour", "tiles", "titled"]

_BAND = 16  # height in pixels of an input that has none

Render = Callable[[np.ndarray], np.ndarray]


def tiles(visualization: Visualization, render: Render | None = None) -> UInt8[np.ndarray, "n height width channels"]:
    """Returns the images as they are shown, in 0..255, channels last.

    Args:
      visualization: whose.
      render: turns one image into 0..255. When left out: images that all lie in the range that the network was trained
        for are shown as they are, others with their contrast normalized.

    Raises:
      JaxvizError: they are of a shape that cannot be drawn.
    """
    return _rendered(_channels_last(visualization.images, visualization.canvas), visualization.canvas, render)


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
    frames = visualization.frames
    if frames is None:
        raise JaxvizError("this visualization has no frames; make it with visualize(…, frames=32)")
    last = _channels_last(frames.reshape(-1, *frames.shape[2:]), visualization.canvas)
    return _rendered(last.reshape(*frames.shape[:2], *last.shape[1:]), visualization.canvas, render)


def grey_or_colour(shown: UInt8[np.ndarray, "*batch channels"]) -> UInt8[np.ndarray, "*batch grey_or_colour"]:
    """Leaves 1 channel (grey) and 3 (colour) as they are; averages any other number to grey."""
    return shown if shown.shape[-1] in (1, 3) else shown.mean(axis=-1, keepdims=True).astype(np.uint8)


def titled(labels: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Splits labels into a title, which is their layer where that is one, and a caption for each.

    Example:
      >>> titled(["conv2d_3:7", "conv2d_3:9"])
      ('conv2d_3', ('7', '9'))
      >>> titled(["conv2d_3:7", "mine"])
      ('', ['conv2d_3:7', 'mine'])
    """
    layers, captions = zip(*(label.rpartition(":")[::2] for label in labels), strict=True)
    return (layers[0], captions) if layers[0] and len(set(layers)) == 1 else ("", labels)


def _rendered(pictures: Float[np.ndarray, "n ..."], canvas: Canvas, render: Render | None) -> np.ndarray:
    if render is None:
        finite = np.nan_to_num(pictures, nan=canvas.low, posinf=canvas.high, neginf=canvas.low)
        inside = canvas.low <= finite.min() and finite.max() <= canvas.high
        render = partial(images.in_range, low=canvas.low, high=canvas.high) if inside else images.normalize
        pictures = finite
    return np.stack([render(picture) for picture in pictures])


def _channels_last(batch: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Makes ``[n, height, width, channels]`` of any batch: plain pixels are grey, plain numbers a band of them."""
    if batch.ndim == 2:
        return np.repeat(batch[:, None, :, None], _BAND, axis=1)
    if batch.ndim == 3:
        return batch[..., None]
    if batch.ndim == 4:
        axis = canvas.channel_axis
        return np.moveaxis(batch, axis if axis < 0 else axis + 1, -1)
    raise JaxvizError(f"images of shape {batch.shape[1:]} cannot be drawn; their numbers can be saved")
