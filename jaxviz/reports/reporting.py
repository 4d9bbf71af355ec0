"""Reporting: model + objective + visualization, and real images if there are any -> a report."""

from collections.abc import Callable, Mapping

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxviz import recipes
from jaxviz.ascent.views import channels_last
from jaxviz.networks.activations import Activations
from jaxviz.networks.asking import briefly
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.objectives.expressions import objective_of
from jaxviz.recipes import PRESETS, Recipe
from jaxviz.reports import findings, measurements
from jaxviz.reports.report import Report
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization

__all__ = ["report"]

Judge = Callable[[np.ndarray], np.ndarray]

# What is not known of every image; the rest of a report always is.
_NUMBERS = (
    *("with_transforms", "largest", "percentile", "selectivity", "preferred"),
    *("transfer", "intended", "probability", "rank", "second_probability"),
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
    views: int = 16,
    key: Array | None = None,
) -> Report:
    """Measures the images of a visualization: how far they came, and what else they excite.

    Args:
      model: the network that they were made for.
      objective: what they were made for, the same as ``visualize`` was given.
      visualization: the images.
      recipe: whose transforms the views are drawn by; when left out, the preset that the visualization names, if it
        has its transforms still. A recipe without transforms has no views, and ``with_transforms`` is NaN.
      images: real images ``[images, *canvas.shape]``, to compare with.
      labels: their classes ``[images]``, whole numbers.
      second: another network, of images of the same size, that is asked the same and shown them in its own range.
      second_objective: what it is asked, where its layers have other names: as many objectives, in the same order.
      judges: by name, functions that read classes ``[n]`` in images ``[n, *canvas.shape]``.
      views: how many views of each image are drawn.
      key: the key of their draws, ``jax.random.key(0)`` when left out.

    Raises:
      JaxvizError: the objective is not that of the visualization, or images, labels or readings are of another shape.

    Example:
      >>> import jaxviz
      >>> model, objective = jaxviz.default_model(), jaxviz.objectives.channel("conv2d_1", [3, 7])
      >>> some = jaxviz.visualize(model, objective, steps=8)
      >>> report(model, objective, some).status
      ('alive', 'alive')
    """
    if views < 1:
        raise JaxvizError(f"views of {views}: give 1 or more")
    objective, used = _resolved(objective, model, visualization), _recipe(recipe, visualization)
    real = None if images is None else _real(images, model)
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
    scores = None
    if objective.group == 1:  # what several images reach together is not to be had of one real image
        scores, compared = _compared(model, objective, shown, real)
        intended = measurements.classes(objective, model)
        numbers |= compared | _legible(model, shown, intended)
        if scores is not None and labels is not None:
            numbers["preferred"] = _preferred(scores, np.asarray(labels))
        if second is not None:
            numbers |= _transferred(second, second_objective or objective, model, shown, real, intended)
    return Report(
        labels=visualization.labels,
        status=findings.statuses(visualization, scores),
        dead=visualization.dead,
        agreement=findings.agreement(visualization.restarts, len(visualization)),
        spread=findings.spread(visualization.restart_scores, len(visualization)),
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
    if channels_last(second.canvas).shape != channels_last(model.canvas).shape:
        raise JaxvizError(
            f"a second model of images {second.canvas.shape} for images {model.canvas.shape}; give one size"
        )
    numbers = {}
    theirs = measurements.shown_to(shown, model.canvas, second.canvas)
    if real is not None:
        on_data = measurements.score_each(second, asked, measurements.shown_to(real, model.canvas, second.canvas))
        numbers["transfer"] = findings.share_below(measurements.reached(second, asked, theirs), on_data)
    if intended is not None:
        numbers["second_probability"] = _of_class(measurements.class_probabilities(second, theirs), intended)
    return numbers


def _resolved(objective: Objective | Callable | str, model: Model, visualization: Visualization) -> Objective:
    with briefly():
        resolved = objective_of(objective).resolve(model)
    labels = tuple(label for label in resolved.labels() for _ in range(resolved.group))
    made = visualization.labels
    if resolved.group > 1:
        made = tuple(label.rpartition("#")[0] for label in made)
    if len(labels) != len(made):
        raise JaxvizError(
            f"an objective of {len(labels)} images for a visualization of {len(made)}; give the one it shows"
        )
    for place, (asked, shown) in enumerate(zip(labels, made, strict=True)):
        if asked != shown:
            raise JaxvizError(
                f"image {place} of the visualization shows {shown}, and the objective is {asked}; give its own"
            )
    if visualization.canvas.shape != model.canvas.shape:
        raise JaxvizError(
            f"a visualization of images {visualization.canvas.shape} for a model of images {model.canvas.shape}; "
            "give the model that it was made for"
        )
    return resolved


def _recipe(recipe: str | Recipe | None, visualization: Visualization) -> Recipe | None:
    """Returns the recipe whose transforms are drawn: the one given, or the preset that made the visualization."""
    if recipe is not None:
        return recipes.find(recipe)
    told = visualization.provenance
    preset = PRESETS.get(told.get("recipe", ""))
    if preset is None or any(told.get(name) != str(getattr(preset, name)) for name in ("transforms", "units")):
        return None
    return preset.replace(steps=int(told.get("steps", preset.steps)))


def _real(images: Array | np.ndarray, model: Model) -> np.ndarray:
    real = np.asarray(images, np.float32)
    if real.shape[1:] != model.canvas.shape or not len(real):
        raise JaxvizError(
            f"real images of shape {real.shape}: this model takes [images, {', '.join(map(str, model.canvas.shape))}]"
        )
    return real


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
