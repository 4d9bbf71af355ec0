"""Visualize: model + objectives + recipe + key -> visualization: the entry, with its checks."""

import contextlib
import os
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Array, Float

from jaxviz import recipes
from jaxviz.ascent.batches import climb
from jaxviz.ascent.beginning import checked_key, checked_starts
from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.networks.precision import in_precision, usual
from jaxviz.objectives import Objective
from jaxviz.objectives.expressions import objective_of
from jaxviz.parameterizations import Pixels
from jaxviz.recipes import Recipe
from jaxviz.recipes.provenance import provenance_of
from jaxviz.values import displays
from jaxviz.values.errors import JaxvizError
from jaxviz.values.own_functions import briefly
from jaxviz.visualization.result import Visualization, assembled

__all__ = ["visualize"]

_LOOKS = 32  # times that watch=True looks at an ascent


def visualize(
    model: Model,
    objective: Objective | Callable[[Activations], Float[Array, ""]] | str,
    recipe: str | Recipe | None = None,
    *,
    key: Array | None = None,
    start: Float[Array | np.ndarray, "..."] | None = None,
    steps: int | None = None,
    restarts: int | None = None,
    frames: int | None = None,
    chunk: int | None = None,
    precision: str | None = None,
    keep: str | os.PathLike | None = None,
    progress: Callable[[int], None] | None = None,
    watch: Callable[[Visualization], None] | bool | str | None = None,
    watch_every: int | None = None,
    stop: Callable[[], bool] | None = None,
) -> Visualization:
    """Makes images that strongly activate units of a network, all of them in one compiled call.

    Each image has its own key, gradient scale and optimizer state, so it does not depend on the other images of the
    batch. Another channel, another key, or another model of the same architecture needs no new compilation.

    Args:
      model: the network.
      objective: what to maximize, one or a batch: ``objectives.channel("conv2d_3")``; any function of activations; or
        a text such as ``"conv2d_3:3 - 0.5*conv2d_4:7"``; `jaxviz.objectives.expressions` describes its form.
      recipe: a ``Recipe`` or the name of one; by default the one that suits the model, see
        `jaxviz.recipes.default_for`.
      key: the key of all random numbers, by default ``jax.random.key(0)``. Each image folds in its layer and index.
      start: the starting image ``[*canvas.shape]`` of all, or one for each objective ``[n, *canvas.shape]``.
      steps: the number of steps; by default the recipe's own.
      restarts: the number of ascents of each unit, of which the best is kept; by default the recipe's own.
      frames: the number of images of the ascent that are kept, evenly spaced over the steps, 2 or more: 9 over 256
        steps are those after 0, 32, 64 … 256. None for none.
      chunk: the number of images that each device optimizes together; by default chosen for model and machine.
      precision: the precision of the network, ``"float32"``, ``"tensorfloat32"`` or ``"bfloat16"``; by default
        ``"tensorfloat32"`` on an accelerator and ``"float32"`` on a CPU. The image, its score and the optimizer are
        float32 in each case. Final scores are in full float32 unless it is ``"bfloat16"``.
      keep: a directory for finished chunks, from which the same call continues after an interruption. Processes of
        ``jax.distributed`` share it, and keep the chunks of a process that ends.
      progress: called after each chunk with the number of images that it finished; by default a notebook shows a bar
        for calls of more than two seconds, and a script prints nothing. If it has a method ``compiling``, this is
        called before with what is compiled and None, and again with the seconds that it took.
      watch: called after each computed chunk, before ``progress``, with the chunk's images. In a notebook, True shows
        pictures and score curves during the ascent; `jaxviz.Live` has settings for this.
      watch_every: ``watch`` is also called during the ascent, each time this number of steps is made, with the images
        at that step and their scores so far ``[n, steps so far]``; chunks that run at the same time are shown together.
        The final scores are the latest known, of random views if the recipe has transforms. The result is the same,
        bit for bit on a CPU. None for no such calls.
      stop: called before each chunk, from any thread; after it returns True, the current chunks are finished and no
        others begin.

    Returns:
      Images, starts and score curves, one for each objective; if stopped, only of those that are finished.

    Raises:
      JaxvizError: the model has no such layer or channel, the start has another shape or holds NaN, a number is out
        of its range, or a function fails: then the message names its line, and the cause is what it raised.

    Warns:
      JaxvizWarning: the score or the image became NaN or infinite; see `Visualization.nan_from`. Or images left the
        canvas's range though their recipe begins inside it; see `Visualization.out_of_range`.

    Example:
      >>> import jaxviz
      >>> some = visualize(jaxviz.default_model(), jaxviz.objectives.channel("conv2d_1", [3, 7]), steps=8)
      >>> some.images.shape, some.scores.shape
      ((2, 28, 28, 1), (2, 8))
    """
    recipe = recipes.default_for(model) if recipe is None else recipes.find(recipe)
    changes = {name: value for name, value in (("steps", steps), ("restarts", restarts)) if value is not None}
    recipe = recipe.replace(**changes) if changes else recipe
    if chunk is not None and chunk < 1:
        raise JaxvizError(f"chunk of {chunk}: give 1 or more")
    most = recipe.steps + 1
    if frames is not None and not (isinstance(frames, int) and 2 <= frames <= most):
        raise JaxvizError(
            f"frames of {frames}: give a whole number, 2 or more, and at most {most} for {recipe.steps} steps"
        )
    precision = usual() if precision is None else precision
    key = checked_key(key)
    with briefly():
        objective = objective_of(objective).resolve(model)
    labels = tuple(objective.labels())
    starts = None if start is None else checked_starts(start, len(labels), model.canvas)
    provenance = provenance_of(recipe, key, precision)
    watcher = _watcher(watch, watch_every, len(labels) * objective.group)
    if watch is True and watch_every is None:
        watch_every = max(1, recipe.steps // _LOOKS)
    if model.canvas.is_assumed:
        provenance["range"] = model.canvas.assumption

    def shown(made: int, rows: np.ndarray, part: dict[str, np.ndarray]) -> None:
        if watcher is not None:
            part = part | {"scores": part["scores"][:, :made]}
            watcher(assembled(part, tuple(labels[row] for row in rows), objective.group, model.canvas, provenance))

    with briefly(), _shown(progress, watcher is not None, len(labels)) as told:
        whole, finished = climb(
            in_precision(model, precision),
            objective,
            starts,
            key,
            recipe=recipe,
            frames=frames,
            width=chunk,
            keep=keep,
            facts=provenance,
            progress=told,
            watch=shown,
            every=watch_every,
            stop=stop,
        )
    result = assembled(whole, labels, objective.group, model.canvas, provenance)
    if not finished.all():
        result = result[np.repeat(finished, objective.group)]
    result.warn_of_nan()
    if not _has_own_units(recipe):
        result.warn_of_range()
    return result


def _has_own_units(recipe: Recipe) -> bool:
    """Tells whether a recipe says in which values its images begin, as `seed` does, whatever range the network has."""
    return isinstance(recipe.parameterization, Pixels) and recipe.parameterization.low is not None


def _watcher(
    watch: Callable[[Visualization], None] | bool | str | None, every: int | None, total: int
) -> Callable[[Visualization], None] | None:
    """Returns what is called with a result on its way; None where nobody watches."""
    drawn = "lambda seen: jaxviz.figures.collage(seen).savefig('seen.png')"
    if watch is True and (watch := displays.watcher(total)) is None:
        raise JaxvizError(f"watch=True: there is no notebook to show pictures in; give a function, such as {drawn}")
    if watch is None or watch is False:
        if every is not None:
            raise JaxvizError(f"watch_every={every!r} without watch=; give the function that is called, too")
        return None
    if not callable(watch):
        raise JaxvizError(f"watch={watch!r}: give a function of a Visualization, such as {drawn}")
    if every is not None and every < 1:
        raise JaxvizError(f"watch_every={every!r}: give a number of steps, 1 or more")
    return watch


@contextlib.contextmanager
def _shown(progress: Callable[[int], None] | None, watched: bool, total: int) -> Iterator[Callable[[int], None] | None]:
    """Gives what is told of finished images: what the caller gave, else a notebook's bar, if this is one."""
    bar = None if progress or watched else displays.bar("images")
    if bar is None:
        yield progress
        return
    done = 0

    def count(images: int) -> None:
        nonlocal done
        done += images
        bar.reach(done, total)

    with bar:
        bar.reach(0, total)
        yield count
