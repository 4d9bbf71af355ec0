"""Evidence: what a finished layer's pictures reach, beside real images and weights -> the numbers in its folder."""

import dataclasses
import hashlib

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from jaxviz import images as pictures
from jaxviz import measurements
from jaxviz.errors import JaxvizError
from jaxviz.model import Canvas, Model
from jaxviz.outputs import staged
from jaxviz.recipes import Recipe
from jaxviz.reporting import report
from jaxviz.reports import Report
from jaxviz.sweeps.aspects import units_of
from jaxviz.sweeps.results import REAL, REPORT, STRONGEST, SweptLayer
from jaxviz.wiring import strongest

__all__ = ["is_measured", "measure"]

_BEST = 9  # real images kept of each unit
_SIDE = 64  # pixels at most of their small copies
_DIGEST = "sha256 of the real images"


def is_measured(layer: SweptLayer, images: Float[np.ndarray, "m ..."] | None) -> bool:
    """Tells whether a layer has its numbers, and beside these real images, if any are given."""
    try:
        there = layer.report
    except JaxvizError:  # damaged; it is made again
        return False
    return there is not None and (images is None or there.facts.get(_DIGEST) == _digest(images))


def measure(model: Model, layer: SweptLayer, recipe: Recipe, images: Float[np.ndarray, "m ..."] | None) -> None:
    """Writes the numbers of a layer all of whose pictures are finished.

    Args:
      model: the network.
      layer: one of its layers.
      recipe: how the pictures were made.
      images: real images on the model's canvas.
    """
    parts = []
    for units, visualization in layer.blocks():
        objective = units_of(model, layer.name, units)
        asked = dataclasses.replace(visualization, labels=tuple(objective.labels()))
        told = report(model, objective, asked, recipe=recipe, images=images)
        parts.append(dataclasses.replace(told, labels=visualization.labels))
    whole = Report.concatenate(parts)
    if images is not None:
        whole = dataclasses.replace(whole, facts={**whole.facts, _DIGEST: _digest(images)})
    with staged(layer.directory) as stage:
        found = strongest(model, layer.name)
        if found is not None:
            np.savez(stage / STRONGEST, allow_pickle=False, **dataclasses.asdict(found))
        if images is not None:
            np.savez(stage / REAL, allow_pickle=False, **_exciting(model, layer.name, images))
    whole.save(layer.directory / REPORT)  # last: it says that the others are there


def _exciting(model: Model, layer: str, images: np.ndarray) -> dict[str, np.ndarray]:
    """Returns which real images excite each unit most, how much, and small copies of them."""
    scores = measurements.score_each(model, units_of(model, layer), images)
    best = np.argsort(-scores, axis=0, kind="stable")[:_BEST].T
    which, places = np.unique(best, return_inverse=True)
    return {
        "indices": best,
        "activations": np.take_along_axis(scores.T, best, axis=1),
        "tiles": _small(images[which], model.canvas),
        "places": places.reshape(best.shape),
    }


def _small(images: np.ndarray, canvas: Canvas) -> UInt8[np.ndarray, "m height width channels"]:
    """Returns copies fit to be looked at: channels last, one or three of them, and no side longer than a tile's."""
    last = pictures.channels_last(images, canvas.channel_axis)
    shown = pictures.grey_or_colour(pictures.in_range(last, canvas.low, canvas.high))
    count, height, width, channels = shown.shape
    longest = max(height, width)
    if longest <= _SIDE:
        return shown
    sides = max(1, height * _SIDE // longest), max(1, width * _SIDE // longest)
    tiles = [
        np.asarray(jax.image.resize(jnp.asarray(image, jnp.float32), (*sides, channels), "linear")) for image in shown
    ]
    return np.stack(tiles).round().clip(0, 255).astype(np.uint8).reshape(count, *sides, channels)


def _digest(images: np.ndarray) -> str:
    return hashlib.sha256(repr(images.shape).encode() + np.ascontiguousarray(images).tobytes()).hexdigest()
