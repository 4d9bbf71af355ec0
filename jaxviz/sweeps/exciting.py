"""Exciting images: real images and a layer -> those that excite each unit most and least, and where in the image."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, UInt8

from jaxviz.networks.layer import Canvas
from jaxviz.networks.model import Model
from jaxviz.networks.receptive_fields import receptive_fields
from jaxviz.objectives.units import Channel
from jaxviz.pictures import images as pictures
from jaxviz.reports import measurements
from jaxviz.sweeps.aspects import units_of

__all__ = ["RealImages", "exciting"]

_BEST = 9  # real images kept of each unit
_SIDE = 64  # pixels at most of a side of their small copies
_CROP = 48  # likewise of the parts that a unit looked at, which are kept for each unit
_BINS = 32  # of the histogram of a unit's activation


@dataclasses.dataclass(frozen=True, kw_only=True)
class RealImages:
    """The real images that excite each unit of a layer most and least, and how often it is excited how much.

    Attributes:
      indices: which of the given images excite a unit most ``[units, best]``, the strongest first.
      activations: the unit's activation on each ``[units, best]``.
      places: where in ``tiles`` each is ``[units, best]``.
      least_indices: which of the given images excite a unit least ``[units, best]``, the weakest first. They are
        compared before the activation function, where there is one: after a relu, most images are equal.
      least_activations: what the unit computes of each, before the activation function ``[units, best]``.
      least_places: where in ``tiles`` each is ``[units, best]``.
      tiles: small copies ``[m, height, width, channels]`` of all of these images; 1 channel or 3, in 0..255.
      counts: on how many of the given images the activation lies in each bin ``[units, bins]``; the bins are equal.
      ranges: where the first bin begins and the last ends ``[units, 2]``.
      labels: the class of each tile ``[m]``; None where no labels were given.
      boxes: the receptive field of the position where each of the most exciting images excites the unit most: top,
        left, bottom and right in pixels ``[units, best, 4]``. None where units depend on the whole image.
      crops: small copies of these parts ``[units, best, height, width, channels]``. A field that reaches beyond the
        image is filled with grey. None where ``boxes`` is.
    """

    indices: Int[np.ndarray, "units best"]
    activations: Float[np.ndarray, "units best"]
    places: Int[np.ndarray, "units best"]
    least_indices: Int[np.ndarray, "units best"]
    least_activations: Float[np.ndarray, "units best"]
    least_places: Int[np.ndarray, "units best"]
    tiles: UInt8[np.ndarray, "m height width channels"]
    counts: Int[np.ndarray, "units bins"]
    ranges: Float[np.ndarray, "units 2"]
    labels: Int[np.ndarray, " m"] | None = None
    boxes: Int[np.ndarray, "units best 4"] | None = None
    crops: UInt8[np.ndarray, "units best crop_height crop_width channels"] | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns what there is, by name."""
        whole = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: array for name, array in whole.items() if array is not None}


def exciting(
    model: Model, layer: str, images: Float[np.ndarray, "images ..."], labels: Int[np.ndarray, " images"] | None
) -> RealImages:
    """Finds the real images that excite each unit of a layer most and least.

    Args:
      model: the network.
      layer: the layer's name.
      images: on the model's canvas.
      labels: the class of each image; None where it is not known.
    """
    asked, before = units_of(model, layer), model.layer(layer).preactivation
    scores = lowest = measurements.score_each(model, asked, images)
    if before is not None and isinstance(asked, Channel):
        lowest = measurements.score_each(model, dataclasses.replace(asked, layer=before), images)
    best = np.argsort(-scores, axis=0, kind="stable")[:_BEST].T
    least = np.argsort(lowest, axis=0, kind="stable")[:_BEST].T
    which, places = np.unique(np.stack([best, least]), return_inverse=True)
    places = places.reshape(2, *best.shape)
    counts, ranges = _histogram(scores)
    boxes = _boxes(model, layer, images, best)
    return RealImages(
        indices=best,
        activations=np.take_along_axis(scores.T, best, axis=1),
        places=places[0],
        least_indices=least,
        least_activations=np.take_along_axis(lowest.T, least, axis=1),
        least_places=places[1],
        tiles=np.stack([_small(_shown(images[one], model.canvas), _SIDE) for one in which]),
        counts=counts,
        ranges=ranges,
        labels=None if labels is None else labels[which].astype(np.int64),
        boxes=boxes,
        crops=None if boxes is None else _crops(images, best, boxes, model.canvas),
    )


def _histogram(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts the scores ``[images, units]`` of each unit in equal bins, from its least to its largest."""
    known = np.isfinite(scores)
    low = np.where(known, scores, np.inf).min(axis=0)
    high = np.where(known, scores, -np.inf).max(axis=0)
    low, high = (np.where(np.isfinite(low), end, 0).astype(np.float32) for end in (low, high))
    span = np.where(high > low, high - low, 1)
    bins = np.clip(np.where(known, scores - low, 0) / span * _BINS, 0, _BINS - 1).astype(int)
    counts = np.zeros((scores.shape[1], _BINS), np.int64)
    np.add.at(counts, (np.broadcast_to(np.arange(scores.shape[1]), scores.shape)[known], bins[known]), 1)
    return counts, np.stack([low, high], axis=1)


def _boxes(model: Model, layer: str, images: np.ndarray, best: np.ndarray) -> np.ndarray | None:
    """Returns the fields ``[units, best, 4]`` that each unit looked at; None where that is the whole image."""
    fields = receptive_fields(model, layer, images)
    if fields is None or fields.whole:
        return None
    which = np.unique(best)
    places = measurements.peaks(model, layer, images[which])  # [which, units, 2]
    units = np.arange(len(best))[:, None]
    rows, columns = np.moveaxis(places[np.searchsorted(which, best), units], -1, 0)
    vertical, horizontal = fields.rows[rows], fields.columns[columns]
    return np.stack([vertical[..., 0], horizontal[..., 0], vertical[..., 1], horizontal[..., 1]], axis=-1)


def _crops(images: np.ndarray, best: np.ndarray, boxes: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Cuts the boxes out of their images, each in the middle of a grey tile of the largest one's size."""
    height, width = (int((boxes[..., low + 2] - boxes[..., low]).max()) for low in (0, 1))
    shown = {one: _shown(images[one], canvas) for one in np.unique(best).tolist()}
    tiles = []
    for one, box in zip(best.ravel().tolist(), boxes.reshape(-1, 4).tolist(), strict=True):
        top, left, bottom, right = box
        part = shown[one][top:bottom, left:right]
        # At the border of the image the field reaches beyond it on that side.
        above = height - len(part) if top == 0 and bottom < len(shown[one]) else 0
        before = width - part.shape[1] if left == 0 and right < shown[one].shape[1] else 0
        tile = np.full((height, width, part.shape[2]), 128, np.uint8)
        tile[above : above + len(part), before : before + part.shape[1]] = part
        tiles.append(_small(tile, _CROP))
    return np.stack(tiles).reshape(*best.shape, *tiles[0].shape)


def _shown(image: np.ndarray, canvas: Canvas) -> UInt8[np.ndarray, "height width channels"]:
    """Returns an image as it is looked at: channels last, one or three of them, in 0..255."""
    [last] = pictures.channels_last(image[None], canvas.channel_axis)
    return pictures.grey_or_colour(pictures.in_range(last, canvas.low, canvas.high))


def _small(shown: np.ndarray, most: int) -> UInt8[np.ndarray, "height width channels"]:
    """Returns a copy with no side longer than ``most``."""
    height, width, channels = shown.shape
    longest = max(height, width)
    if longest <= most:
        return shown
    sides = max(1, height * most // longest), max(1, width * most // longest)
    small = jax.image.resize(jnp.asarray(shown, jnp.float32), (*sides, channels), "linear")
    return np.asarray(small).round().clip(0, 255).astype(np.uint8)
