"""Ascent: one objective, one image, all steps in one scan."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxviz.model import Model
from jaxviz.objectives import Objective, fold_key
from jaxviz.recipes import Recipe

__all__ = ["Ascent", "ascend"]


class Ascent(NamedTuple):
    """What one ascent leaves.

    Attributes:
      image: the last image.
      start: the first image.
      scores: the score before each step, ``[steps]``.
      final_score: the score of the last image.
    """

    image: Float[Array, "..."]
    start: Float[Array, "..."]
    scores: Float[Array, " steps"]
    final_score: Float[Array, ""]


def ascend(model: Model, objective: Objective, key: Array, start: Array | None, *, recipe: Recipe) -> Ascent:
    """Climbs from a first image to one that the objective scores high.

    Written for one image; a batch is one ``vmap`` away.

    Args:
      model: the network.
      objective: one resolved objective, its leaves scalars.
      key: the key of the run; the objective's layers and indices are folded in here.
      start: the first image, in the canvas's shape; drawn by the recipe's parameterization when None.
      recipe: how to climb.
    """
    parameterization, canvas = recipe.parameterization, model.canvas
    optimizer = recipe.optimizer.build()
    if start is None:
        first = parameterization.init(fold_key(key, objective), canvas)
    else:
        first = parameterization.invert(start, canvas)

    def loss(parameters):
        # The one place where the sign turns: optax descends, and scores go up.
        return -model.ask(parameterization.render(parameters, canvas), objective)

    def step(carry, count):
        parameters, state = carry
        value, gradient = jax.value_and_grad(loss)(parameters)
        updates, state = optimizer.update(gradient, state, parameters)
        moved = optax.apply_updates(parameters, updates)
        # One more turn than there are steps scores the last image, and leaves it as it is. A forward pass after the
        # scan would do so as well, and be compiled besides.
        kept = jax.tree.map(lambda new, old: jnp.where(count < recipe.steps, new, old), moved, parameters)
        return (kept, state), -value

    (last, _), scores = jax.lax.scan(step, (first, optimizer.init(first)), jnp.arange(recipe.steps + 1))
    return Ascent(
        image=parameterization.render(last, canvas),
        start=parameterization.render(first, canvas),
        scores=scores[:-1],
        final_score=scores[-1],
    )
