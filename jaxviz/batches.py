"""Batches: objectives -> ascents, all of them: one vmap, chunk by chunk, over the devices and processes at hand."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from jaxviz import chunks
from jaxviz.ascent import Ascent, ascend
from jaxviz.model import Model
from jaxviz.objectives import Objective
from jaxviz.recipes import Recipe
from jaxviz.store import Store

__all__ = ["climb"]

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
) -> Arrays:
    """Runs every ascent of a batch of objectives; returns the fields of their ``Ascent``, each ``[n, …]``.

    Under ``jax.distributed`` each process climbs its share of the chunks, and each returns the whole.

    Args:
      model: the network.
      objective: a resolved batch of objectives.
      starts: first images ``[n, …]``; None where the recipe draws them.
      key: the key of the run.
      recipe: how to climb.
      frames: how many images of the way are kept; None for none.
      width: images that climb together on each device; chosen when None.
      keep: a directory for finished chunks; those that it has are not made again.
      facts: what the run is, by which that directory is known.
      progress: called after each chunk with the number of images that it finished.
    """
    count, processes = len(objective.labels()), jax.process_count()
    program = _compiled(model, objective, starts, key, recipe, frames, width)
    rows, chunk_size = program.rows, program.plan.chunk
    store = None
    if keep is not None:
        told = {"weights, objectives and starts": _digest(model, objective, starts), "chunk": str(chunk_size)}
        if frames is not None:
            told["frames"] = str(frames)
        store = Store(keep, {**facts, **told})
    owners = {chunk: chunk % processes for chunk in range(len(rows))}
    sizes = [min(chunk_size, count - chunk_size * chunk) for chunk in owners]
    mine = [chunk for chunk, owner in owners.items() if owner == jax.process_index()]
    unmade = [chunk for chunk in mine if not (store and store.has(chunk))]
    report = progress or (lambda images: None)
    if done := sum(sizes[chunk] for chunk in mine if chunk not in unmade):
        report(done)

    # Room for all, chunk after chunk; each is written to its place as it comes.
    whole = {name: np.zeros((len(rows), *leaf.shape), leaf.dtype) for name, leaf in program.outputs.items()}

    def put(chunk: int, part: Arrays) -> None:
        for name, array in part.items():
            whole[name][chunk] = array

    with store.alive(jax.process_index()) if store else contextlib.nullcontext():
        for chunk, part in zip(unmade, chunks.in_parallel(program.run, unmade, program.plan.workers), strict=True):
            put(chunk, part)
            if store:
                store.write(chunk, part)
            report(sizes[chunk])
    if store:
        store.wait(owners)
        for chunk in owners.keys() - set(unmade):
            put(chunk, store.read(chunk))
    elif processes > 1:
        _exchange(whole, owners)
    return {name: array.reshape(-1, *array.shape[2:])[:count] for name, array in whole.items()}


class _Program(NamedTuple):
    """A compiled ascent of one chunk, and what it is given.

    Attributes:
      plan: how the batch is run.
      rows: the objectives of each chunk; the last is filled up.
      inputs: gives the arguments for some objectives.
      compiled: takes them.
    """

    plan: chunks.Plan
    rows: list[np.ndarray]
    inputs: Callable[[np.ndarray], tuple]
    compiled: jax.stages.Compiled

    @property
    def outputs(self) -> dict[str, jax.ShapeDtypeStruct]:
        """The shapes of what one chunk leaves; without the fields that this recipe does not fill."""
        return {name: leaf for name, leaf in self.compiled.out_info._asdict().items() if leaf is not None}

    def run(self, chunk: int) -> Arrays:
        """Climbs a chunk."""
        made = self.compiled(*self.inputs(self.rows[chunk]))._asdict()
        return jax.device_get({name: array for name, array in made.items() if array is not None})


def _compiled(
    model: Model,
    objective: Objective,
    starts: np.ndarray | None,
    key: Array,
    recipe: Recipe,
    frames: int | None,
    width: int | None,
) -> _Program:
    """Compiles the ascent for chunks that fit the memory: what the compiler says it needs decides."""
    count = len(objective.labels())

    def program(plan: chunks.Plan) -> _Program:
        placed = jax.device_put(model, NamedSharding(plan.mesh, PartitionSpec())) if plan.mesh else model
        rows = list(chunks.rows_of(count, plan.chunk))

        def inputs(some: np.ndarray) -> tuple:
            return placed, *_rows(objective, starts, count, some), key

        lowered = _ascend_all.lower(*inputs(rows[0]), recipe=recipe, frames=frames, mesh=plan.mesh)
        return _Program(plan, rows, inputs, lowered.compile())

    made = program(chunks.plan(model, count, objective.units(model), width))
    while (fit := chunks.fitted(made.plan, _bytes(made.compiled), given=width is not None)).width < made.plan.width:
        made = program(fit)
    return made._replace(plan=fit)


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


def _digest(model: Model, objective: Objective, starts: np.ndarray | None) -> str:
    """Returns what tells two runs apart besides their recipe: weights, objectives (a function by its name), starts."""
    digest = hashlib.sha256(repr((model.layers, objective.labels())).encode())
    for leaf in jax.tree.leaves((model.variables, objective, starts)):
        array = np.asarray(leaf)
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
