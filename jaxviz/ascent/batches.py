"""Batches: objectives -> their ascents, with one vmap, in chunks, on all devices and processes."""

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

from jaxviz.ascent import chunks
from jaxviz.ascent.ascent import Ascent, ascend
from jaxviz.ascent.store import Store
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.recipes import Recipe

__all__ = ["Batch", "climb", "compiled", "digest", "release"]

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
    watch: Callable[[int, Arrays], None] | None = None,
) -> Arrays:
    """Runs every ascent of a batch of objectives; returns the fields of their ``Ascent``, each ``[n, …]``.

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
      progress: called after each chunk with the number of images that it finished.
      watch: called after each chunk that was climbed with its first row and what it leaves, ``[k, …]``.
    """
    batch = compiled(model, objective, starts, key, recipe=recipe, frames=frames, width=width)
    store = None
    if keep is not None:
        told = {"weights, objectives and starts": digest(model, objective.labels(), (objective, starts))}
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

    def put(chunk: int, part: Arrays) -> None:
        for name, array in part.items():
            whole[name][chunk] = array

    with store.alive(jax.process_index()) if store else contextlib.nullcontext():
        for chunk, part in batch.made(unmade):
            put(chunk, part)
            if store:
                store.write(chunk, part)
            if watch:
                watch(chunk * batch.chunk, {name: array[: batch.size(chunk)] for name, array in part.items()})
            report(batch.size(chunk))
    if store:
        store.wait(owners)
        for chunk in owners.keys() - set(unmade):
            put(chunk, store.read(chunk))
    elif jax.process_count() > 1:
        _exchange(whole, owners)
    return {name: array.reshape(-1, *array.shape[2:])[: batch.count] for name, array in whole.items()}


@dataclasses.dataclass(frozen=True)
class Batch:
    """The ascents of a batch of objectives, compiled, a chunk of them at a time.

    Attributes:
      count: how many there are.
      plan: how they are run.
      inputs: gives the arguments for some of them.
      program: takes these.
    """

    count: int
    plan: chunks.Plan
    inputs: Callable[[np.ndarray], tuple]
    program: jax.stages.Compiled

    @property
    def chunk(self) -> int:
        """How many climb together, over all devices."""
        return self.plan.chunk

    @property
    def owners(self) -> dict[int, int]:
        """For each chunk, the process that makes it."""
        return {chunk: chunk % jax.process_count() for chunk in range(-(-self.count // self.chunk))}

    @property
    def outputs(self) -> dict[str, jax.ShapeDtypeStruct]:
        """The shapes of what one chunk leaves; without the fields that this recipe does not fill."""
        return {name: leaf for name, leaf in self.program.out_info._asdict().items() if leaf is not None}

    def size(self, chunk: int) -> int:
        """Returns how many ascents a chunk has; the last may have fewer than there is room for."""
        return min(self.chunk, self.count - self.chunk * chunk)

    def made(self, some: Iterable[int], stop: Callable[[], bool] | None = None) -> Iterator[tuple[int, Arrays]]:
        """Climbs some chunks, as many at once as the plan says; yields each with its number, in order.

        Args:
          some: the chunks.
          stop: asked as each would begin; once it says True, those at work are finished and no others begin.
        """
        return chunks.in_parallel(lambda chunk: (chunk, self._climb(chunk)), some, self.plan.workers, stop)

    def _climb(self, chunk: int) -> Arrays:
        made = self.program(*self.inputs(chunks.rows_of(self.count, self.chunk, chunk)))._asdict()
        return jax.device_get({name: array for name, array in made.items() if array is not None})


def compiled(
    model: Model,
    objective: Objective,
    starts: np.ndarray | None,
    key: Array,
    *,
    recipe: Recipe,
    frames: int | None = None,
    width: int | None = None,
) -> Batch:
    """Compiles the ascents for chunks that fit the memory: what the compiler says it needs decides.

    Args: as those of `climb`.
    """
    count = len(objective.labels())

    def batch(plan: chunks.Plan) -> Batch:
        placed = jax.device_put(model, NamedSharding(plan.mesh, PartitionSpec())) if plan.mesh else model

        def inputs(some: np.ndarray) -> tuple:
            return placed, *_rows(objective, starts, count, some), key

        first = inputs(chunks.rows_of(count, plan.chunk, 0))
        lowered = _ascend_all.lower(*first, recipe=recipe, frames=frames, mesh=plan.mesh)
        return Batch(count, plan, inputs, lowered.compile())

    made = batch(chunks.plan(model, count, objective.units(model), width))
    while (fit := chunks.fitted(made.plan, _bytes(made.program), given=width is not None)).width < made.plan.width:
        made = batch(fit)
    return dataclasses.replace(made, plan=fit)


def release() -> None:
    """Forgets the traces of ascents; what is made again is traced again."""
    _ascend_all.clear_cache()  # type: ignore[attr-defined]


def digest(model: Model, labels: Sequence[str] = (), more: PyTree = None) -> str:
    """Returns what tells two runs apart besides their recipe: weights, labels (a function's is its name), and more."""
    hashed = hashlib.sha256(repr((model.layers, list(labels))).encode())
    for leaf in jax.tree.leaves((model.variables, more)):
        array = np.asarray(leaf)
        hashed.update(f"{array.dtype} {array.shape}".encode())
        hashed.update(np.ascontiguousarray(array).tobytes())
    return hashed.hexdigest()


@partial(jax.jit, static_argnames=("recipe", "frames", "mesh"))
def _ascend_all(
    model: Model,
    objectives: Objective,
    starts: Array | np.ndarray | None,
    key: Array,
    *,
    recipe: Recipe,
    frames: int | None = None,
    mesh: Mesh | None,
) -> Ascent:
    def batch(model: Model, objectives: Objective, starts: Array | np.ndarray | None, key: Array) -> Ascent:
        return jax.vmap(
            lambda objective, start: ascend(model, objective, key, start, recipe=recipe, frames=frames),
            axis_size=_batch_size(objectives),
        )(objectives, starts)

    if mesh is None:
        return batch(model, objectives, starts, key)
    # Each device climbs its own rows, as it would alone: nothing is exchanged, and nothing can be.
    whole, share = PartitionSpec(), PartitionSpec(chunks.AXIS)
    shared = jax.shard_map(batch, mesh=mesh, in_specs=(whole, share, share, whole), out_specs=share, check_vma=False)
    return shared(model, objectives, starts, key)


def _bytes(compiled: jax.stages.Compiled) -> int:
    """Returns what one call of a program takes of a device's memory; 0 where the compiler does not tell."""
    memory = compiled.memory_analysis()
    return 0 if memory is None else memory.temp_size_in_bytes + memory.output_size_in_bytes


def _batch_size(objectives: Objective) -> int:
    leaves = jax.tree.leaves(objectives)
    return len(leaves[0]) if leaves else 1


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
