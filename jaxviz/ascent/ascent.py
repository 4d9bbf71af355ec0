"""Ascent: one objective -> its image: it begins, takes its steps in a loop of the compiled program, and is shown.

Where someone looks on, these are three programs: after some steps the ascent is shown, and then it goes on.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from jaxviz.ascent.states import Ascent, Climb
from jaxviz.ascent.way import Way, turns
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.recipes import Recipe

__all__ = ["advance", "ascend", "begin", "keys_of", "show"]

_RESTARTS = 2  # folded into the key of the run for the keys of further restarts; 1 is for the draws of the steps


def ascend(
    model: Model, objective: Objective, key: Array, start: Array | None, *, recipe: Recipe, frames: int | None = None
) -> Ascent:
    """Optimizes an image by gradient ascent, from a first image to one with a high score; arguments as of `begin`."""
    keys, made = keys_of(key, recipe), turns(recipe)
    climb, first = begin(model, objective, keys, start, recipe=recipe, frames=frames)
    climb = advance(model, objective, keys, climb, 0, made, recipe=recipe, frames=frames)
    return show(model, objective, keys, climb, first, made, recipe=recipe, frames=frames)


def begin(
    model: Model, objective: Objective, keys: Array, start: Array | None, *, recipe: Recipe, frames: int | None = None
) -> tuple[Climb, Float[Array, "..."]]:
    """Begins an ascent; returns it with its first image.

    Written for one image, as all functions here; ``vmap`` makes a batch of it.

    Args:
      model: the network.
      objective: one resolved objective, its leaves scalars.
      keys: those of the restarts, from `keys_of` the key of the run; layers and indices are folded in here.
      start: the first image, in the canvas's shape; drawn by the recipe's parameterization when None.
      recipe: the recipe.
      frames: the number of images of the ascent that are kept, 2 or more, evenly spaced; None for none.
    """
    return _for_each_restart(lambda way: way.begin(start), model, objective, keys, recipe, frames)


def advance(
    model: Model,
    objective: Objective,
    keys: Array,
    climb: Climb,
    made: Int[Array, ""] | int,
    until: Int[Array, ""] | int,
    *,
    recipe: Recipe,
    frames: int | None = None,
) -> Climb:
    """Takes turns.

    Args:
      model: the network.
      objective: as it began.
      keys: likewise.
      climb: the ascent so far.
      made: how many turns it has taken.
      until: how many it will have taken, at most `turns`.
      recipe: how to climb.
      frames: as it began.
    """
    return _for_each_restart(
        lambda way, climb: way.advance(climb, made, until), model, objective, keys, recipe, frames, climb
    )


def show(
    model: Model,
    objective: Objective,
    keys: Array,
    climb: Climb,
    start: Float[Array, "..."],
    made: Int[Array, ""] | int,
    *,
    recipe: Recipe,
    frames: int | None = None,
) -> Ascent:
    """Returns what an ascent leaves after so many turns, of the best restart by then.

    Args:
      model: the network.
      objective: as it began.
      keys: likewise.
      climb: the ascent so far.
      start: its first image.
      made: how many turns it has taken, 1 or more.
      recipe: how to climb.
      frames: as it began.
    """
    shown = _for_each_restart(
        lambda way, climb, start: way.show(climb, start, made), model, objective, keys, recipe, frames, climb, start
    )
    if recipe.restarts == 1:
        return shown
    best = jnp.argmax(jnp.where(jnp.isnan(shown.final_score), -jnp.inf, shown.final_score))
    chosen = jax.tree.map(lambda leaf: leaf[best], shown)
    return chosen._replace(restarts=shown.image, restart_scores=shown.final_score)


def keys_of(key: Array, recipe: Recipe) -> Array:
    """Returns the keys of all restarts of an ascent, of which the first is its own; the key itself for one ascent."""
    if recipe.restarts == 1:
        return key
    further = [jax.random.fold_in(jax.random.fold_in(key, _RESTARTS), count) for count in range(1, recipe.restarts)]
    return jnp.stack([key, *further])


def _for_each_restart(
    do: Callable, model: Model, objective: Objective, keys: Array, recipe: Recipe, frames: int | None, *state: PyTree
) -> PyTree:
    def one(key: Array, *state: PyTree) -> PyTree:
        return do(Way(model, objective, key, recipe, frames), *state)

    return one(keys, *state) if recipe.restarts == 1 else jax.vmap(one)(keys, *state)
