"""Testing: a user's objective -> a summary of the checks that it passes, or one line about the check that it fails."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.keras.default import default_model
from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.objectives.bounds import beyond
from jaxviz.objectives.expressions import objective_of
from jaxviz.values.errors import JaxvizError, OwnFunctionError
from jaxviz.values.own_functions import briefly

__all__ = ["Conformance", "check_objective"]

_ROWS = 4  # of a batch that are climbed; all are labelled
_STEPS = 8
_STRIDES = (1e-3, 1e-2, 1e-1)  # tried at each step; shares of the canvas's range
_TOLERANCE = 1e-3  # of the largest: one by one and under vmap the network's sums run in another order


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conformance:
    """The summary of an objective that passed all checks.

    Attributes:
      labels: the labels of its batch.
      group: the number of images that are optimized together.
      before: the scores of the tested rows, at a random image ``[rows]``.
      after: their scores after the last step.
    """

    labels: tuple[str, ...]
    group: int
    before: Float[np.ndarray, " rows"]
    after: Float[np.ndarray, " rows"]


@briefly()
def check_objective(
    objective: Objective | Callable[[Activations], Float[Array, ""]] | str,
    model: Model | None = None,
    *,
    other: Objective | None = None,
    key: Array | None = None,
) -> Conformance:
    """Checks that an objective can be maximized, in a batch, with one compilation.

    The checks: it resolves; it has as many labels as rows; its indices are within its layers, where JAX itself would
    take the nearest there is; score and gradient are finite for a random image and for flat images; the gradient is not
    0 everywhere; the score grows along the gradient; a batch gives the same scores as one by one; and other numbers of
    the same shapes are not traced again. The indices of all rows are checked, the rest of the first four.

    Args:
      objective: one objective, a batch, any function of activations, or a text as for ``visualize``.
      model: the network; by default the MNIST network that jaxviz ships.
      other: the same objective with as many other numbers, to check that it is not traced again; by default the
        objective itself, resolved again.
      key: the key of the random image, by default ``jax.random.key(0)``.

    Raises:
      JaxvizError: one of the checks failed; the message names it and the row.

    Example:
      >>> import jaxviz
      >>> found = check_objective(jaxviz.objectives.channel("conv2d_1", [3, 7]))
      >>> found.labels, (found.after > found.before).all().item()
      (('conv2d_1:3', 'conv2d_1:7'), True)
    """
    model = default_model() if model is None else model
    resolved = _resolved(objective, model)
    labels = _checked_labels(resolved)
    rows = min(len(labels), _ROWS)
    if outside := beyond(resolved, model, len(labels)):
        raise JaxvizError(f"objective {_name(resolved)} has {outside}; JAX would take the nearest index there is")
    trial = _Trial(model, resolved, labels, rows)
    shape = (rows, resolved.group, *model.canvas.shape)
    low, high = model.canvas.low, model.canvas.high
    random = jax.random.uniform(jax.random.key(0) if key is None else key, shape, minval=low, maxval=high)
    before, gradient = trial.scored(random, "a random image")
    for value, name in ((low, "the canvas's lowest"), ((low + high) / 2, "its middle")):
        trial.scored(jnp.full(shape, value, jnp.float32), f"a flat image of {value:g}, {name} value")
    moved = (gradient != 0).any(axis=tuple(range(1, gradient.ndim)))
    if not moved.any():
        raise trial.error(
            "has a gradient of 0 at a random image; it does not depend on the image, or its units are off there"
        )
    after = trial.climbed(random, high - low)
    if (fallen := moved & ~(after > before)).any():
        raise trial.error("does not grow along its gradient", int(np.argmax(fallen)))
    trial.check_one_by_one(random, before, gradient)
    trial.check_traces(_resolved(objective if other is None else other, model), random)
    return Conformance(labels=labels, group=resolved.group, before=before, after=after)


class _Trial:
    """Some rows of a batch, their score compiled, and how often that was traced."""

    def __init__(self, model: Model, objective: Objective, labels: tuple[str, ...], rows: int):
        self._model = model
        self._labels = labels
        self._rows = rows
        self._batch = self._spread(objective)
        self._traced: list[int] = []

        def score(model: Model, objective: Objective, images: Array) -> Array:
            if objective.group == 1:
                return model.ask(images[0], objective)
            return objective.combine(jax.vmap(lambda image: model.ask(image, objective.read))(images))

        def scores(model: Model, objectives: Objective, images: Array) -> tuple[Array, Array]:
            self._traced.append(1)
            in_axes = (None, 0, 0)
            return jax.vmap(jax.value_and_grad(score, argnums=2), in_axes, axis_size=rows)(model, objectives, images)

        self._score = jax.jit(jax.value_and_grad(score, argnums=2))
        self._answer = lambda images: jax.eval_shape(score, model, self._row(0), images[0])
        self._scores = jax.jit(scores)

    def error(self, what: str, row: int | None = None) -> JaxvizError:
        """Returns the error that says what does not hold, of the whole or of a row."""
        return JaxvizError(f"objective {self._labels[row or 0]} {what}")

    def scored(self, images: Array, where: str) -> tuple[np.ndarray, np.ndarray]:
        """Returns the score of each row, and its gradient, which must be finite."""
        try:
            answer = self._answer(images)
            if getattr(answer, "shape", None) != () or not jnp.issubdtype(answer.dtype, jnp.floating):
                raise self.error(f"gives {_described(answer)}, not one number of a float type")
            scores, gradient = map(np.asarray, self._scores(self._model, self._batch, images))
        except JaxvizError:
            raise
        except Exception as error:  # whatever a user's function raises is what is wrong with it
            raise self.error(f"fails at {where}: {type(error).__name__}: {error}") from error
        for row, (score, slope) in enumerate(zip(scores, gradient, strict=True)):
            if not np.isfinite(score):
                raise self.error(f"scores {score} at {where}", row)
            if bad := (~np.isfinite(slope)).sum():
                raise self.error(f"has a gradient that is not finite at {where}, in {bad} of {slope.size} values", row)
        return scores, gradient

    def climbed(self, images: Array, extent: float) -> np.ndarray:
        """Returns the scores after some steps along the gradient, each the best of several strides or none."""
        rows = np.arange(self._rows)
        scores, slope = self.scored(images, "a random image")
        for count in range(1, _STEPS + 1):
            axes = tuple(range(1, slope.ndim))
            away = extent * slope / np.maximum(np.sqrt(np.mean(slope**2, axis=axes, keepdims=True)), 1e-30)
            tried = jnp.stack([images, *(images + stride * away for stride in _STRIDES)])
            found = [(scores, slope), *(self.scored(one, f"step {count} of its ascent") for one in tried[1:])]
            best = np.argmax([each for each, _ in found], axis=0)
            images = tried[best, rows]
            scores, slope = (np.stack(part)[best, rows] for part in zip(*found, strict=True))
        return scores

    def check_one_by_one(self, images: Array, scores: np.ndarray, gradient: np.ndarray) -> None:
        """Compares what the batch gave with each row alone."""
        for row in range(self._rows):
            score, slope = map(np.asarray, self._score(self._model, self._row(row), images[row]))
            for name, alone, among in (("score", score, scores[row]), ("gradient", slope, gradient[row])):
                if not np.allclose(alone, among, rtol=_TOLERANCE, atol=_TOLERANCE * np.abs(among).max()):
                    away = np.abs(alone - among).max()
                    raise self.error(
                        f"gives another {name} in a batch than alone, by {away:.3g}; keep to one image", row
                    )

    def check_traces(self, again: Objective, images: Array) -> None:
        """Calls the compiled score with an equal objective, or with other numbers."""
        if len(again.labels()) != len(self._labels):
            raise self.error(f"and the other are {len(self._labels)} and {len(again.labels())}; give as many")
        traced = len(self._traced)
        self._scores(self._model, self._spread(again), images)
        if len(self._traced) > traced:
            raise self.error(
                "is traced again for an equal objective or other numbers; make its numbers leaves of the tree, "
                "and let what is static compare by value"
            )

    def _row(self, row: int) -> Objective:
        return jax.tree.map(lambda leaf: leaf[row], self._batch)

    def _spread(self, objective: Objective) -> Objective:
        count = len(self._labels)
        return jax.tree.map(lambda leaf: np.broadcast_to(leaf, (count, *leaf.shape[1:]))[: self._rows], objective)


def _resolved(objective: Objective | Callable | str, model: Model) -> Objective:
    objective = objective_of(objective)
    try:
        resolved = objective.resolve(model)
    except OwnFunctionError:
        raise
    except JaxvizError as error:
        raise JaxvizError(f"objective {_name(objective)} does not resolve: {error}") from error
    except Exception as error:
        raise JaxvizError(f"objective {_name(objective)} does not resolve: {type(error).__name__}: {error}") from error
    if not isinstance(resolved, Objective):
        raise JaxvizError(f"objective {_name(objective)} resolves to {type(resolved).__name__}, not to an Objective")
    return resolved


def _checked_labels(objective: Objective) -> tuple[str, ...]:
    """Returns the labels, of which there must be as many as the leaves have rows."""
    name = _name(objective)
    try:
        labels = tuple(objective.labels())
    except Exception as error:
        raise JaxvizError(f"objective {name} has no labels: {type(error).__name__}: {error}") from error
    if not labels or not all(isinstance(label, str) for label in labels):
        raise JaxvizError(f"objective {name} has the labels {labels!r}; give a text for each of its batch")
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(objective)]
    if any(shape[:1] not in ((1,), (len(labels),)) for shape in shapes):
        raise JaxvizError(
            f"objective {name} has {len(labels)} labels, and leaves of shapes {', '.join(map(str, shapes))}; "
            "give each leaf a leading axis of 1 or as many"
        )
    if len(labels) > max((shape[0] for shape in shapes), default=1):
        raise JaxvizError(
            f"objective {name} has {len(labels)} labels for a batch of {max((s[0] for s in shapes), default=1)}"
        )
    return labels


def _name(objective: Objective) -> str:
    score = getattr(objective, "score", None)
    return getattr(score, "__name__", type(objective).__name__)


def _described(answer: object) -> str:
    if not hasattr(answer, "shape"):
        return type(answer).__name__
    return f"{answer.shape} of {getattr(answer, 'dtype', type(answer))}"
