"""Programs: the compiled functions that climb a chunk: all at once, or in stages that can be looked at between."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypedDict

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding
from jaxtyping import Array, PyTree

from jaxviz.ascent import chunks
from jaxviz.ascent.ascent import advance, ascend, begin, keys_of, show
from jaxviz.ascent.states import Ascent, Climb
from jaxviz.layers.platforms import compiled_for
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.objectives.choices import ROWS
from jaxviz.recipes import Recipe

__all__ = ["Stages", "Whole", "compile_stages", "compile_whole", "lowered_for", "release"]


class Whole(NamedTuple):
    """One program: ``ascend((model, key), (objectives, starts))`` leaves what `Ascent` has."""

    ascend: jax.stages.Compiled

    @property
    def out_info(self) -> Ascent:
        """The shapes of what is left."""
        return self.ascend.out_info


class Stages(NamedTuple):
    """Three programs, which leave bit for bit the same where the compiler makes the same of the same step.

    Attributes:
      begin: ``begin((model, key), (objectives, starts))`` gives climbs and first images.
      advance: ``advance((model, key, made, until), objectives, climbs)`` gives climbs; those given are used up.
      show: ``show((model, key, made), (objectives, climbs, first images))`` leaves what `Ascent` has.
    """

    begin: jax.stages.Compiled
    advance: jax.stages.Compiled
    show: jax.stages.Compiled

    def shown(self, shared: tuple, own: tuple, stops: Sequence[int]) -> Iterator[Ascent]:
        """Yields what is left after so many turns, of each number of turns in ``stops``."""
        objectives, _ = own
        climb, start = self.begin(shared, own)
        for made, until in itertools.pairwise([0, *stops]):
            climb = self.advance((*shared, np.int32(made), np.int32(until)), objectives, climb)
            yield self.show((*shared, np.int32(until)), (objectives, climb, start))

    @property
    def out_info(self) -> Ascent:
        """The shapes of what is left."""
        return self.show.out_info


class _Settings(TypedDict):
    recipe: Recipe
    frames: int | None
    mesh: Mesh | None
    width: int
    platform: str | None


def compile_whole(shared: tuple, own: tuple, recipe: Recipe, frames: int | None, plan: chunks.Plan) -> Whole:
    """Compiles the one program for arguments such as these."""
    return Whole(_ascend_all.lower(shared, own, **_settings(recipe, frames, plan)).compile())


def compile_stages(shared: tuple, own: tuple, recipe: Recipe, frames: int | None, plan: chunks.Plan) -> Stages:
    """Compiles the three programs for arguments such as these."""
    settings = _settings(recipe, frames, plan)
    place = NamedSharding(plan.mesh, PartitionSpec(chunks.AXIS)) if plan.mesh else None
    objectives, _ = own
    first = _begin_all.lower(shared, own, **settings)
    climb, start = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place), first.out_info
    )
    count = np.int32(0)
    further = _advance_all.lower((*shared, count, count), objectives, climb, **settings)
    last = _show_all.lower((*shared, count), (objectives, climb, start), **settings)
    return Stages(first.compile(), further.compile(), last.compile())


def lowered_for(
    devices: Sequence[jax.Device], model: Model, objective: Objective, *, recipe: Recipe, width: int
) -> jax.stages.Lowered:
    """Lowers the one program for devices that need not be at hand, such as those of a topology description.

    Args:
      devices: the devices that share a chunk, all of one kind.
      model: the network.
      objective: a resolved batch of objectives.
      recipe: the recipe.
      width: the number of images that each device optimizes together.
    """
    mesh = Mesh(np.array(devices), (chunks.AXIS,)) if len(devices) > 1 else None

    def placed(leaf: Array | np.ndarray, shape: tuple[int, ...], *axes: str) -> jax.ShapeDtypeStruct:
        sharding = SingleDeviceSharding(devices[0]) if mesh is None else NamedSharding(mesh, PartitionSpec(*axes))
        return jax.ShapeDtypeStruct(shape, leaf.dtype, sharding=sharding)

    shared = jax.tree.map(lambda leaf: placed(leaf, np.shape(leaf)), (model, jax.random.key(0)))
    rows = width * len(devices)
    some = jax.tree.map(lambda leaf: placed(leaf, (rows, *np.shape(leaf)[1:]), chunks.AXIS), objective)
    settings = _settings(recipe, None, chunks.Plan(width, mesh, 1)) | {"platform": devices[0].platform}
    return _ascend_all.lower(shared, (some, None), **settings)


def release() -> None:
    """Forgets the traces of ascents; what is made again is traced again."""
    for program in (_ascend_all, _begin_all, _advance_all, _show_all):
        program.clear_cache()  # type: ignore[attr-defined]


def _settings(recipe: Recipe, frames: int | None, plan: chunks.Plan) -> _Settings:
    platform = jax.local_devices()[0].platform
    return {"recipe": recipe, "frames": frames, "mesh": plan.mesh, "width": plan.width, "platform": platform}


_SETTINGS = ("recipe", "frames", "mesh", "width", "platform")


@partial(jax.jit, static_argnames=_SETTINGS)
def _ascend_all(
    shared: tuple,
    own: tuple,
    *,
    recipe: Recipe,
    frames: int | None,
    mesh: Mesh | None,
    width: int,
    platform: str | None = None,
) -> Ascent:
    def one(model: Model, key: Array, objective: Objective, start: Array | None) -> Ascent:
        return ascend(model, objective, key, start, recipe=recipe, frames=frames)

    return _lifted(one, mesh, width, platform)(shared, own)


@partial(jax.jit, static_argnames=_SETTINGS)
def _begin_all(
    shared: tuple,
    own: tuple,
    *,
    recipe: Recipe,
    frames: int | None,
    mesh: Mesh | None,
    width: int,
    platform: str | None = None,
) -> tuple[Climb, Array]:
    def one(model: Model, key: Array, objective: Objective, start: Array | None) -> tuple[Climb, Array]:
        return begin(model, objective, keys_of(key, recipe), start, recipe=recipe, frames=frames)

    return _lifted(one, mesh, width, platform)(shared, own)


@partial(jax.jit, static_argnames=_SETTINGS, donate_argnames="climb")
def _advance_all(
    shared: tuple,
    objectives: Objective,
    climb: Climb,
    *,
    recipe: Recipe,
    frames: int | None,
    mesh: Mesh | None,
    width: int,
    platform: str | None = None,
) -> Climb:
    def one(model: Model, key: Array, made: Array, until: Array, objective: Objective, climb: Climb) -> Climb:
        return advance(model, objective, keys_of(key, recipe), climb, made, until, recipe=recipe, frames=frames)

    return _lifted(one, mesh, width, platform)(shared, (objectives, climb))


@partial(jax.jit, static_argnames=_SETTINGS)
def _show_all(
    shared: tuple,
    own: tuple,
    *,
    recipe: Recipe,
    frames: int | None,
    mesh: Mesh | None,
    width: int,
    platform: str | None = None,
) -> Ascent:
    def one(model: Model, key: Array, made: Array, objective: Objective, climb: Climb, start: Array) -> Ascent:
        return show(model, objective, keys_of(key, recipe), climb, start, made, recipe=recipe, frames=frames)

    return _lifted(one, mesh, width, platform)(shared, own)


def _lifted(one: Callable, mesh: Mesh | None, width: int, platform: str | None) -> Callable[[tuple, tuple], PyTree]:
    """Lifts a function of one image to the rows of a chunk: of arguments for all, and of arguments with a row each.

    Its program is compiled for the platform; for each that JAX lowers it for, where that is None.
    """

    def batch(shared: tuple, own: tuple) -> PyTree:
        with compiled_for(platform):
            return jax.vmap(lambda own: one(*shared, *own), axis_size=width, axis_name=ROWS)(own)

    if mesh is None:
        return batch
    # Each device climbs its own rows, as it would alone: nothing is exchanged, and nothing can be.
    whole, share = PartitionSpec(), PartitionSpec(chunks.AXIS)
    return jax.shard_map(batch, mesh=mesh, in_specs=(whole, share), out_specs=share, check_vma=False)
