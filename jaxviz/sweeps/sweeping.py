"""Sweeping: model + recipe -> a directory of pictures of all its units, chunk by chunk, that can end at any moment."""

import contextlib
import dataclasses
import fnmatch
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import Array, Float

from jaxviz import batches, recipes
from jaxviz.errors import JaxvizError
from jaxviz.model import Canvas, Model, unknown_layer
from jaxviz.objectives.arguments import layer_with_channels
from jaxviz.outputs import UNFINISHED, staged
from jaxviz.precision import in_precision
from jaxviz.recipes import Recipe
from jaxviz.store import RUN, Store
from jaxviz.sweeps.aspects import is_of_classes, objective_of, swept_layers
from jaxviz.sweeps.evidence import given, is_measured, measure
from jaxviz.sweeps.locks import locked
from jaxviz.sweeps.manifest import ASPECTS, FILE, Manifest, NetworkLayer
from jaxviz.sweeps.memory import release
from jaxviz.sweeps.results import Sweep, SweptLayer
from jaxviz.visualization import assembled, checked_key, provenance_of
from jaxviz.wiring import inputs_of

__all__ = ["SweepProgress", "sweep"]

_STOPPED = ".stopped"  # where one of several processes was told to stop


class SweepProgress(NamedTuple):
    """What a sweep has just finished; nothing yet, where it begins to make an aspect of a layer.

    Attributes:
      layer: the layer.
      aspect: ``"positive"``, ``"negative"`` or ``"diversity"``; ``"numbers"`` while those of the layer are measured.
      done: how many of the layer's units have that aspect by now.
      units: how many units the layer has.
      total_done: how many pictures the whole sweep has by now, each aspect of each unit one.
      total_units: how many it will have.
      steps: how many steps each makes.
      labels: what is newly finished.
      images: its pictures ``[k, *canvas.shape]``; None where an earlier run made them.
      canvas: shape, range and layout of the pictures.
      kept: True where an earlier run made them.
    """

    layer: str
    aspect: str
    done: int
    units: int
    total_done: int
    total_units: int
    steps: int
    labels: tuple[str, ...]
    images: Float[np.ndarray, "k ..."] | None
    canvas: Canvas
    kept: bool


def sweep(
    model: Model,
    out: str | os.PathLike,
    *,
    layers: str | Sequence[str] | None = None,
    recipe: str | Recipe = "quick",
    key: Array | None = None,
    steps: int | None = None,
    restarts: int | None = None,
    negative: bool = False,
    diversity: int = 0,
    images: Float[Array | np.ndarray, "m ..."] | None = None,
    source: str | os.PathLike | None = None,
    precision: str = "float32",
    chunk: int | None = None,
    progress: Callable[[SweepProgress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Sweep:
    """Makes the pictures of every unit of a network, and keeps each chunk of them as soon as it is finished.

    The same call, made again, goes on from what is there, whatever ended the run before: what it leaves in the end is
    the same, byte for byte. A later call may ask for more layers, for aspects or for real images; with another recipe,
    key, precision or network it is refused. Memory is that of a chunk and a block of pictures, however many units
    there are. Processes of ``jax.distributed`` share a directory that all of them reach.

    Args:
      model: the network.
      out: the directory; docs/results.md says what is in it.
      layers: names of layers, or patterns such as ``"block?_conv*"``; every convolution and dense layer when left out.
      recipe: how to climb.
      key: the key of all random draws, ``jax.random.key(0)`` when left out.
      steps: how many steps are made; the recipe's own number when left out.
      restarts: how many ascents each unit has, all of which are kept; the recipe's own number when left out.
      negative: make also what silences each unit.
      diversity: make also so many images of each unit that differ; of layers with positions before them.
      images: real images ``[m, *canvas.shape]``, to compare with and to show beside.
      source: the file that the model came from, whose name and sha256 are kept.
      precision: what the network is computed in, ``"float32"`` or ``"bfloat16"``.
      chunk: how many images climb together on each device; chosen for the model and the machine when left out.
      progress: called after each chunk.
      stop: asked before each chunk; where it says True, what has begun is finished and kept, and the sweep ends.

    Returns:
      What the directory holds; not ``complete`` where it was stopped.

    Raises:
      JaxvizError: a name is unknown, a number out of range, the directory keeps another sweep, cannot be written, or
        another sweep is at work in it.

    Example:
      >>> import jaxviz, tempfile
      >>> with tempfile.TemporaryDirectory() as directory:
      ...     done = sweep(jaxviz.default_model(), directory, layers="conv2d_1", steps=4)
      ...     done.complete, done.layer("conv2d_1").visualization().images.shape
      (True, (32, 28, 28, 1))
    """
    recipe = recipes.find(recipe)
    changes = {name: value for name, value in (("steps", steps), ("restarts", restarts)) if value is not None}
    recipe = recipe.replace(**changes) if changes else recipe
    if chunk is not None and chunk < 1:
        raise JaxvizError(f"chunk of {chunk}: give 1 or more")
    if diversity and diversity < 2:
        raise JaxvizError(f"diversity of {diversity}: give 2 images or more, or 0 for none")
    key = checked_key(key)
    real = None if images is None else given(images, model)
    asked = _manifest(model, _matched(model, layers), recipe, key, precision, negative, diversity, chunk, source)
    directory, first = Path(out), jax.process_index() == 0
    with staged(directory):
        pass  # it can be written, or is refused before anything is computed
    _meet("begins")
    with locked(directory) if first else contextlib.nullcontext():
        manifest = asked.joined(Manifest.read(directory), directory) if (directory / FILE).exists() else asked
        if first:
            _clear(directory, manifest)
        _meet("has read its manifest")
        if first:
            manifest.write(directory)
        run = _Run(in_precision(model, precision), Sweep(directory, manifest), recipe, key, progress, stop)
        # One sign of life for all that a process does: compiling and measuring take their time.
        with Store(directory).alive(jax.process_index()):
            for layer in run.sweep.layers:
                for aspect in layer.wanted:
                    run.climb(layer, aspect)
                if run.is_stopped():
                    break
                if first and not is_measured(layer, real):
                    run.tell_of_numbers(layer, 0)
                    measure(model, layer, recipe, real)
                    run.tell_of_numbers(layer, layer.channels)
                release()
            _meet("ends")
        if first:
            (directory / _STOPPED).unlink(missing_ok=True)
    return run.sweep


@dataclasses.dataclass
class _Run:
    """A run of a sweep: what it is made with, and how far it is."""

    model: Model
    sweep: Sweep
    recipe: Recipe
    key: Array
    progress: Callable[[SweepProgress], None] | None
    stop: Callable[[], bool] | None
    finished: int = 0
    stopped: bool = False

    def is_stopped(self) -> bool:
        """Tells whether the sweep shall end; what one process is told, all hear of."""
        mark = self.sweep.directory / _STOPPED
        if not self.stopped and self.stop is not None and self.stop():
            mark.touch()
            self.stopped = True
        self.stopped = self.stopped or (jax.process_count() > 1 and mark.exists())
        return self.stopped

    def climb(self, layer: SweptLayer, aspect: str) -> None:
        """Makes the chunks of one aspect of a layer that are not there yet."""
        if self.stopped:
            return
        folder = layer.directory / aspect
        size = _chunk_size(folder)
        _meet(f"looks at {layer.name} {aspect}")
        batch = None
        if size is None:
            self._tell(layer, aspect, range(0), {})  # compiling begins
            batch = self._batch(layer, aspect, self.sweep.manifest.chunk or None)
            size = batch.chunk
        store = Store(folder, {"chunk": str(size), "units": str(layer.channels)}, self.sweep.directory)
        count = -(-layer.channels // size)
        store.keep_first(count)
        unmade = []
        for chunk in range(jax.process_index(), count, jax.process_count()):
            if store.remove_damaged(chunk, self._shapes(size, aspect)):
                self._tell(layer, aspect, range(chunk * size, min((chunk + 1) * size, layer.channels)), None)
            else:
                unmade.append(chunk)
        if unmade and batch is None:
            self._tell(layer, aspect, range(0), {})  # likewise
            batch = self._batch(layer, aspect, self._width_of(size, layer))
        if batch is not None:
            for chunk, arrays in batch.made(self._until_stopped(unmade)):
                store.write(chunk, arrays)
                units = range(chunk * size, chunk * size + batch.size(chunk))
                self._tell(layer, aspect, units, arrays)
        store.wait({chunk: chunk % jax.process_count() for chunk in range(count)}, self.is_stopped)

    def _shapes(self, size: int, aspect: str) -> dict[str, tuple[int, ...]]:
        """Returns the shapes of a chunk's arrays."""
        group = (self.sweep.manifest.diversity,) if aspect == "diversity" else ()
        image, restarts = (*group, *self.sweep.canvas.shape), self.recipe.restarts
        shapes = {"image": image, "start": image, "scores": (self.recipe.steps,), "final_score": (), "steps": ()}
        if restarts > 1:
            shapes |= {"restarts": (restarts, *image), "restart_scores": (restarts,)}
        return {name: (size, *shape) for name, shape in shapes.items()}

    def _batch(self, layer: SweptLayer, aspect: str, width: int | None) -> batches.Batch:
        reached = None
        if aspect == "diversity":
            reached = np.concatenate([block.final_scores for _, block in layer.blocks()])
        objective = objective_of(
            self.model, layer.name, aspect, diversity=self.sweep.manifest.diversity, reached=reached
        )
        return batches.compiled(self.model, objective, None, self.key, recipe=self.recipe, width=width)

    def _width_of(self, size: int, layer: SweptLayer) -> int:
        """Returns how many of a chunk fall to each device."""
        devices = len(jax.local_devices())
        if size % devices:
            raise JaxvizError(
                f"{layer.directory} has chunks of {size} images, which {devices} devices cannot share; "
                "use as many devices as before, or one"
            )
        return size // devices

    def _until_stopped(self, unmade: Sequence[int]) -> Iterator[int]:
        for chunk in unmade:
            if self.is_stopped():
                return
            yield chunk

    def _tell(self, layer: SweptLayer, aspect: str, units: range, arrays: dict[str, np.ndarray] | None) -> None:
        self.finished += len(units)
        if self.progress is None:
            return
        numbers, manifest = np.asarray(units, int), self.sweep.manifest
        labels, pictures = layer.labels(numbers, aspect), None
        if arrays:
            group = manifest.diversity if aspect == "diversity" else 1
            some = {name: array[: len(units)] for name, array in arrays.items()}
            made = assembled(some, labels, group, manifest.canvas, manifest.facts)
            labels, pictures = made.labels, made.images
        done = min(units.stop, layer.channels)
        self.progress(self._event(layer, aspect, done, labels=labels, images=pictures, kept=arrays is None))

    def tell_of_numbers(self, layer: SweptLayer, done: int) -> None:
        """Says that the numbers of a layer are begun, or are there."""
        if self.progress is not None:
            self.progress(self._event(layer, "numbers", done, labels=(), images=None, kept=False))

    def _event(self, layer: SweptLayer, aspect: str, done: int, **news) -> SweepProgress:
        total = sum(each.channels * len(each.wanted) for each in self.sweep.layers) // jax.process_count()
        return SweepProgress(
            layer=layer.name,
            aspect=aspect,
            done=done,
            units=layer.channels,
            total_done=self.finished,
            total_units=max(total, self.finished),
            steps=self.recipe.steps,
            canvas=self.sweep.canvas,
            **news,
        )


def _manifest(
    model: Model,
    swept: tuple[str, ...],
    recipe: Recipe,
    key: Array,
    precision: str,
    negative: bool,
    diversity: int,
    chunk: int | None,
    source: str | os.PathLike | None,
) -> Manifest:
    reads = inputs_of(model)
    aspects = ["positive", *(["negative"] if negative else []), *(["diversity"] if diversity else [])]
    return Manifest(
        model=Path(source).stem if source is not None else "model",
        source={} if source is None else {"file": Path(source).as_posix(), "sha256": _sha256(Path(source))},
        weights=batches.digest(model),
        canvas=model.canvas,
        facts=provenance_of(recipe, key, precision),
        diversity=diversity,
        chunk=chunk or 0,
        network=tuple(
            NetworkLayer(
                name=layer.name,
                kind=layer.kind,
                output_shape=layer.output_shape,
                channels=layer.channels,
                inputs=reads.get(layer.name, ()),
            )
            for layer in model.layers
        ),
        swept=swept,
        aspects=tuple(aspects),
        classes=tuple(layer.name for layer in model.layers if is_of_classes(model, layer.name)),
    )


def _matched(model: Model, layers: str | Sequence[str] | None) -> tuple[str, ...]:
    """Returns the names of the layers that are meant, in the network's order."""
    if layers is None:
        return swept_layers(model.layers)
    names = [layer.name for layer in model.layers]
    chosen: set[str] = set()
    for pattern in [layers] if isinstance(layers, str) else layers:
        if pattern in names:
            chosen.add(layer_with_channels(model, pattern).name)
            continue
        found = [name for name in fnmatch.filter(names, pattern) if model.layer(name).channels]
        if not found:
            raise unknown_layer(pattern, names)
        chosen.update(found)
    if not chosen:
        raise JaxvizError("no layers to sweep; name one or more, or leave them out for all")
    return tuple(name for name in names if name in chosen)


def _chunk_size(folder: Path) -> int | None:
    """Returns how many images a chunk of a folder has; None for a new one, or one that does not tell."""
    told = Store.facts_of(folder)
    if told is not None and told.get("chunk", "").isdecimal() and int(told["chunk"]) > 0:
        return int(told["chunk"])
    (folder / RUN).unlink(missing_ok=True)
    return None


def _clear(directory: Path, manifest: Manifest) -> None:
    """Removes what runs that were killed had begun to write, in this sweep's own folders."""
    layers = [directory / manifest.folder(name) for name in manifest.swept]
    for place in (directory, *layers, *(layer / aspect for layer in layers for aspect in ASPECTS)):
        for left in place.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
    for left in (directory / _STOPPED, *directory.glob(".alive-*")):
        left.unlink(missing_ok=True)


def _meet(where: str) -> None:
    """Waits for the other processes, if there are any."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(f"jaxviz sweep {where}")


def _sha256(path: Path) -> str:
    """Returns the digest of a file, or of all files of a directory, by their names."""
    if not path.exists():
        raise JaxvizError(f"no such file: {path}")
    digest = hashlib.sha256()
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(f"{file.relative_to(path)}\0".encode())
        with open(file, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
