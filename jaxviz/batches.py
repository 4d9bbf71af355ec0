"""Batches: objectives -> ascents, all of them: one vmap, chunk by chunk, over the devices and processes at hand."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping
from functools import partial

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
      width: images that climb together on each device; chosen when None.
      keep: a directory for finished chunks; those that it has are not made again.
      facts: what the run is, by which that directory is known.
      progress: called after each chunk with the number of images that it finished.
    """
    count, processes = len(objective.labels()), jax.process_count()
    facts = facts if keep is None else {**facts, "weights, objectives and starts": _digest(model, objective, starts)}

    def compile_for(way: chunks.Plan) -> tuple[list, jax.stages.Compiled]:
        placed = jax.device_put(model, NamedSharding(way.mesh, PartitionSpec())) if way.mesh else model
        inputs = [(placed, *_rows(objective, starts, count, rows), key) for rows in chunks.rows_of(count, way.chunk)]
        return inputs, _ascend_all.lower(*inputs[0], recipe=recipe, mesh=way.mesh).compile()

    way = chunks.plan(model, count, objective.units(model), width)
    inputs, compiled = compile_for(way)
    while (fit := chunks.fitted(way, _bytes(compiled), given=width is not None)).width < way.width:
        way = fit
        inputs, compiled = compile_for(way)
    store = None if keep is None else Store(keep, {**facts, "chunk": str(way.chunk)})
    owners = {chunk: chunk % processes for chunk in range(len(inputs))}
    sizes = [min(way.chunk, count - way.chunk * chunk) for chunk in owners]
    mine = [chunk for chunk, owner in owners.items() if owner == jax.process_index()]
    unmade = [chunk for chunk in mine if not (store and store.has(chunk))]
    report = progress or (lambda images: None)
    if done := sum(sizes[chunk] for chunk in mine if chunk not in unmade):
        report(done)

    def work(chunk: int) -> Arrays:
        return jax.device_get(compiled(*inputs[chunk])._asdict())

    made: dict[int, Arrays] = {}
    with store.alive(jax.process_index()) if store else contextlib.nullcontext():
        results = chunks.in_parallel(work, unmade, fit.workers)
        for chunk, part in zip(unmade, results, strict=True):
            made[chunk] = part
            if store:
                store.write(chunk, part)
            report(sizes[chunk])
    if store:
        store.wait(owners)
        made |= {chunk: store.read(chunk) for chunk in owners if chunk not in made}
    elif processes > 1:
        made = _exchanged(made, owners, compiled)
    return {name: np.concatenate([made[chunk][name] for chunk in owners])[:count] for name in Ascent._fields}


@partial(jax.jit, static_argnames=("recipe", "mesh"))
def _ascend_all(
    model: Model,
    objectives: Objective,
    starts: Array | np.ndarray | None,
    key: Array,
    *,
    recipe: Recipe,
    mesh: Mesh | None,
) -> Ascent:
    def batch(model: Model, objectives: Objective, starts: Array | np.ndarray | None, key: Array) -> Ascent:
        return jax.vmap(
            lambda objective, start: ascend(model, objective, key, start, recipe=recipe),
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
    some = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (count,))[rows], objective)
    return some, None if starts is None else starts[rows]


def _exchanged(made: dict[int, Arrays], owners: Mapping[int, int], compiled: jax.stages.Compiled) -> dict[int, Arrays]:
    """Gives every process the chunks of all; each waits here until the last has finished."""
    processes = jax.process_count()
    # All send equally many, so those with less to send add zeros.
    blank = {name: np.zeros(leaf.shape, leaf.dtype) for name, leaf in compiled.out_info._asdict().items()}
    turns = -(-len(owners) // processes)
    sent = [made.get(turn * processes + jax.process_index(), blank) for turn in range(turns)]
    received = multihost_utils.process_allgather({name: np.stack([part[name] for part in sent]) for name in blank})
    return {
        chunk: {name: np.asarray(array[owner, chunk // processes]) for name, array in received.items()}
        for chunk, owner in owners.items()
    }


def _digest(model: Model, objective: Objective, starts: np.ndarray | None) -> str:
    """Returns what tells two runs apart besides their recipe: weights, objectives (a function by its name), starts."""
    digest = hashlib.sha256(repr((model.layers, objective.labels())).encode())
    for leaf in jax.tree.leaves((model.variables, objective, starts)):
        array = np.asarray(leaf)
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
