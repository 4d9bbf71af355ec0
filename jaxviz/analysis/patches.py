"""Patches: positions of a layer in images -> the parts of the images around them."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxviz.analysis.images import ImageSource, checked_images
from jaxviz.analysis.surveys import Survey
from jaxviz.networks.layer import Layer
from jaxviz.networks.model import Model
from jaxviz.pictures.images import channels_last, grey_or_colour, in_range

__all__ = ["cut_patches"]

_SHARE = 1 / 3  # of an image's side, at least
_POSITIONS = 3  # that a patch is wide, at least
_LARGEST = 64  # pixels a side


def cut_patches(
    model: Model, layer: Layer, images: ImageSource, survey: Survey, points: np.ndarray
) -> UInt8[np.ndarray, "some height width channels"]:
    """Cuts a square out of each image, around the middle of a position, moved inside where it would reach beyond.

    It is a third of the image's shorter side wide, or three positions if that is more.

    Args:
      model: the network.
      layer: the layer.
      images: those of the survey.
      survey: the drawn activations.
      points: which of them.

    Returns:
      Patches in 0 to 255, at most 64 pixels a side; without pixels for images that are not two-dimensional.
    """
    canvas = model.canvas
    if len(canvas.shape) != 3 or survey.positions.shape[1] != 2 or not len(points):
        return np.zeros((len(points), 0, 0, 1), np.uint8)
    axis = canvas.channel_axis % 3
    sides = np.array([size for place, size in enumerate(canvas.shape) if place != axis])
    counts = np.array([size for place, size in enumerate(layer.output_shape) if place != (layer.channel_axis or 0) % 3])
    width = min(max(round(_SHARE * sides.min()), *(np.ceil(_POSITIONS * sides / counts).astype(int))), int(sides.min()))
    middles = (survey.positions[points] + 0.5) / counts * sides
    firsts = np.clip(np.round(middles - width / 2).astype(int), 0, sides - width)
    cut = []
    for number, (top, left) in zip(survey.images[points].tolist(), firsts.tolist(), strict=True):
        whole = channels_last(checked_images(images[number : number + 1], model), canvas.channel_axis)[0]
        part = whole[top : top + width, left : left + width]
        cut.append(_small(grey_or_colour(in_range(part, canvas.low, canvas.high))))
    return np.stack(cut)


def _small(tile: UInt8[np.ndarray, "height width channels"]) -> UInt8[np.ndarray, "small small channels"]:
    side, channels = min(len(tile), _LARGEST), tile.shape[-1]
    picture = Image.fromarray(tile[..., 0] if channels == 1 else tile)
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS)).reshape(side, side, channels)
