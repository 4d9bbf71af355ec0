"""Findings: scores and images, as arrays -> numbers about each unit. An unknown number is NaN."""

import numpy as np
from jaxtyping import Float, Int

from jaxviz.visualization import Visualization

__all__ = ["SILENT", "STATUSES", "agreement", "rank", "selectivity", "share_below", "share_left", "spread", "statuses"]

STATUSES = ("alive", "never active on the data", "dead at the start", "died on the way", "not a number")

SILENT = 1e-6
"""A unit whose score is no farther from 0 than this on any real image is never active on them: rounding, in float32."""


def statuses(visualization: Visualization, on_data: Float[np.ndarray, "images n"] | None) -> tuple[str, ...]:
    """Returns the status of each image.

    The status is the first of these that applies:

    - *not a number*: the score or the image became NaN or infinite (`Visualization.not_a_number`);
    - *never active on the data*: no real image takes the score farther from 0 than `SILENT`, whatever the ascent found;
    - *dead at the start*: the image is dead (`Visualization.dead`), and it never moved or its score was always 0;
    - *died on the way*: the image is dead, but it moved and had a score other than 0 at some step;
    - *alive*: none of the above.

    Args:
      visualization: the ascents.
      on_data: the scores of real images; None without real images.
    """
    axes = tuple(range(1, visualization.images.ndim))
    moved = (visualization.images != visualization.starts).any(axis=axes)
    scored = (np.isfinite(visualization.scores) & (visualization.scores != 0)).any(axis=1)
    silent = np.zeros(len(visualization), bool) if on_data is None else (np.abs(on_data) <= SILENT).all(axis=0)
    found = np.select([visualization.not_a_number, silent, ~visualization.dead, ~(moved & scored)], [4, 1, 0, 2], 3)
    return tuple(STATUSES[kind] for kind in found)


def selectivity(
    excited: Float[np.ndarray, "n units"],
    index: Int[np.ndarray, " n"],
    on_data: Float[np.ndarray, "images units"] | None,
) -> Float[np.ndarray, " n"]:
    """Returns the share of a layer's other units that an image activates less than its own unit.

    ``share of c != u with z_c(x) < z_u(x)``, with ``z_c(x) = (a_c(x) - mean of a_c) / std of a_c`` over the real
    images, and ``z_c = a_c`` without real images. If a unit has the same activation on all real images, z is 0 if the
    image has this activation too, and infinite otherwise.

    Args:
      excited: the activation of every unit of the layer in each image.
      index: the unit that each image was made for.
      on_data: the activation of every unit in each real image; None for none.
    """
    scale = excited if on_data is None else _standardized(excited, on_data)
    own = np.take_along_axis(scale, index[:, None], axis=1)
    others = scale.shape[1] - 1
    share = (scale < own).sum(axis=1) / max(others, 1)
    return _where(np.isfinite(excited).all(axis=1) & (others > 0), share)


def share_below(values: Float[np.ndarray, " n"], on_data: Float[np.ndarray, "images n"]) -> Float[np.ndarray, " n"]:
    """Returns the share of the real images whose score is below an image's."""
    return _where(np.isfinite(values), (on_data < values).mean(axis=0))


def share_left(survived: Float[np.ndarray, " n"], reached: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Returns survived over reached; NaN where nothing above 0 was reached."""
    known = np.isfinite(survived) & np.isfinite(reached) & (reached > SILENT)
    return np.divide(survived, reached, out=np.full(len(reached), np.nan), where=known)


def rank(probabilities: Float[np.ndarray, "n classes"], intended: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Returns the rank of the intended class by probability; the most probable class has rank 1."""
    own = np.take_along_axis(probabilities, intended[:, None], axis=1)
    return _where(np.isfinite(probabilities).all(axis=1), 1 + (probabilities > own).sum(axis=1))


def agreement(restarts: Float[np.ndarray, "n restarts ..."] | None, count: int) -> Float[np.ndarray, " n"]:
    """Returns the mean cosine of any two restarts' images, each minus its own mean: 1 if all pictures are equal.

    Pairs with a flat image have no cosine and are left out.

    Args:
      restarts: the last image of each restart; None for a single restart.
      count: the number of units, n.
    """
    if restarts is None or restarts.shape[1] < 2:
        return np.full(count, np.nan)
    return np.array([_mean_cosine(images.reshape(len(images), -1).astype(float)) for images in restarts])


def spread(scores: Float[np.ndarray, "n restarts"] | None, count: int) -> Float[np.ndarray, " n"]:
    """Returns the difference of the best and the worst restart's score; NaN if one of them is NaN."""
    if scores is None or scores.shape[1] < 2:
        return np.full(count, np.nan)
    return _where(np.isfinite(scores).all(axis=1), np.ptp(np.where(np.isfinite(scores), scores, 0), axis=1))


def _mean_cosine(images: Float[np.ndarray, "restarts pixels"]) -> float:
    centred = images - images.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1)
    shaped = centred[lengths > 0] / lengths[lengths > 0, None]  # NaN, too, is not above 0
    cosines = (shaped @ shaped.T)[np.triu_indices(len(shaped), 1)]
    return float(cosines.mean()) if len(cosines) else np.nan


def _standardized(
    excited: Float[np.ndarray, "n units"], on_data: Float[np.ndarray, "images units"]
) -> Float[np.ndarray, "n units"]:
    # In float64, where the mean of equal numbers is that number.
    away = excited - on_data.mean(axis=0, dtype=float)
    deviation = on_data.std(axis=0, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(away == 0, 0.0, away / deviation)


def _where(known: np.ndarray, values: np.ndarray) -> Float[np.ndarray, " n"]:
    return np.where(known, values, np.nan).astype(float)
