"""Receptive fields: a layer of a model -> the part of the image that each of its positions depends on."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxviz.networks.layer import Layer
from jaxviz.networks.model import Model
from jaxviz.values.errors import JaxvizError

__all__ = ["ReceptiveFields", "receptive_fields"]

_IMAGES = 4  # gradients are taken at so many images
_MOST = 33  # positions along an axis whose gradient is taken; those between are interpolated


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReceptiveFields:
    """The part of the image that each position of a layer depends on: rows ``first`` to ``end`` of pixels, and columns.

    Attributes:
      rows: for each row of the layer's positions the first row of pixels, and the one after the last ``[height, 2]``.
      columns: the same for columns ``[width, 2]``.
      whole: True where every position depends on the whole image.
    """

    rows: Int[np.ndarray, "height 2"]
    columns: Int[np.ndarray, "width 2"]
    whole: bool

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Returns top, left, bottom and right of a position's field, in pixels; bottom and right are exclusive."""
        (top, bottom), (left, right) = self.rows[row].tolist(), self.columns[column].tolist()
        return top, left, bottom, right


def receptive_fields(
    model: Model, layer: str, images: Float[Array | np.ndarray, "images ..."]
) -> ReceptiveFields | None:
    """Finds the receptive field of each position of a layer, for any network.

    A pixel belongs to the field of a row of positions where the gradient of that row's activations, summed with random
    weights, is not 0 at one of four images. So a field is what the network's gradient reaches: of an attention layer,
    a dense layer or a squeeze-and-excitation it is the whole image. Fields between every ``n``-th position are
    interpolated where a side has more than 33 positions.

    Args:
      model: the network.
      layer: the name of a layer.
      images: real images on the model's canvas, at which the gradient is taken; the first four are used.

    Returns:
      None for a layer without positions, for images without height and width, and where no gradient reaches the image.

    Raises:
      JaxvizError: there is no such layer, or no image.

    Example:
      >>> import jaxviz
      >>> images = np.random.default_rng(0).uniform(size=(4, 28, 28, 1)).astype(np.float32)
      >>> fields = receptive_fields(jaxviz.default_model(), "conv2d_2", images)
      >>> fields.box(0, 0), fields.box(5, 9)
      ((0, 0, 7, 7), (5, 9, 12, 16))
    """
    found = model.layer(layer)
    if not len(images):
        raise JaxvizError("no images are given; give one or more, at which gradients are taken")
    if found.channel_axis is None or len(found.output_shape) != 3 or len(model.canvas.shape) != 3:
        return None
    axes = [axis for axis in range(3) if axis != found.channel_axis % 3]
    sides = [axis for axis in range(3) if axis != model.canvas.channel_axis % 3]
    taken = jnp.asarray(np.asarray(images[:_IMAGES], np.float32))
    spans = []
    for axis, side in zip(axes, sides, strict=True):
        span = _spans(model, taken, found, axis, side)
        if span is None:
            return None
        spans.append(span)
    heights = [model.canvas.shape[side] for side in sides]
    whole = all((span == [0, height]).all() for span, height in zip(spans, heights, strict=True))
    return ReceptiveFields(rows=spans[0], columns=spans[1], whole=whole)


def _spans(model: Model, images: Array, layer: Layer, axis: int, side: int) -> np.ndarray | None:
    """Returns the first pixel and the one after the last, for each position along an axis; None where there is none."""
    count = layer.output_shape[axis]
    asked = np.unique(np.linspace(0, count - 1, min(count, _MOST)).round().astype(int))
    reached = np.zeros((len(asked), model.canvas.shape[side]), bool)
    for row, place in enumerate(asked):
        chosen = np.zeros([count if each == axis else 1 for each in range(3)], np.float32)
        chosen[(slice(None),) * axis + (place,)] = 1
        chosen = np.broadcast_to(chosen, layer.output_shape)
        pixels = np.asarray(_depends(model, images, chosen, layer.name))
        reached[row] = pixels.any(axis=tuple(other for other in range(3) if other != side))
    known = reached.any(axis=1)
    if not known.any():
        return None
    first = reached.argmax(axis=1)[known]
    end = reached.shape[1] - reached[:, ::-1].argmax(axis=1)[known]
    every = np.arange(count)
    firsts, ends = np.floor(np.interp(every, asked[known], first)), np.ceil(np.interp(every, asked[known], end))
    return np.stack([firsts, ends], axis=1).astype(int)


@partial(jax.jit, static_argnames="layer")
def _depends(model: Model, images: Array, chosen: Array, layer: str) -> Array:
    """Returns the numbers of the image that the gradient of the chosen activations reaches, at any of the images."""

    def gradient(image: Array, key: Array) -> Array:
        value, pull = jax.vjp(lambda one: model.ask(one, lambda activations: activations[layer]), image)
        [gradient] = pull((chosen * jax.random.normal(key, value.shape)).astype(value.dtype))
        return gradient

    return (jax.vmap(gradient)(images, jax.random.split(jax.random.key(0), len(images))) != 0).any(axis=0)
