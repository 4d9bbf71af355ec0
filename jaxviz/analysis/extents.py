"""Extents: model + layer -> the part of the image over which the layer's positions lie."""

import numpy as np
from jaxtyping import Array, Float

from jaxviz.analysis.images import checked_images
from jaxviz.networks.model import Model
from jaxviz.networks.receptive_fields import receptive_fields

__all__ = ["extent_of"]


def extent_of(
    model: Model, layer: str, images: Float[Array | np.ndarray, "images ..."]
) -> tuple[float, float, float, float] | None:
    """Returns where on the image the positions of a layer lie: top, left, bottom and right, in pixels.

    A convolution without padding has no positions at the edges of the image, so that a map drawn over the whole image
    would be too large. The middles of the receptive fields that end inside the image tell where the positions are.

    Args:
      model: the network.
      layer: the layer's name.
      images: ``[images, *canvas.shape]``, one or more, at which gradients are taken.

    Returns:
      None where fewer than two fields along an axis end inside the image; then the whole image is the best guess.

    Example:
      >>> import jaxviz
      >>> digit = np.random.default_rng(0).random((1, 28, 28, 1), dtype=np.float32)
      >>> extent_of(jaxviz.default_model(), "conv2d_4", digit)
      (7.0, 7.0, 21.0, 21.0)
    """
    fields = receptive_fields(model, layer, checked_images(images, model)[:1])
    if fields is None:
        return None
    axis = model.canvas.channel_axis % 3
    height, width = (size for place, size in enumerate(model.canvas.shape) if place != axis)
    rows, columns = _span(fields.rows, height), _span(fields.columns, width)
    return None if rows is None or columns is None else (rows[0], columns[0], rows[1], columns[1])


def _span(ends: np.ndarray, side: int) -> tuple[float, float] | None:
    """Returns where the first position along an axis begins, and where the last one ends."""
    inside = np.flatnonzero((ends[:, 0] > 0) & (ends[:, 1] < side))
    if len(inside) < 2:
        return None
    middles = ends.mean(axis=1)
    step = float(middles[inside[-1]] - middles[inside[0]]) / int(inside[-1] - inside[0])
    begin = float(middles[inside[0]]) - step * (int(inside[0]) + 0.5)
    return begin, begin + step * len(ends)
