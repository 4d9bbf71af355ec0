"""Sweeping: model + recipe -> a directory with pictures of all units, made in chunks that an interruption keeps."""

import contextlib
import itertools
import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxviz.ascent.beginning import checked_key
from jaxviz.ascent.store import Store
from jaxviz.files.outputs import UNFINISHED, staged
from jaxviz.networks.model import Model
from jaxviz.networks.precision import in_precision, usual
from jaxviz.recipes import Recipe, default_for
from jaxviz.reports.observers import Observer
from jaxviz.sweeps.evidence import condition, given, measure
from jaxviz.sweeps.locks import locked
from jaxviz.sweeps.manifest import ASPECTS, FILE, Manifest
from jaxviz.sweeps.memory import release
from jaxviz.sweeps.planning import planned
from jaxviz.sweeps.recipe_facts import found, preset_of
from jaxviz.sweeps.results import Sweep
from jaxviz.sweeps.runs import STOPPED, Run, SweepProgress, meet
from jaxviz.values import displays
from jaxviz.values.errors import JaxvizError, JaxvizWarning

__all__ = ["sweep"]

_MOST_NAMED = 5  # files that a warning names


def sweep(
    model: Model,
    out: str | os.PathLike,
    *,
    layers: str | Sequence[str] | None = None,
    recipe: str | Recipe | Sequence[str | Recipe] | None = None,
    key: Array | None = None,
    steps: int | None = None,
    restarts: int | None = None,
    negative: bool = False,
    diversity: int = 0,
    images: Float[Array | np.ndarray, "m ..."] | None = None,
    labels: np.ndarray | Sequence[int] | None = None,
    observer: Observer | Model | None = None,
    source: str | os.PathLike | Sequence[str] | None = None,
    precision: str | None = None,
    chunk: int | None = None,
    progress: Callable[[SweepProgress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Sweep:
    """Makes pictures of every unit of a network, and saves each chunk when it is finished.

    The same call continues an interrupted sweep, and the result is byte for byte that of an uninterrupted one. A later
    call may add layers, recipes, aspects or real images: the directory then has every aspect of every layer by every
    recipe of all calls. A call with another key, precision or network, or with other values of a recipe, is refused.
    The sweep needs the memory of a chunk and of a block of pictures, whatever the number of units. Processes of
    ``jax.distributed`` share a directory that all of them can reach.

    Args:
      model: the network.
      out: the directory; docs/results.md describes its files.
      layers: names of layers, or patterns such as ``"block?_conv*"``; by default every convolution and dense layer.
      recipe: a recipe, or several, which each make a picture of every unit; by default the quick one that suits the
        model, see `jaxviz.recipes.default_for`.
      key: the key of all random numbers, by default ``jax.random.key(0)``.
      steps: the number of steps of every recipe; by default each recipe's own number.
      restarts: the number of ascents of each unit, all of which are kept; by default the recipe's own number.
      negative: whether to make an image that minimizes each unit, too.
      diversity: the number of different images of each unit, too; only for layers that have positions before them.
      images: real images ``[m, *canvas.shape]`` to compare with and to show beside the pictures.
      labels: the class of each real image ``[m]``, whole numbers.
      observer: another network that decides which real images are closer to the pictures, see
        `jaxviz.reports.interpretability`.
      source: the file that the model came from, whose name and sha256 are kept; or the words by which the commands
        take it: FILE, a file or ``module:attribute``, and the options that describe it.
      precision: the precision of the network's computation, ``"float32"``, ``"tensorfloat32"`` or
        ``"bfloat16"``; by default that of an earlier call, and else ``"tensorfloat32"`` on an accelerator and
        ``"float32"`` on a CPU.
      chunk: the number of images that each device optimizes together; by default chosen for model and machine.
      progress: called after each chunk. If it has a method ``compiling``, this is called before with what is compiled
        and None, and again with the seconds that it took.
      stop: called before each chunk, in the thread of the chunk; after it returns True, the current chunks are
        finished and saved, no others begin, and the sweep ends.

    Returns:
      The contents of the directory; not ``complete`` if it was stopped.

    Raises:
      JaxvizError: a name is unknown, a number is out of range, the directory has another sweep or cannot be written, a
        recipe of an earlier call is not a preset and not given again, or another process sweeps into the directory.

    Warns:
      JaxvizWarning: files of an earlier run were damaged and were made again; the message names them.

    Example:
      >>> import jaxviz, tempfile
      >>> with tempfile.TemporaryDirectory() as directory:
      ...     done = sweep(jaxviz.default_model(), directory, layers="conv2d_1", steps=4)
      ...     done.complete, done.layer("conv2d_1").visualization().images.shape
      (True, (32, 28, 28, 1))
    """
    changes = {name: value for name, value in (("steps", steps), ("restarts", restarts)) if value is not None}
    recipes = found(default_for(model, quick=True) if recipe is None else recipe, changes)
    if chunk is not None and chunk < 1:
        raise JaxvizError(f"chunk of {chunk}: give 1 or more")
    if diversity and diversity < 2:
        raise JaxvizError(f"diversity of {diversity}: give 2 images or more, or 0 for none")
    key = checked_key(key)
    real = given(images, labels, model, observer)
    if precision is None:
        precision = Manifest.read(Path(out)).facts["precision"] if os.path.isfile(Path(out) / FILE) else usual()
    asked = planned(model, layers, recipes, key, precision, negative, diversity, chunk, source)
    directory, first = Path(out), jax.process_index() == 0
    with staged(directory):
        pass  # it can be written, or is refused before anything is computed
    meet("begins")
    with locked(directory) if first else contextlib.nullcontext():
        manifest = asked.joined(Manifest.read(directory), directory) if (directory / FILE).exists() else asked
        recipes = _all_recipes(manifest, recipes, directory)
        if first:
            _clear(directory, manifest)
        meet("has read its manifest")
        if first:
            manifest.write(directory)
        bar = None if progress else displays.bar("pictures")
        if bar is not None:
            progress = lambda event: bar.reach(event.total_done, event.total_units)  # noqa: E731
        run = Run(in_precision(model, precision), Sweep(directory, manifest), recipes, key, progress, stop)
        # One sign of life for all that a process does: compiling and measuring take their time.
        with bar or contextlib.nullcontext(), Store(directory).alive(jax.process_index()):
            for layer, climbed in itertools.product(run.sweep.layers, recipes):
                for aspect in layer.wanted:
                    run.climb(layer, climbed, aspect)
                if run.all_stop():
                    break
                if first and (numbers := condition(layer, climbed.name, real)) != "sound":
                    run.tell_of_numbers(layer, climbed, 0, again=numbers == "damaged")
                    measure(model, layer, climbed, real)
                    run.tell_of_numbers(layer, climbed, layer.channels, again=numbers == "damaged")
                release()
            meet("ends")
        if first:
            (directory / STOPPED).unlink(missing_ok=True)
    _warn_of_damage(run.damaged, directory)
    return run.sweep


def _all_recipes(manifest: Manifest, given: Sequence[Recipe], directory: Path) -> tuple[Recipe, ...]:
    """Returns all recipes of a sweep, those of earlier calls too.

    Raises:
      JaxvizError: an earlier recipe is no preset, and is not given again.
    """
    named = {recipe.name: recipe for recipe in given}
    every = [named.get(name) or preset_of(name, facts) for name, facts in manifest.recipes.items()]
    if missing := [name for name, recipe in zip(manifest.recipes, every, strict=True) if recipe is None]:
        raise JaxvizError(f"{directory} has pictures by {', '.join(missing)}, which is no preset; give that recipe too")
    return tuple(recipe for recipe in every if recipe is not None)


def _warn_of_damage(files: Sequence[Path], directory: Path) -> None:
    """Warns once of all files of an earlier run that were damaged."""
    if files:
        named = [path.relative_to(directory).as_posix() for path in files[:_MOST_NAMED]]
        more = f" and {len(files) - _MOST_NAMED} more" if len(files) > _MOST_NAMED else ""
        message = f"{directory}: made again what was damaged, or was another file: {', '.join(named)}{more}"
        warnings.warn(message, JaxvizWarning, stacklevel=3)


def _clear(directory: Path, manifest: Manifest) -> None:
    """Removes what runs that were killed had begun to write, in this sweep's own folders."""
    layers = [directory / manifest.folder(name) for name in manifest.swept]
    by_recipe = [layer / manifest.recipe_folder(recipe) for layer in layers for recipe in manifest.recipes]
    for place in (directory, *layers, *by_recipe, *(part / aspect for part in by_recipe for aspect in ASPECTS)):
        for left in place.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
    for left in (directory / STOPPED, *directory.glob(".alive-*")):
        left.unlink(missing_ok=True)
