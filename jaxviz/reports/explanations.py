"""Explanations: pictures + real images + an observer -> how well the pictures tell which images excite a unit."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Array, Float

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.reports import findings, measurements
from jaxviz.reports.inputs import real_of, resolved_for
from jaxviz.reports.observers import Features, Observer, Observing, features_of
from jaxviz.values.displays import Displayed
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization

__all__ = ["Interpretability", "explained", "interpretability"]

_BEST = 0.02  # of the images: 20 of a thousand
_FEWEST = 8  # images, of which 4 are the lower half
_NOTHING = 1e-4  # standard deviations: what rounding leaves of an image that is as the real ones are on average
_OTHERS = 8  # other units' pictures that chance is measured with


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Interpretability(Displayed):
    """How often each picture tells right which of two real images excites its unit more; 0.5 is guessing.

    A number is NaN where a unit has the same score on all of the best and the lower half of the images, or where what
    it is measured with is not there.

    Attributes:
      share: the share of pairs that the picture tells right.
      error: the standard error of that share, over the choice of images.
      chance: the same share by other units' pictures, the mean of up to eight.
      ceiling: the same share by the unit's best real image, which is in none of the pairs.
      both: the same share where what is closer to the picture of what silences the unit counts against an image.
    """

    share: Float[np.ndarray, " n"]
    error: Float[np.ndarray, " n"]
    chance: Float[np.ndarray, " n"]
    ceiling: Float[np.ndarray, " n"]
    both: Float[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.share)

    def __repr__(self) -> str:
        means = [
            f"{name} {np.nanmean(values):.3f}"
            for name in ("share", "chance", "ceiling", "both")
            if not np.isnan(values := getattr(self, name)).all()
        ]
        return f"Interpretability({len(self)} units: {', '.join(means) or 'nothing known'})"


def interpretability(
    model: Model,
    objective: Objective | Callable[[Activations], Float[Array, ""]],
    visualization: Visualization,
    images: Float[Array | np.ndarray, "images ..."],
    *,
    observer: Observing,
    negative: Visualization | None = None,
) -> Interpretability:
    """Measures whether pictures help to predict their units, with a network in the place of people.

    For each pair of one of a unit's best real images (a fiftieth of all) and one of the lower half, the observer says
    which is closer to the unit's picture: by the cosine of their features, each standardized over the real images,
    averaged over the observer's layers. The number is the share of pairs in which that is the better image.
    Borowski et al., "Exemplary natural images explain CNN activations better than state-of-the-art feature
    visualization", ICLR 2021, https://arxiv.org/abs/2010.12606, asked people so; Zimmermann, Klindt and Brendel,
    NeurIPS 2024, replace them by such an observer. The error is DeLong's, Biometrics 1988.

    Args:
      model: the network.
      objective: what the pictures were made for, the same as ``visualize`` was given.
      visualization: the pictures.
      images: real images ``[images, *canvas.shape]``, eight or more.
      observer: who compares images: an `Observer`, another model, or a function of images to features.
      negative: pictures of what silences the same units, as ``visualize(model, -objective)`` makes them.

    Raises:
      JaxvizError: the objective is not that of the visualization, the observer is the network that is explained, or
        there are fewer than eight images or of another shape.

    Example:
      >>> import jaxviz, numpy as np
      >>> model, objective = jaxviz.default_model(), jaxviz.objectives.channel("conv2d_1", [3, 7])
      >>> some, digits = jaxviz.visualize(model, objective, steps=8), np.random.default_rng(0).random((50, 28, 28, 1))
      >>> len(interpretability(model, objective, some, digits, observer=lambda images: images.mean((1, 3))))
      2
    """
    asked = resolved_for(objective, model, visualization)
    if asked.group > 1:
        raise JaxvizError(f"pictures of {asked.group} images together explain no unit; give those of one image each")
    real = real_of(images, model)
    scores = measurements.score_each(model, asked, real)
    shown = measurements.plain(visualization.images, model.canvas)
    against = None if negative is None else measurements.plain(negative.images, model.canvas)
    return explained(model, shown, real, scores, observer, against)


def explained(
    model: Model,
    shown: Float[np.ndarray, "n ..."],
    real: Float[np.ndarray, "images ..."],
    scores: Float[np.ndarray, "images n"],
    observer: Observing,
    against: Float[np.ndarray, "n ..."] | None = None,
) -> Interpretability:
    """Does what `interpretability` says, of pictures and scores that are known.

    Args:
      model: the network.
      shown: the pictures, on its canvas.
      real: the real images.
      scores: of each real image by the objective of each picture.
      observer: who compares them.
      against: pictures of what silences the units.
    """
    _check(model, observer, len(real), shown, against)
    seen = _Seen.of(features_of(observer, real, model.canvas))
    close = seen.closeness(seen.standardized(features_of(observer, shown, model.canvas)))
    apart = None
    if against is not None:
        apart = close - seen.closeness(seen.standardized(features_of(observer, against, model.canvas)))
    order = np.argsort(-scores, axis=0, kind="stable")
    ideal = seen.closeness(tuple(layer[order[0]] for layer in seen.layers))
    count = len(shown)
    rows_away = np.unique(np.linspace(1, count - 1, min(_OTHERS, count - 1)).astype(int))  # of other units' pictures
    rows = []
    for unit in range(count):
        others = close[(unit + rows_away) % count]
        minus = None if apart is None else apart[unit]
        rows.append(_of_unit(scores[:, unit], order[:, unit], close[unit], ideal[unit], others, minus))
    share, error, chance, ceiling, both = np.array(rows, float).T
    return Interpretability(share=share, error=error, chance=chance, ceiling=ceiling, both=both)


@dataclasses.dataclass(frozen=True)
class _Seen:
    """The real images as an observer sees them: for each layer, vectors of length 1 about their mean."""

    layers: Features
    means: tuple[np.ndarray, ...]
    deviations: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, features: Features) -> "_Seen":
        means = tuple(layer.mean(axis=0) for layer in features)
        deviations = tuple(layer.std(axis=0) for layer in features)
        whole = cls((), means, deviations)
        return dataclasses.replace(whole, layers=whole.standardized(features))

    def standardized(self, features: Features) -> Features:
        """Returns features in standard deviations from the mean of the real images, each image's of length 1."""
        parts = []
        for layer, mean, deviation in zip(features, self.means, self.deviations, strict=True):
            away = np.divide(
                layer - mean, deviation, out=np.zeros_like(layer), where=deviation > findings.SILENT * np.abs(mean)
            )
            length = np.linalg.norm(away, axis=1, keepdims=True)
            parts.append(np.divide(away, length, out=np.zeros_like(away), where=length > _NOTHING))
        return tuple(parts)

    def closeness(self, pictures: Features) -> Float[np.ndarray, "n images"]:
        """Returns the cosine of each picture and each real image, averaged over the layers."""
        return np.mean([picture @ real.T for picture, real in zip(pictures, self.layers, strict=True)], axis=0)


def _of_unit(
    scores: np.ndarray,
    order: np.ndarray,
    close: np.ndarray,
    ideal: np.ndarray,
    others: np.ndarray,
    apart: np.ndarray | None,
) -> tuple[float, float, float, float, float]:
    """Returns share, error, chance, ceiling and both of one unit."""
    best, worse = order[1 : 1 + max(1, round(_BEST * len(order)))], order[len(order) // 2 :]
    best = best[scores[best] > scores[worse[0]]]
    if not len(best) or not np.isfinite(close).all():
        return (np.nan,) * 5
    share, error = _told_right(close[best], close[worse])
    chance = np.mean([_told_right(other[best], other[worse])[0] for other in others]) if len(others) else np.nan
    ceiling, _ = _told_right(ideal[best], ideal[worse])
    both = np.nan if apart is None else _told_right(apart[best], apart[worse])[0]
    return share, error, float(chance), ceiling, both


def _told_right(best: Float[np.ndarray, " b"], worse: Float[np.ndarray, " w"]) -> tuple[float, float]:
    """Returns the share of pairs whose first is the larger, ties counted half, and DeLong's standard error of it."""
    below = (best[:, None] > worse) + 0.5 * (best[:, None] == worse)
    of_best, of_worse = below.mean(axis=1), below.mean(axis=0)
    variance = sum(part.var(ddof=1) / len(part) for part in (of_best, of_worse) if len(part) > 1)
    return float(below.mean()), float(np.sqrt(variance))


def _check(model: Model, observer: Observing, count: int, shown: np.ndarray, against: np.ndarray | None) -> None:
    looking = observer.model if isinstance(observer, Observer) else observer
    if looking is model:
        raise JaxvizError("the observer is the network that is explained; give another network")
    if count < _FEWEST:
        raise JaxvizError(f"{count} real images: give {_FEWEST} or more, a thousand for numbers to rely on")
    if against is not None and against.shape != shown.shape:
        raise JaxvizError(f"{len(against)} pictures of what silences the units for {len(shown)} pictures; give as many")
