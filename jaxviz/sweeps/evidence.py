"""Evidence: the pictures of a finished layer, real images and weights -> the numbers in the layer's folder."""

import dataclasses
import hashlib

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from jaxviz.ascent.store import Condition
from jaxviz.files.outputs import staged
from jaxviz.networks.layer import Canvas
from jaxviz.networks.model import Model
from jaxviz.networks.wiring import Strongest, strongest
from jaxviz.pictures import images as pictures
from jaxviz.recipes import Recipe
from jaxviz.reports import measurements
from jaxviz.reports.report import Report
from jaxviz.reports.reporting import report
from jaxviz.sweeps.aspects import units_of
from jaxviz.sweeps.selection import shown_in
from jaxviz.sweeps.swept_layers import REAL, REPORT, STRONGEST, RealImages, SweptLayer
from jaxviz.values.errors import JaxvizError

__all__ = ["Given", "condition", "given", "measure"]

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


def condition(layer: SweptLayer, recipe: str, real: Given | None) -> Condition:
    """Tells whether a recipe's pictures of a layer have their numbers, beside these real images if any are given.

    Numbers beside other real images count as missing; incomplete ones, and another layer's, as damaged.
    """
    if not layer.has_numbers(recipe):
        return "missing"
    try:
        there = layer.report_of(recipe)
        if there is None or there.labels != layer.labels(np.arange(layer.channels)):
            return "damaged"
        digest, wired = there.facts.get(_DIGEST), there.facts.get(_WIRED, "nothing known")
        best, weights = layer.real, layer.strongest
    except (JaxvizError, TypeError, KeyError):  # damaged, or something else
        return "damaged"
    if real is not None and digest != real.digest:
        return "missing"
    # Without a digest of its own, real images may be there that another recipe's numbers were measured with.
    expected = digest or any(_digest_of(layer, other) for other in layer.recipes)
    shown = _is_whole(best, layer) if expected else best is None
    known = len(weights.channels) == layer.channels if weights is not None else wired == "nothing known"
    return "sound" if shown and known else "damaged"


def measure(model: Model, layer: SweptLayer, recipe: Recipe, real: Given | None) -> None:
    """Writes the numbers of a layer all of whose pictures by a recipe are finished.

    The strongest weights and the real images stand once in the folder of the layer, for all recipes.

    Args:
      model: the network.
      layer: one of its layers.
      recipe: how the pictures were made.
      real: real images to compare with.
    """
    parts = []
    images = None if real is None else real.images
    for units, visualization in layer.blocks(recipe=recipe.name, most_bytes=_TOGETHER):
        objective = units_of(model, layer.name, units)
        asked = dataclasses.replace(visualization, labels=tuple(objective.labels()))
        told = report(model, objective, asked, recipe=recipe, images=images)
        parts.append(dataclasses.replace(told, labels=visualization.labels))
    found = _strongest(model, layer)
    whole = Report.concatenate(parts)
    facts = dict(whole.facts)
    if found is not None:
        facts[_WIRED] = found.layer
    if real is not None:
        facts[_DIGEST] = real.digest
    # A report says that the other files are there, and which: so it is removed first, and written last.
    (layer.folder(recipe.name) / REPORT).unlink(missing_ok=True)
    kept = _keeps_real_images(layer, real)
    if not kept:
        (layer.directory / REAL).unlink(missing_ok=True)
    with staged(layer.directory) as stage:
        if found is not None:
            np.savez(stage / STRONGEST, allow_pickle=False, **dataclasses.asdict(found))
        if images is not None and not kept:
            np.savez(stage / REAL, allow_pickle=False, **_exciting(model, layer.name, images))
    dataclasses.replace(whole, facts=facts).save(layer.folder(recipe.name) / REPORT)


def _strongest(model: Model, layer: SweptLayer) -> Strongest | None:
    """Finds the strongest weights to each unit; layers are named by where their units are shown."""
    shown = shown_in(model.layers)
    learned = next((name for name, where in shown.items() if where == layer.name), layer.name)
    found = strongest(model, learned)
    if found is None:
        return None
    where = shown.get(found.layer, found.layer)
    return dataclasses.replace(found, layer=where if where in layer.manifest.swept else found.layer)


def _keeps_real_images(layer: SweptLayer, real: Given | None) -> bool:
    """Returns True where another recipe's numbers need the real images that the layer's folder has.

    Numbers that were measured with other real images than the given ones are removed.
    """
    digests = {recipe: _digest_of(layer, recipe) for recipe in layer.recipes}
    for recipe, digest in digests.items():
        if real is not None and digest is not None and digest != real.digest:
            (layer.folder(recipe) / REPORT).unlink(missing_ok=True)
            digests[recipe] = None
    try:
        return any(digests.values()) and _is_whole(layer.real, layer)
    except (JaxvizError, TypeError):  # damaged
        return False


def _is_whole(real: RealImages | None, layer: SweptLayer) -> bool:
    return real is not None and len(real.places) == layer.channels


def _digest_of(layer: SweptLayer, recipe: str) -> str | None:
    """Returns the digest of the real images that a recipe's numbers were measured with; None where it is not known."""
    try:
        there = layer.report_of(recipe)
    except JaxvizError:
        return None
    return None if there is None else there.facts.get(_DIGEST)


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
