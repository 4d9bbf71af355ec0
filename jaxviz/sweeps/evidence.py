"""Evidence: what a finished layer's pictures reach, beside real images and weights -> the numbers in its folder."""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Array, Float, Int

from jaxviz.ascent.store import Condition
from jaxviz.files.outputs import staged
from jaxviz.networks.model import Model
from jaxviz.networks.wiring import Strongest, strongest, weights_of
from jaxviz.recipes import Recipe
from jaxviz.reports.likeness import order_by_likeness
from jaxviz.reports.report import Report
from jaxviz.reports.reporting import report
from jaxviz.sweeps.aspects import units_of
from jaxviz.sweeps.exciting import RealImages, exciting
from jaxviz.sweeps.selection import shown_in
from jaxviz.sweeps.swept_layers import REAL, REPORT, STRONGEST, SweptLayer
from jaxviz.values.errors import JaxvizError

__all__ = ["Given", "condition", "given", "measure"]

_DIGEST, _WIRED, _ALIKE = "sha256 of the real images", "strongest weights from", "units with similar weights"
_WEIGHTS = 12  # strongest weights kept of each unit, of both signs
_TOGETHER = 512 << 20  # bytes of pictures measured together: the real images are scored once for each such block


@dataclasses.dataclass(frozen=True)
class Given:
    """Real images to compare with.

    Attributes:
      images: on the model's canvas.
      labels: the class of each; None where it is not known.
      digest: what tells them from others.
    """

    images: Float[np.ndarray, "m ..."]
    labels: Int[np.ndarray, " m"] | None
    digest: str


def given(images: Float[Array | np.ndarray, "m ..."], labels: np.ndarray | Sequence[int] | None, model: Model) -> Given:
    """Checks real images, and their classes where these are known, against a model.

    Raises:
      JaxvizError: they have another shape than the network's input, or there are none, or the labels are not a whole
        number for each.
    """
    real = np.ascontiguousarray(np.asarray(images, np.float32))
    if real.shape[1:] != model.canvas.shape or not len(real):
        raise JaxvizError(
            f"real images of shape {real.shape}: this model takes [images, {', '.join(map(str, model.canvas.shape))}]"
        )
    digest = hashlib.sha256(repr(real.shape).encode())
    digest.update(real.data)
    if labels is None:
        return Given(real, None, digest.hexdigest())
    classes = np.asarray(labels)
    if classes.shape != (len(real),) or classes.dtype.kind not in "iu":
        raise JaxvizError(
            f"labels of shape {classes.shape} and {classes.dtype}: give a whole number for each of {len(real)} images"
        )
    digest.update(np.ascontiguousarray(classes, np.int64).data)
    return Given(real, classes.astype(np.int64), digest.hexdigest())


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
        best, weights, alike = layer.real, layer.strongest, layer.alike
    except (JaxvizError, TypeError, KeyError):  # damaged, or something else
        return "damaged"
    if real is not None and digest != real.digest:
        return "missing"
    # Without a digest of its own, real images may be there that another recipe's numbers were measured with.
    expected = digest or any(_digest_of(layer, other) for other in layer.recipes)
    shown = _is_whole(best, layer) if expected else best is None
    known = len(weights.channels) == layer.channels if weights is not None else wired == "nothing known"
    ordered = _ALIKE not in there.facts or (alike is not None and len(alike) == layer.channels)
    return "sound" if shown and known and ordered else "damaged"


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
        labels = None if real is None else real.labels
        told = report(model, objective, asked, recipe=recipe, images=images, labels=labels)
        parts.append(dataclasses.replace(told, labels=visualization.labels))
    found, weights = _strongest(model, layer), weights_of(model, _learned(model, layer))
    whole = Report.concatenate(parts)
    facts = dict(whole.facts)
    if found is not None:
        facts[_WIRED] = found.layer
    if weights is not None:
        facts[_ALIKE] = "neighbours in a greedy chain"
    if real is not None:
        facts[_DIGEST] = real.digest
    # A report says that the other files are there, and which: so it is removed first, and written last.
    (layer.folder(recipe.name) / REPORT).unlink(missing_ok=True)
    kept = _keeps_real_images(layer, real)
    if not kept:
        (layer.directory / REAL).unlink(missing_ok=True)
    with staged(layer.directory) as stage:
        arrays = {} if found is None else dataclasses.asdict(found)
        if weights is not None:
            arrays["order"] = order_by_likeness(weights)
        if arrays:
            np.savez(stage / STRONGEST, allow_pickle=False, **arrays)
        if real is not None and not kept:
            shown = exciting(model, layer.name, real.images, real.labels)
            np.savez(stage / REAL, allow_pickle=False, **shown.arrays())
    dataclasses.replace(whole, facts=facts).save(layer.folder(recipe.name) / REPORT)


def _strongest(model: Model, layer: SweptLayer) -> Strongest | None:
    """Finds the strongest weights to each unit; layers are named by where their units are shown."""
    shown = shown_in(model.layers)
    found = strongest(model, _learned(model, layer), _WEIGHTS)
    if found is None:
        return None
    where = shown.get(found.layer, found.layer)
    return dataclasses.replace(found, layer=where if where in layer.manifest.swept else found.layer)


def _learned(model: Model, layer: SweptLayer) -> str:
    """Names the convolution or dense layer whose units are shown in a layer."""
    return next((name for name, where in shown_in(model.layers).items() if where == layer.name), layer.name)


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
