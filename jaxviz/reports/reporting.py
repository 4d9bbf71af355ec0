"""Reporting: model + objective + visualization, and real images if there are any -> a report."""

from collections.abc import Callable, Mapping

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxviz import recipes
from jaxviz.ascent.views import channels_last
from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.recipes import PRESETS, Recipe
from jaxviz.reports import appearance, findings, measurements
from jaxviz.reports.explanations import explained
from jaxviz.reports.inputs import real_of, resolved_for
from jaxviz.reports.observers import Observing
from jaxviz.reports.report import Report
from jaxviz.transforms import Affine, Scale
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization

__all__ = ["report"]

Judge = Callable[[np.ndarray], np.ndarray]

# What is not known of every image; the rest of a report always is.
_NUMBERS = (
    *("with_transforms", "largest", "percentile", "selectivity", "preferred"),
    *("transfer", "intended", "probability", "rank", "second_probability", "second_rank", "spectrum"),
    *("interpretability", "interpretability_error", "chance", "ceiling", "with_negative"),
)


def report(
    model: Model,
    objective: Objective | Callable[[Activations], Float[Array, ""]] | str,
    visualization: Visualization,
    *,
    recipe: str | Recipe | None = None,
    images: Float[Array | np.ndarray, "images ..."] | None = None,
    labels: np.ndarray | None = None,
    second: Model | None = None,
    second_objective: Objective | None = None,
    judges: Mapping[str, Judge] | None = None,
    observer: Observing | None = None,
    negative: Visualization | None = None,
    views: int = 16,
    key: Array | None = None,
) -> Report:
    """Measures the images of a visualization: what activations they reach, and what else they activate.

    Args:
      model: the network that the images were made for.
      objective: the objective that ``visualize`` was called with.
      visualization: the images.
      recipe: the recipe whose transforms draw the views; by default the preset that the visualization names, if its
        transforms are still the same. Without transforms there are no views, and ``with_transforms`` is NaN.
      images: real images ``[images, *canvas.shape]`` to compare with.
      labels: their classes ``[images]``, integers.
      second: another network for images of the same size; it scores the same images, converted to its own range.
      second_objective: its objective, if its layers have other names: as many objectives, in the same order.
      observer: a network, or a function, that decides which real images are closer to the pictures, see
        `jaxviz.reports.interpretability`; it needs images.
      negative: pictures that minimize the same units, which help the observer.
      judges: functions, by name, that return the classes ``[n]`` of images ``[n, *canvas.shape]``.
      views: the number of views of each image.
      key: the key of the views, by default ``jax.random.key(0)``.

    Raises:
      JaxvizError: the objective is not that of the visualization, or images, labels or readings have another shape.

    Example:
      >>> import jaxviz
      >>> model, objective = jaxviz.default_model(), jaxviz.objectives.channel("conv2d_1", [3, 7])
      >>> some = jaxviz.visualize(model, objective, steps=8)
      >>> report(model, objective, some).status
      ('alive', 'alive')
    """
    if views < 1:
        raise JaxvizError(f"views of {views}: give 1 or more")
    objective, used = resolved_for(objective, model, visualization), _recipe(recipe, visualization)
    real = None if images is None else real_of(images, model)
    shown = measurements.plain(visualization.images, model.canvas)
    facts = {"recipe": visualization.provenance.get("recipe", "unknown")}
    if real is not None:
        facts["real images"] = str(len(real))
    numbers = dict.fromkeys(_NUMBERS, np.full(len(visualization), np.nan))
    numbers["reached"] = _reached(model, objective, visualization.images)
    if used and used.transforms:
        drawn = {"recipe": used, "views": views, "key": jax.random.key(0) if key is None else key}
        numbers["with_transforms"] = _reached(model, objective, visualization.images, **drawn)
        facts["views"] = f"{views} of each image, by the transforms of {used.name}"
    moved = {"recipe": _moved(model), "views": views, "key": jax.random.key(0) if key is None else key}
    survived = _reached(model, objective, visualization.images, **moved)
    if real is not None:
        numbers["spectrum"] = appearance.spectrum_distance(shown, real, model.canvas)
    scores = None
    if objective.group == 1:  # what several images reach together is not to be had of one real image
        scores, compared = _compared(model, objective, shown, real)
        intended = measurements.classes(objective, model)
        numbers |= compared | _legible(model, shown, intended)
        if scores is not None and labels is not None:
            numbers["preferred"] = _preferred(scores, np.asarray(labels))
        if observer is not None:
            if real is None or scores is None:
                raise JaxvizError("an observer compares real images; give them by images=")
            against = None if negative is None else measurements.plain(negative.images, model.canvas)
            told = explained(model, shown, real, scores, observer, against)
            numbers |= {"interpretability": told.share, "interpretability_error": told.error, "chance": told.chance}
            numbers |= {"ceiling": told.ceiling, "with_negative": told.both}
        if second is not None:
            numbers |= _transferred(second, second_objective or objective, model, shown, real, intended)
    return Report(
        labels=visualization.labels,
        status=findings.statuses(visualization, scores),
        dead=visualization.dead,
        agreement=findings.agreement(visualization.restarts, len(visualization)),
        spread=findings.spread(visualization.restart_scores, len(visualization)),
        survival=findings.share_left(survived, numbers["reached"]),
        ends=appearance.share_at_ends(shown, model.canvas),
        nan_from=np.where(visualization.not_a_number, visualization.nan_from, np.nan),
        judges={name: _read(name, judge, shown) for name, judge in (judges or {}).items()},
        facts=facts,
        **{name: np.asarray(values, float) for name, values in numbers.items()},
    )


def _reached(model: Model, objective: Objective, images: np.ndarray, **drawn) -> np.ndarray:
    return np.repeat(measurements.reached(model, objective, images, **drawn), objective.group)


def _compared(
    model: Model, objective: Objective, shown: np.ndarray, real: np.ndarray | None
) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    """Returns the scores of the real images ``[images, n]``, and what they and the layer's other units tell."""
    units, scores, every, numbers = measurements.units(objective, model), None, None, {}
    if real is not None:
        every = None if units is None else measurements.score_each(model, units[0], real)
        if units is not None and every is not None and type(units[0]) is type(objective):
            scores = every[:, units[1]]  # the layer has been computed once for all of its units
        else:
            scores = measurements.score_each(model, objective, real)
        numbers = {"largest": scores.max(axis=0), "percentile": np.percentile(scores, 99.9, axis=0)}
    if units is not None:
        excited = measurements.score_each(model, units[0], shown)
        numbers["selectivity"] = findings.selectivity(excited, units[1], every)
    return scores, numbers


def _legible(model: Model, shown: np.ndarray, intended: np.ndarray | None) -> dict[str, np.ndarray]:
    """Returns what the model itself makes of images of classes."""
    if intended is None:
        return {}
    found = measurements.class_probabilities(model, shown)
    return {"intended": intended, "rank": findings.rank(found, intended), "probability": _of_class(found, intended)}


def _transferred(
    second: Model,
    objective: Objective,
    model: Model,
    shown: np.ndarray,
    real: np.ndarray | None,
    intended: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """Returns what the second model makes of the images, which it is shown in its own range and layout."""
    asked = objective.resolve(second)
    if measurements.count_of(asked) != len(shown):
        raise JaxvizError(
            f"{measurements.count_of(asked)} objectives of the second model for {len(shown)} images; give as many"
        )
    theirs, own = channels_last(second.canvas).shape, channels_last(model.canvas).shape
    if len(theirs) != len(own) or theirs[-1] != own[-1]:
        raise JaxvizError(
            f"a second model of images {second.canvas.shape} for images {model.canvas.shape}; give one of such images"
        )
    numbers = {}
    looked = measurements.shown_to(shown, model.canvas, second.canvas)
    if real is not None:
        on_data = measurements.score_each(second, asked, measurements.shown_to(real, model.canvas, second.canvas))
        numbers["transfer"] = findings.share_below(measurements.reached(second, asked, looked), on_data)
    if intended is not None:
        found = measurements.class_probabilities(second, looked)
        numbers["second_probability"] = _of_class(found, intended)
        if intended.max() < found.shape[1]:
            numbers["second_rank"] = findings.rank(found, intended)
    return numbers


def _recipe(recipe: str | Recipe | None, visualization: Visualization) -> Recipe | None:
    """Returns the recipe whose transforms are drawn: the one given, or the preset that made the visualization."""
    if recipe is not None:
        return recipes.find(recipe)
    told = visualization.provenance
    preset = PRESETS.get(told.get("recipe", ""))
    if preset is None or any(told.get(name) != str(getattr(preset, name)) for name in ("transforms", "units")):
        return None
    return preset.replace(steps=int(told.get("steps", preset.steps)))


def _moved(model: Model) -> Recipe:
    """Returns a recipe whose views show whether a picture is more than a pattern of pixels; the same for all recipes.

    Turned by up to 10 degrees, a tenth larger or smaller, and moved by up to a 28th of the shorter side; images that do
    not have two spatial axes are only scaled.
    """
    spatial = channels_last(model.canvas).shape[:-1]
    affine = Affine(degrees=10, low=0.9, high=1.1, pixels=min(spatial, default=0) / 28)
    return PRESETS["plain"].replace(transforms=(affine if len(spatial) == 2 else Scale(0.9, 1.1),))


def _preferred(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the class whose real images score highest on average; NaN for a unit to which all are the same."""
    if labels.shape != scores.shape[:1] or labels.dtype.kind not in "iu":
        raise JaxvizError(f"labels of shape {labels.shape} and {labels.dtype}: give a whole number for each real image")
    known = np.unique(labels)
    means = np.stack([scores[labels == one].mean(axis=0) for one in known])
    return np.where(np.ptp(means, axis=0) > 0, known[means.argmax(axis=0)], np.nan)


def _of_class(probabilities: np.ndarray, intended: np.ndarray) -> np.ndarray:
    """Returns the probability of the class that was asked for; NaN where there is no such class."""
    count = probabilities.shape[1]
    if not count:
        return np.full(len(intended), np.nan)
    picked = probabilities[np.arange(len(intended)), np.minimum(intended, count - 1)]
    return np.where(intended < count, picked, np.nan)


def _read(name: str, judge: Judge, shown: np.ndarray) -> np.ndarray:
    read = np.asarray(judge(shown))
    if read.shape != (len(shown),) or read.dtype.kind not in "iuf":
        raise JaxvizError(
            f"judge {name!r} gives {read.dtype} of shape {read.shape} for {len(shown)} images; give classes"
        )
    return read.astype(float)
