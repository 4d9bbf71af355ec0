"""Batches: objectives -> their ascents, with one vmap, in chunks, on all devices and processes."""

import contextlib
import dataclasses
import hashlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, PyTree

from jaxviz.ascent import chunks, programs
from jaxviz.ascent.programs import Stages, Whole
from jaxviz.ascent.states import Ascent
from jaxviz.ascent.store import Store
from jaxviz.ascent.telling import compiling
from jaxviz.ascent.way import turns
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.objectives.choices import Choice
from jaxviz.recipes import Recipe
from jaxviz.values.contents import contents, described

__all__ = ["Batch", "climb", "compiled", "digest"]

Arrays = dict[str, np.ndarray]


def climb(
    model: Model,
    objective: Objective,
    starts: np.ndarray | None,
    key: Array,
    *,
    recipe: Recipe,
    frames: int | None = None,
    width: int | None = None,
    keep: str | os.PathLike | None = None,
    facts: Mapping[str, str],
    progress: Callable[[int], None] | None = None,
    watch: Callable[[int, np.ndarray, Arrays], None] | None = None,
    every: int | None = None,
    stop: Callable[[], bool] | None = None,
) -> tuple[Arrays, Bool[np.ndarray, " n"]]:
    """Runs every ascent of a batch of objectives.

    Under ``jax.distributed`` each process makes its share of the chunks, and each returns all of them.

    Args:
      model: the network.
      objective: a resolved batch of objectives.
      starts: first images ``[n, …]``; None where the recipe draws them.
      key: the key of the run.
      recipe: the recipe.
      frames: the number of images of the ascent that are kept; None for none.
      width: the number of images that each device optimizes together; chosen when None.
      keep: a directory for finished chunks; those that it has are not made again.
      facts: what the run is, by which that directory is known.
      progress: called after each chunk with the number of images that it finished; told of compiling, too, if it is
        a `ToldOfCompiling`.
      watch: called with steps made, rows and what they leave ``[k, …]``: after each chunk that was climbed.
      every: how many steps lie between two calls of ``watch``; None for no calls on the way.
      stop: asked as each chunk would begin; once it says True, those at work are finished and no others begin.

    Returns:
      The fields of their ``Ascent``, each ``[n, …]``, and which of them are finished: all, unless it was stopped.
    """
    staged = every is not None
    with compiling(recipe, progress):
        batch = compiled(model, objective, starts, key, recipe=recipe, frames=frames, width=width, staged=staged)
    store = None
    if keep is not None:
        told = {"range": _range(model)}  # of the images, and what is done to them: the weights do not tell
        told |= {"weights, objectives and starts": digest(model, objective.labels(), (objective, starts))}
        told |= {} if frames is None else {"frames": str(frames)}
        store = Store(keep, {**facts, **told, "chunk": str(batch.chunk)})
    owners = batch.owners
    mine = [chunk for chunk, owner in owners.items() if owner == jax.process_index()]
    unmade = [chunk for chunk in mine if not (store and store.has(chunk))]
    report = progress or (lambda images: None)
    if done := sum(batch.size(chunk) for chunk in mine if chunk not in unmade):
        report(done)

    # Room for all, chunk after chunk; each is written to its place as it comes.
    whole = {name: np.zeros((len(owners), *leaf.shape), leaf.dtype) for name, leaf in batch.outputs.items()}
    finished = np.zeros(len(owners), bool)

    def put(chunk: int, part: Arrays) -> None:
        for name, array in part.items():
            whole[name][chunk] = array
        finished[chunk] = True

    climbed = ((recipe.steps, {chunk: part}) for chunk, part in batch.made(unmade, stop))
    stages = climbed if every is None else batch.seen(unmade, every, stop)
    with store.alive(jax.process_index()) if store else contextlib.nullcontext():
        for steps, parts in stages:
            if steps == recipe.steps:
                for chunk, part in parts.items():
                    put(chunk, part)
                    if store:
                        store.write(chunk, part)
            if watch:
                watch(steps, *batch.joined(parts))
            if steps == recipe.steps:
                for chunk in parts:
                    report(batch.size(chunk))
    if store:
        store.wait(owners, stop or (lambda: False))
        for chunk in owners:
            if not finished[chunk] and store.has(chunk):
                put(chunk, store.read(chunk))
    elif jax.process_count() > 1:
        _exchange({**whole, "finished": finished}, owners)
    rows = {name: array.reshape(-1, *array.shape[2:])[: batch.count] for name, array in whole.items()}
    return rows, np.repeat(finished, batch.chunk)[: batch.count]


@dataclasses.dataclass(frozen=True)
class Batch:
    """The ascents of a batch of objectives, compiled, a chunk of them at a time.

    Attributes:
      shared: the arguments that all of them have: the network, where it is computed, and the key of the run.
      objective: a resolved batch of objectives.
      starts: first images ``[n, …]``; None where the recipe draws them.
      plan: how they are run.
      recipe: how they climb.
      programs: take these.
    """

    shared: tuple[Model, Array]
    objective: Objective
    starts: np.ndarray | None
    plan: chunks.Plan
    recipe: Recipe
    programs: Whole | Stages

    @cached_property
    def count(self) -> int:
        """How many there are."""
        return len(self.objective.labels())

    @property
    def chunk(self) -> int:
        """The number of images that all devices optimize together."""
        return self.plan.chunk

    @property
    def owners(self) -> dict[int, int]:
        """For each chunk, the process that makes it."""
        return {chunk: chunk % jax.process_count() for chunk in range(-(-self.count // self.chunk))}

    @property
    def outputs(self) -> dict[str, jax.ShapeDtypeStruct]:
        """The shapes of what one chunk leaves; without the fields that this recipe does not fill."""
        return {name: leaf for name, leaf in self.programs.out_info._asdict().items() if leaf is not None}

    def size(self, chunk: int) -> int:
        """Returns how many ascents a chunk has; the last may have fewer than there is room for."""
        return min(self.chunk, self.count - self.chunk * chunk)

    def made(self, some: Iterable[int], stop: Callable[[], bool] | None = None) -> Iterator[tuple[int, Arrays]]:
        """Climbs some chunks, as many at once as the plan says; yields each with its number, in order.

        Args:
          some: the chunks.
          stop: asked as each would begin; once it says True, those at work are finished and no others begin.
        """
        return chunks.in_parallel(lambda chunk: (chunk, self._climbed(chunk)), some, self.plan.workers, stop)

    def seen(
        self, some: Iterable[int], every: int, stop: Callable[[], bool] | None = None
    ) -> Iterator[tuple[int, dict[int, Arrays]]]:
        """Climbs some chunks of a batch that was compiled in stages; those at work at once keep pace with each other.

        Args:
          some: which.
          every: after how many steps they are shown.
          stop: as of `made`.

        Yields:
          The steps made, and what the chunks at work have left by then, by their numbers.
        """
        assert isinstance(self.programs, Stages)
        last = self.recipe.steps
        looks = [*range(every, last, every), turns(self.recipe)]
        coming, stopped = iter(some), stop or (lambda: False)
        while together := [chunk for chunk in itertools.islice(coming, self.plan.workers) if not stopped()]:
            ways = [self.programs.shown(*self._inputs(chunk), looks) for chunk in together]
            for look in looks:
                seen = chunks.in_parallel(lambda way: _arrays(next(way)), ways, self.plan.workers)
                yield min(look, last), dict(zip(together, seen, strict=True))

    def joined(self, parts: Mapping[int, Arrays]) -> tuple[np.ndarray, Arrays]:
        """Returns the row numbers of some chunks, and what these leave, without what only fills a chunk up."""
        rows = [np.arange(self.chunk * chunk, self.chunk * chunk + self.size(chunk)) for chunk in parts]
        cut = [{name: array[: self.size(chunk)] for name, array in part.items()} for chunk, part in parts.items()]
        return np.concatenate(rows), {name: np.concatenate([part[name] for part in cut]) for name in cut[0]}

    def _climbed(self, chunk: int) -> Arrays:
        assert isinstance(self.programs, Whole)
        return _arrays(self.programs.ascend(*self._inputs(chunk)))

    def _inputs(self, chunk: int) -> tuple[tuple, tuple]:
        rows = chunks.rows_of(self.count, self.chunk, chunk)
        return self.shared, _rows(self.objective, self.starts, self.count, rows)


def compiled(
    model: Model,
    objective: Objective,
    starts: np.ndarray | None,
    key: Array,
    *,
    recipe: Recipe,
    frames: int | None = None,
    width: int | None = None,
    staged: bool = False,
) -> Batch:
    """Compiles the ascents for chunks that fit the memory: what the compiler says it needs decides.

    The arguments are those of `climb`; and ``staged``, True for what is looked at on its way.
    """
    count = len(objective.labels())

    def batch(plan: chunks.Plan) -> Batch:
        placed = jax.device_put(model, NamedSharding(plan.mesh, PartitionSpec())) if plan.mesh else model
        own = _rows(objective, starts, count, chunks.rows_of(count, plan.chunk, 0))
        compiler = programs.compile_stages if staged else programs.compile_whole
        compiled = compiler((placed, key), own, recipe, frames, plan)
        return Batch((placed, key), objective, starts, plan, recipe, compiled)

    units = objective.units(model)
    # What several layers share must not depend on which of them asks first.
    asked = units if isinstance(objective, Choice) and units else count
    plan = chunks.plan(model, asked, units, width, copies=recipe.restarts * objective.group)
    while True:
        try:
            made = batch(plan)
        except jax.errors.JaxRuntimeError as error:  # an accelerator's compiler refuses what does not fit at all
            if "RESOURCE_EXHAUSTED" not in str(error) or width is not None or plan.width == 1:
                raise
            plan = plan._replace(width=plan.width // 2)
            continue
        plan = chunks.fitted(made.plan, _bytes(made.programs), given=width is not None)
        if plan.width == made.plan.width:
            return dataclasses.replace(made, plan=plan)


def digest(model: Model, labels: Sequence[str] = (), more: PyTree = None) -> str:
    """Returns what tells two runs apart besides recipe and range: weights, conversion of images, labels, and more.

    A function of your own is told by its code and by what it reads.
    """
    hashed = hashlib.sha256(repr((model.layers, list(labels))).encode())
    hashed.update((_conversion(model) or "").encode())
    if own := contents(more, model.preprocess):
        hashed.update(described(own).encode())
    for leaf in jax.tree.leaves((model.variables, more)):
        array = np.asarray(leaf)
        hashed.update(f"{array.dtype} {array.shape}".encode())
        hashed.update(np.ascontiguousarray(array).tobytes())
    return hashed.hexdigest()


def _range(model: Model) -> str:
    conversion = _conversion(model)
    return f"{model.canvas.low:g} to {model.canvas.high:g}" + ("" if conversion is None else f", then {conversion}")


def _conversion(model: Model) -> str | None:
    """Names what converts images to the network's input: a function by its name, one with settings by these too."""
    function = model.preprocess
    if function is None or dataclasses.is_dataclass(function):
        return None if function is None else repr(function)
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def _bytes(programs: Whole | Stages) -> int:
    """Returns what one call of the largest takes of a device's memory; 0 where the compiler does not tell."""
    told = [memory for program in programs if (memory := program.memory_analysis()) is not None]
    return max((memory.temp_size_in_bytes + memory.output_size_in_bytes for memory in told), default=0)


def _arrays(left: Ascent) -> Arrays:
    return jax.device_get({name: array for name, array in left._asdict().items() if array is not None})


def _rows(
    objective: Objective, starts: np.ndarray | None, count: int, rows: np.ndarray
) -> tuple[Objective, np.ndarray | None]:
    """Takes some rows of a batch of objectives, whose numbers may be one for all, and of their starts."""
    some = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (count, *np.shape(leaf)[1:]))[rows], objective)
    return some, None if starts is None else starts[rows]


def _exchange(whole: Arrays, owners: Mapping[int, int]) -> None:
    """Gives every process the chunks of all; each waits here until the last has finished."""
    processes, count = jax.process_count(), len(owners)
    turns = -(-count // processes)
    # All send equally many, so those with less to send repeat what they need not.
    mine = np.minimum(np.arange(turns) * processes + jax.process_index(), count - 1)
    received = multihost_utils.process_allgather({name: array[mine] for name, array in whole.items()})
    for name, array in received.items():
        for chunk, owner in owners.items():
            whole[name][chunk] = array[owner, chunk // processes]
