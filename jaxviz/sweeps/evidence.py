"""Evidence: the pictures of a finished layer, real images and weights -> the numbers in the layer's folder."""

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Array, Float, Int

from jaxviz.ascent import batches
from jaxviz.ascent.store import Condition
from jaxviz.files.outputs import staged
from jaxviz.networks.model import Model
from jaxviz.networks.wiring import Strongest, strongest, weights_of
from jaxviz.objectives import Objective, class_logit
from jaxviz.recipes import Recipe
from jaxviz.reports import measurements
from jaxviz.reports.likeness import order_by_likeness
from jaxviz.reports.observers import Observer
from jaxviz.reports.report import Report
from jaxviz.reports.reporting import report
from jaxviz.sweeps.aspects import units_of
from jaxviz.sweeps.exciting import RealImages, exciting
from jaxviz.sweeps.selection import shown_in
from jaxviz.sweeps.swept_layers import REAL, REPORT, STRONGEST, SweptLayer
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization

__all__ = ["Given", "condition", "given", "measure"]

_DIGEST, _WIRED, _ALIKE = "sha256 of the real images", "strongest weights from", "units with similar weights"
_WEIGHTS = 12  # strongest weights kept of each unit, of both signs
_OBSERVER = "observer"
_SHORT = 12  # digits of the digest of an observer's weights
_TOGETHER = 512 << 20  # bytes of pictures measured together: the real images are scored once for each such block


@dataclasses.dataclass(frozen=True)
class Given:
    """Real images to compare with.

    Attributes:
      images: the images, in the model's range and layout.
      labels: the class of each; None where it is not known.
      digest: a hash of them.
      observer: decides which of them are closer to the pictures.
      observed: the weights and layers of the observer, as text.
    """

    images: Float[np.ndarray, "m ..."]
    labels: Int[np.ndarray, " m"] | None
    digest: str
    observer: Observer | None = None
    observed: str | None = None


def given(
    images: Float[Array | np.ndarray, "m ..."] | None,
    labels: np.ndarray | Sequence[int] | None,
    model: Model,
    observer: Observer | Model | None = None,
) -> Given | None:
    """Checks real images, and their classes where these are known, against a model; None where there are none.

    Raises:
      JaxvizError: they have another shape than the network's input, an observer or labels are given without any, or the
        labels are not a whole number for each.
    """
    if images is None:
        if observer is not None:
            raise JaxvizError("an observer compares real images; give them by images=")
        return None
    real = np.ascontiguousarray(np.asarray(images, np.float32))
    if real.shape[1:] != model.canvas.shape or not len(real):
        raise JaxvizError(
            f"real images of shape {real.shape}: this model takes [images, {', '.join(map(str, model.canvas.shape))}]"
        )
    digest = hashlib.sha256(repr(real.shape).encode())
    digest.update(real.data)
    classes = None if labels is None else np.asarray(labels)
    if classes is not None:
        if classes.shape != (len(real),) or classes.dtype.kind not in "iu":
            raise JaxvizError(
                f"labels of shape {classes.shape} and {classes.dtype}: "
                f"give a whole number for each of {len(real)} images"
            )
        classes = classes.astype(np.int64)
        digest.update(np.ascontiguousarray(classes).data)
    if observer is None:
        return Given(real, classes, digest.hexdigest())
    looking = Observer(observer) if isinstance(observer, Model) else observer
    told = f"{batches.digest(looking.model)[:_SHORT]}: {', '.join(looking.read)}, grid {looking.grid}"
    return Given(real, classes, digest.hexdigest(), looking, told)


def condition(layer: SweptLayer, recipe: str, real: Given | None) -> Condition:
    """Returns whether a recipe's pictures of a layer have their numbers, for these real images if there are any.

    Numbers for other real images count as missing; incomplete numbers, and those of another layer, as damaged.
    """
    if not layer.has_numbers(recipe):
        return "missing"
    try:
        there = layer.report_of(recipe)
        if there is None or not _is_of_units(there.labels, layer):
            return "damaged"
        if there.labels != layer.labels(np.arange(layer.channels)):
            return "missing"  # its classes have other names by now
        digest, wired = there.facts.get(_DIGEST), there.facts.get(_WIRED, "nothing known")
        best, weights, alike = layer.real, layer.strongest, layer.alike
    except (JaxvizError, TypeError, KeyError):  # damaged, or something else
        return "damaged"
    if real is not None and digest != real.digest:
        return "missing"
    if real is not None and real.observed is not None and there.facts.get(_OBSERVER) != _observed(real, layer, recipe):
        return "missing"
    # Without a digest of its own, real images may be there that another recipe's numbers were measured with.
    expected = digest or any(_digest_of(layer, other) for other in layer.recipes)
    shown = _is_whole(best, layer) if expected else best is None
    known = len(weights.channels) == layer.channels if weights is not None else wired == "nothing known"
    ordered = _ALIKE not in there.facts or (alike is not None and len(alike) == layer.channels)
    return "sound" if shown and known and ordered else "damaged"


def _is_of_units(labels: Sequence[str], layer: SweptLayer) -> bool:
    """Tells whether labels are those of a layer's units, in order, whatever the units are called."""
    units = [f"{layer.name}:{number}" for number in range(layer.channels)]
    return len(labels) == len(units) and all(
        label == unit or label.startswith(f"{unit} ") for label, unit in zip(labels, units, strict=True)
    )


def measure(model: Model, layer: SweptLayer, recipe: Recipe, real: Given | None) -> None:
    """Writes the numbers of a layer whose pictures by a recipe are all finished.

    The strongest weights and the real images are in the folder of the layer, once for all recipes.

    Args:
      model: the network.
      layer: one of its layers.
      recipe: the recipe of the pictures.
      real: real images to compare with.
    """
    parts = []
    images = None if real is None else real.images
    blocks = layer.blocks(recipe=recipe.name, most_bytes=_TOGETHER)
    opposite = layer.blocks("negative", recipe=recipe.name, most_bytes=_TOGETHER)
    for units, visualization in blocks:
        objective = units_of(model, layer.name, units)
        asked = dataclasses.replace(visualization, labels=tuple(objective.labels()))
        _, negative = next(opposite, (None, None)) if "negative" in layer.aspects else (None, None)
        labels, observing = None if real is None else real.labels, _observing(model, objective, real, negative)
        told = report(model, objective, asked, recipe=recipe, images=images, labels=labels, **observing)
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
        if observed := _observed(real, layer, recipe.name):
            facts[_OBSERVER] = observed
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


def _observing(model: Model, objective: Objective, real: Given | None, negative: Visualization | None) -> dict:
    """Returns what a report is told of an observer; one that knows as many classes also says whether it reads them."""
    if real is None or real.observer is None:
        return {}
    observing: dict = {"observer": real.observer, "negative": negative}
    reader, asked = real.observer.model, objective.resolve(model)
    intended = measurements.classes(asked, model)
    if intended is None or reader.layer(reader.output).output_shape != model.layer(model.output).output_shape:
        return observing
    return observing | {"second": reader, "second_objective": class_logit(intended)}


def _observed(real: Given, layer: SweptLayer, recipe: str) -> str | None:
    """Returns what numbers were measured with, beside the real images: the observer, and pictures of what silences."""
    if real.observed is None:
        return None
    pairs = layer.finished("negative", recipe) == layer.channels
    return f"{real.observed}{', with what silences each unit' if pairs else ''}"


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
