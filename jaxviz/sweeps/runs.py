"""Runs: the chunks of a sweep that are missing -> the part of them that one process makes."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Array, Float

from jaxviz.ascent import batches
from jaxviz.ascent.store import RUN, Condition, Store
from jaxviz.ascent.telling import compiling
from jaxviz.networks.layer import Canvas
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.objectives.choices import choice
from jaxviz.recipes import Recipe
from jaxviz.sweeps import sharing
from jaxviz.sweeps.aspects import objective_of
from jaxviz.sweeps.results import Sweep
from jaxviz.sweeps.swept_layers import REPORT, SweptLayer
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import assembled

__all__ = ["STOPPED", "Run", "SweepProgress", "meet"]

STOPPED = ".stopped"
"""The file by which one of several processes tells the others that it was told to stop."""

_TOGETHER = "layers of the program"  # in the facts of a folder whose pictures are of a program for several layers


class SweepProgress(NamedTuple):
    """The progress of a sweep: a newly finished chunk, or the beginning of an aspect of a layer.

    Attributes:
      layer: the layer.
      recipe: the name of the recipe.
      aspect: ``"positive"``, ``"negative"`` or ``"diversity"``; ``"numbers"`` while the numbers of the layer are
        measured.
      done: the number of the layer's units that have this aspect by this recipe.
      units: the number of the layer's units.
      total_done: the number of pictures of the whole sweep so far: one for each recipe, aspect and unit.
      total_units: the number of pictures of the finished sweep.
      recipes: the number of recipes of the sweep.
      steps: the number of steps of each picture of this recipe.
      labels: the newly finished units.
      images: their pictures ``[k, *canvas.shape]``; None if an earlier run made them.
      canvas: shape, range and layout of the pictures.
      kept: True if an earlier run made them.
      again: True if they, or the numbers, are made again because the files of an earlier run are damaged.
    """

    layer: str
    recipe: str
    aspect: str
    done: int
    units: int
    total_done: int
    total_units: int
    recipes: int
    steps: int
    labels: tuple[str, ...]
    images: Float[np.ndarray, "k ..."] | None
    canvas: Canvas
    kept: bool
    again: bool = False


class _Told(NamedTuple):
    """What the facts of a folder tell of its chunks: their size, and the layers that their program serves."""

    size: int
    together: tuple[str, ...]

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> "_Told | None":
        """Reads them; None where they are damaged."""
        try:
            size, together = int(facts["chunk"]), json.loads(facts.get(_TOGETHER, "[]"))
        except (KeyError, ValueError, RecursionError):
            return None
        is_whole = size > 0 and isinstance(together, list) and all(isinstance(name, str) for name in together)
        return cls(size, tuple(together)) if is_whole else None


class _Part(NamedTuple):
    """One aspect of a layer by one recipe."""

    layer: SweptLayer
    recipe: Recipe
    aspect: str


@dataclasses.dataclass
class Run:
    """A run of a sweep: its settings and its progress."""

    model: Model
    sweep: Sweep
    recipes: Sequence[Recipe]
    key: Array
    progress: Callable[[SweepProgress], None] | None
    stop: Callable[[], bool] | None
    finished: int = 0
    stopped: bool = False
    damaged: list[Path] = dataclasses.field(default_factory=list)
    shared: dict[tuple, batches.Batch] = dataclasses.field(default_factory=dict)  # those that serve several layers

    def is_stopped(self) -> bool:
        """Returns whether this process should end its work; the other processes learn of it later."""
        mark = self.sweep.directory / STOPPED
        if not self.stopped and self.stop is not None and self.stop():
            mark.touch()
            self.stopped = True
        self.stopped = self.stopped or (jax.process_count() > 1 and mark.exists())
        return self.stopped

    def all_stop(self) -> bool:
        """Returns whether the sweep should end; all processes wait here and get the same answer."""
        told = self.is_stopped()
        if jax.process_count() > 1:
            told = self.stopped = bool(multihost_utils.process_allgather(np.asarray(told)).any())
        return told

    def climb(self, layer: SweptLayer, recipe: Recipe, aspect: str) -> None:
        """Makes the missing chunks of one aspect of a layer by one recipe."""
        folder, of = layer.folder(recipe.name) / aspect, _Part(layer, recipe, aspect)
        told = self._told(folder, of)  # before any process begins anew what is damaged: all have looked once they met
        if self.all_stop():
            return
        batch = None
        if told is None:
            together = sharing.together(self.model, self.sweep.layers, layer, aspect)
            self._tell(of, range(0), {})  # this part begins
            batch = self._batch(of, together, self.sweep.manifest.chunk or None)
            size = batch.chunk
        else:
            size, together = told
        facts = {"chunk": str(size), "units": str(layer.channels)}
        facts |= {_TOGETHER: json.dumps(together)} if together else {}
        name = self.sweep.manifest.run_name(layer.name, recipe.name, aspect)
        store = Store(folder, facts, self.sweep.directory, name)
        count = -(-layer.channels // size)
        store.keep_first(count)
        found: dict[int, Condition] = {}
        for chunk in range(jax.process_index(), count, jax.process_count()):
            found[chunk] = store.examine(chunk, self._shapes(size, of))
            if found[chunk] == "sound":
                self._tell(of, range(chunk * size, min((chunk + 1) * size, layer.channels)), None)
        self.damaged.extend(store.path(chunk) for chunk in found if found[chunk] == "damaged")
        unmade = [chunk for chunk in found if found[chunk] != "sound"]
        if unmade and batch is None and not self.is_stopped():
            self._tell(of, range(0), {})  # likewise
            batch = self._batch(of, together, self._width_of(size, layer))
        if batch is not None:
            for chunk, arrays in batch.made(unmade, self.is_stopped):
                store.write(chunk, arrays)
                units = range(chunk * size, chunk * size + batch.size(chunk))
                self._tell(of, units, arrays, again=found[chunk] == "damaged")
        store.wait({chunk: chunk % jax.process_count() for chunk in range(count)}, self.is_stopped)

    def _told(self, folder: Path, of: "_Part") -> _Told | None:
        """Returns what a folder says of its chunks; None for a new one, or one that does not tell."""
        facts = Store.facts_of(folder)
        told = None if facts is None else _Told.of(facts)
        if told is not None and sharing.is_possible(self.model, told.together, of.layer.name, of.aspect):
            return told
        if (folder / RUN).exists():
            self.damaged.append(folder / RUN)
            (folder / RUN).unlink(missing_ok=True)
        return None

    def _shapes(self, size: int, of: "_Part") -> dict[str, tuple[int, ...]]:
        """Returns the shapes of a chunk's arrays."""
        group = (self.sweep.manifest.diversity,) if of.aspect == "diversity" else ()
        image, restarts = (*group, *self.sweep.canvas.shape), of.recipe.restarts
        shapes = {"image": image, "start": image, "scores": (of.recipe.steps,), "final_score": (), "steps": ()}
        if restarts > 1:
            shapes |= {"restarts": (restarts, *image), "restart_scores": (restarts,)}
        return {name: (size, *shape) for name, shape in shapes.items()}

    def _batch(self, of: "_Part", together: tuple[str, ...], width: int | None) -> batches.Batch:
        reached = None
        if of.aspect == "diversity":
            alone = of.layer.blocks(recipe=of.recipe.name)
            reached = np.concatenate([block.final_scores for _, block in alone])

        def objective(layer: str) -> Objective:
            return objective_of(self.model, layer, of.aspect, diversity=self.sweep.manifest.diversity, reached=reached)

        if not together:
            return self._compiled(of.recipe, objective(of.layer.name), width)
        chosen = choice([objective(name) for name in together], together.index(of.layer.name))
        known = self.shared.get((of.recipe.name, chosen.forms))
        if known is None or width not in (None, known.plan.width):
            known = self.shared[of.recipe.name, chosen.forms] = self._compiled(of.recipe, chosen, width)
        return dataclasses.replace(known, objective=chosen)

    def _compiled(self, recipe: Recipe, objective: Objective, width: int | None) -> batches.Batch:
        with compiling(recipe, self.progress):
            return batches.compiled(self.model, objective, None, self.key, recipe=recipe, width=width)

    def _width_of(self, size: int, layer: SweptLayer) -> int:
        """Returns how many of a chunk fall to each device."""
        devices = len(jax.local_devices())
        if size % devices:
            raise JaxvizError(
                f"{layer.directory} has chunks of {size} images, which {devices} devices cannot share; "
                "use as many devices as before, or one"
            )
        return size // devices

    def _tell(self, of: "_Part", units: range, arrays: dict[str, np.ndarray] | None, *, again: bool = False) -> None:
        self.finished += len(units)
        if self.progress is None:
            return
        numbers, manifest = np.asarray(units, int), self.sweep.manifest
        labels, pictures = of.layer.labels(numbers, of.aspect), None
        if arrays:
            group = manifest.diversity if of.aspect == "diversity" else 1
            some = {name: array[: len(units)] for name, array in arrays.items()}
            made = assembled(some, labels, group, manifest.canvas, manifest.provenance(of.recipe.name))
            labels, pictures = made.labels, made.images
        done = min(units.stop, of.layer.channels)
        self.progress(self._event(of, done, labels=labels, images=pictures, kept=arrays is None, again=again))

    def tell_of_numbers(self, layer: SweptLayer, recipe: Recipe, done: int, *, again: bool) -> None:
        """Reports that the numbers of a layer's pictures are begun, ``again`` where they were damaged, or are there."""
        if again and not done:
            self.damaged.append(layer.folder(recipe.name) / REPORT)
        if self.progress is not None:
            part = _Part(layer, recipe, "numbers")
            self.progress(self._event(part, done, labels=(), images=None, kept=False, again=again))

    def _event(self, of: "_Part", done: int, **news) -> SweepProgress:
        pictures = sum(each.channels * len(each.wanted) for each in self.sweep.layers) * len(self.recipes)
        total = pictures // jax.process_count()
        return SweepProgress(
            layer=of.layer.name,
            recipe=of.recipe.name,
            aspect=of.aspect,
            done=done,
            units=of.layer.channels,
            total_done=self.finished,
            total_units=max(total, self.finished),
            recipes=len(self.recipes),
            steps=of.recipe.steps,
            canvas=self.sweep.canvas,
            **news,
        )


def meet(where: str) -> None:
    """Waits for the other processes, if there are any."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(f"jaxviz sweep {where}")
