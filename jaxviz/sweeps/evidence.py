"""Evidence: what a finished layer's pictures reach, beside real images and weights -> the numbers in its folder."""

import dataclasses
import hashlib

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxviz.files.outputs import staged
from jaxviz.networks.layer import Canvas
from jaxviz.networks.model import Model
from jaxviz.networks.wiring import strongest
from jaxviz.pictures import images as pictures
from jaxviz.recipes import Recipe
from jaxviz.reports import measurements
from jaxviz.reports.report import Report
from jaxviz.reports.reporting import report
from jaxviz.sweeps.aspects import units_of
from jaxviz.sweeps.swept_layers import REAL, REPORT, STRONGEST, SweptLayer
from jaxviz.values.errors import JaxvizError

__all__ = ["Given", "given", "is_measured", "measure"]

_BEST = 9  # real images kept of each unit
_SIDE = 64  # pixels at most of their small copies
_DIGEST, _WIRED = "sha256 of the real images", "strongest weights from"
_TOGETHER = 512 << 20  # bytes of pictures measured together: the real images are scored once for each such block


@dataclasses.dataclass(frozen=True)
class Given:
    """Real images to compare with.

    Attributes:
      images: on the model's canvas.
      digest: what tells them from others.
    """

    images: Float[np.ndarray, "m ..."]
    digest: str


def given(images: Float[Array | np.ndarray, "m ..."], model: Model) -> Given:
    """Checks real images against a model.

    Raises:
      JaxvizError: they have another shape than the network's input, or there are none.
    """
    real = np.ascontiguousarray(np.asarray(images, np.float32))
    if real.shape[1:] != model.canvas.shape or not len(real):
        raise JaxvizError(
            f"real images of shape {real.shape}: this model takes [images, {', '.join(map(str, model.canvas.shape))}]"
        )
    digest = hashlib.sha256(repr(real.shape).encode())
    digest.update(real.data)
    return Given(real, digest.hexdigest())


def is_measured(layer: SweptLayer, real: Given | None) -> bool:
    """Tells whether a layer has its numbers, whole and its own, and beside these real images, if any are given."""
    try:
        there = layer.report
        if there is None or there.labels != layer.labels(np.arange(layer.channels)):
            return False
        digest, wired = there.facts.get(_DIGEST), there.facts.get(_WIRED, "nothing known")
        best, weights = layer.real, layer.strongest
    except (JaxvizError, TypeError, KeyError):  # damaged, or something else
        return False
    if real is not None and digest != real.digest:
        return False
    shown = len(best.places) == layer.channels if best is not None else digest is None
    known = len(weights.channels) == layer.channels if weights is not None else wired == "nothing known"
    return shown and known


def measure(model: Model, layer: SweptLayer, recipe: Recipe, real: Given | None) -> None:
    """Writes the numbers of a layer all of whose pictures are finished.

    Args:
      model: the network.
      layer: one of its layers.
      recipe: how the pictures were made.
      real: real images to compare with.
    """
    parts = []
    images = None if real is None else real.images
    for units, visualization in layer.blocks(most_bytes=_TOGETHER):
        objective = units_of(model, layer.name, units)
        asked = dataclasses.replace(visualization, labels=tuple(objective.labels()))
        told = report(model, objective, asked, recipe=recipe, images=images)
        parts.append(dataclasses.replace(told, labels=visualization.labels))
    found = strongest(model, layer.name)
    whole = Report.concatenate(parts)
    facts = dict(whole.facts)
    if found is not None:
        facts[_WIRED] = found.layer
    if real is not None:
        facts[_DIGEST] = real.digest
    # It says that the others are there, and which: so it goes first, and comes back last.
    (layer.directory / REPORT).unlink(missing_ok=True)
    (layer.directory / REAL).unlink(missing_ok=True)
    with staged(layer.directory) as stage:
        if found is not None:
            np.savez(stage / STRONGEST, allow_pickle=False, **dataclasses.asdict(found))
        if images is not None:
            np.savez(stage / REAL, allow_pickle=False, **_exciting(model, layer.name, images))
    dataclasses.replace(whole, facts=facts).save(layer.directory / REPORT)


def _exciting(model: Model, layer: str, images: np.ndarray) -> dict[str, np.ndarray]:
    """Returns which real images excite each unit most, how much, and small copies of them."""
    scores = measurements.score_each(model, units_of(model, layer), images)
    best = np.argsort(-scores, axis=0, kind="stable")[:_BEST].T
    which, places = np.unique(best, return_inverse=True)
    return {
        "indices": best,
        "activations": np.take_along_axis(scores.T, best, axis=1),
        "tiles": np.stack([_small(images[one], model.canvas) for one in which]),
        "places": places.reshape(best.shape),
    }


def _small(image: np.ndarray, canvas: Canvas) -> UInt8[np.ndarray, "height width channels"]:
    """Returns a copy fit to be looked at: channels last, one or three of them, and no side longer than a tile's."""
    [last] = pictures.channels_last(image[None], canvas.channel_axis)
    shown = pictures.grey_or_colour(pictures.in_range(last, canvas.low, canvas.high))
    height, width, channels = shown.shape
    longest = max(height, width)
    if longest <= _SIDE:
        return shown
    sides = max(1, height * _SIDE // longest), max(1, width * _SIDE // longest)
    small = jax.image.resize(jnp.asarray(shown, jnp.float32), (*sides, channels), "linear")
    return np.asarray(small).round().clip(0, 255).astype(np.uint8)
