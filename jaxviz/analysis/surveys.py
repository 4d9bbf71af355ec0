"""Surveys: model + many images -> the activations of a layer at drawn positions."""

import dataclasses
import hashlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int

from jaxviz.analysis.images import ImageSource, activations_of, checked_images
from jaxviz.analysis.rows import Rows
from jaxviz.networks.layer import Layer
from jaxviz.networks.model import Model
from jaxviz.values.errors import JaxvizError

__all__ = ["Survey", "digest_of", "drawn"]

_TOGETHER = 32  # images that are read and shown to the network at a time


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
    """Activations at positions that were drawn from images.

    Attributes:
      vectors: the activation at each drawn position, a row of channels for each.
      images: the image of each, by its number, ``[points]``.
      positions: its position in the layer, ``[points, axes]``.
    """

    vectors: Rows
    images: Int[np.ndarray, " points"]
    positions: Int[np.ndarray, "points axes"]


def drawn(model: Model, layer: Layer, images: ImageSource, *, positions: int, seed: int) -> Survey:
    """Draws positions of a layer from each image, without repetition, and keeps the activations there.

    The images are read and shown to the network a few at a time. What is drawn of an image depends on the seed and the
    image's number alone. Positions at which no unit is active are left out, since they have no direction.

    Args:
      model: the network.
      layer: the layer; it has positions.
      images: images of the canvas's shape.
      positions: how many are drawn of each image; all there are, if there are fewer.
      seed: of the draws.
    """
    axis = layer.channel_axis or 0
    shape = tuple(side for place, side in enumerate(layer.output_shape) if place != axis % len(layer.output_shape))
    total = int(np.prod(shape))
    each = min(positions, total)
    vectors, places, numbers = Rows(layer.channels or 0), [], []
    for first, block in _blocks(model, images):
        flat = activations_of(model, block, layer).reshape(len(block), total, -1)
        for number, activations in enumerate(flat, first):
            chosen = np.sort(np.random.default_rng([seed, number]).choice(total, each, replace=False))
            alive = activations[chosen].any(axis=1)
            vectors.add(activations[chosen[alive]])
            places.append(chosen[alive])
            numbers.append(np.full(alive.sum(), number))
    if not len(vectors):
        raise JaxvizError(f"no unit of layer {layer.name!r} is active on these images; give others")
    unravelled = np.unravel_index(np.concatenate(places), shape)
    return Survey(vectors=vectors, images=np.concatenate(numbers), positions=np.stack(unravelled, axis=1))


def digest_of(model: Model, images: ImageSource) -> str:
    """Returns what tells one collection of images from another."""
    hashed = hashlib.sha256()
    for _, block in _blocks(model, images):
        hashed.update(block.tobytes())
    return f"{len(images)}, {hashed.hexdigest()}"


def _blocks(model: Model, images: ImageSource) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the number of the first image of each block, and the block."""
    if not len(images):
        raise JaxvizError("there are no images; give one or more")
    for first in range(0, len(images), _TOGETHER):
        yield first, checked_images(images[first : first + _TOGETHER], model)
