"""Images: what callers give -> a checked batch of images of a model, and the activations that they excite."""

import math
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array, Float

from jaxviz.networks.layer import Layer
from jaxviz.networks.model import Model
from jaxviz.values.errors import JaxvizError

__all__ = ["ImageSource", "activations_of", "checked_images", "layer_with_positions"]

# Bytes of the largest layer's activations of the images that are computed together. The program holds a few layers at
# a time: 13 images of 224 x 224 in EfficientNet-Lite0 take about 250 MB.
_AT_ONCE = 1 << 26


@runtime_checkable
class ImageSource(Protocol):
    """Images that are read a few at a time: an array ``[images, *canvas.shape]``, or what can be sliced like one."""

    def __len__(self) -> int: ...

    def __getitem__(self, some: slice, /) -> Float[Array | np.ndarray, "some ..."]: ...


def checked_images(images: Float[Array | np.ndarray, "images ..."], model: Model) -> Float[np.ndarray, "images ..."]:
    """Returns images as float32.

    Raises:
      JaxvizError: there are none, or they have another shape than the model's, or hold NaN.
    """
    given = np.asarray(images, np.float32)
    shape = model.canvas.shape
    if given.shape[1:] != shape or not len(given):
        raise JaxvizError(f"images of shape {given.shape}: give [images, {', '.join(map(str, shape))}], one or more")
    if not np.isfinite(given).all():
        raise JaxvizError(f"images hold {(~np.isfinite(given)).sum()} values that are NaN or infinite")
    return given


def layer_with_positions(model: Model, name: str) -> Layer:
    """Returns a layer that counts channels at positions.

    Raises:
      JaxvizError: the model has no such layer, or it has no positions.
    """
    layer = model.layer(name)
    if layer.channels is None or len(layer.output_shape) < 2:
        raise JaxvizError(f"layer {name!r} ({layer.description}) has no positions; name a convolution or a pool")
    return layer


def activations_of(
    model: Model, images: Float[np.ndarray, "images ..."], layer: Layer
) -> Float[np.ndarray, "images ..."]:
    """Returns the activations of a layer, ``[images, *positions, channels]``, computed some images at a time."""
    largest = max(math.prod(shape) for shape in (model.canvas.shape, *(each.output_shape for each in model.layers)))
    most = max(1, _AT_ONCE // (4 * largest))
    step = -(-len(images) // -(-len(images) // most))  # all blocks as large as each other
    parts = []
    for first in range(0, len(images), step):
        block = images[first : first + step]
        # The last block is padded, so that it runs the program that the others ran.
        padded = np.concatenate([block, np.zeros((step - len(block), *block.shape[1:]), np.float32)])
        parts.append(np.asarray(model(padded)[layer.name])[: len(block)])
    whole = np.concatenate(parts)
    axis = -1 if layer.channel_axis is None else layer.channel_axis
    return whole if axis == -1 else np.moveaxis(whole, axis + 1, -1)
