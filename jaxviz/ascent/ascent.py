"""Ascent: one objective -> its image; the compiled program makes all steps in one loop."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree

from jaxviz.ascent.relus import redirect_relus
from jaxviz.ascent.views import channels_last, counted, in_layout, plain_view, view
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective, fold_key
from jaxviz.parameterizations import several
from jaxviz.recipes import Recipe
from jaxviz.recipes.schedules import at_step

__all__ = ["Ascent", "ascend"]

_STEPS, _RESTARTS = 1, 2  # folded into the key of the run for the draws of the steps and of further restarts


class Ascent(NamedTuple):
    """What one ascent leaves; where an objective is of several images, ``...`` begins with their number.

    Attributes:
      image: the last image, of the best restart.
      start: the first image, likewise.
      scores: the score before each step, without penalties, ``[steps]``.
      final_score: the objective of the last image, as it is: no transforms, after the activation function.
      steps: how many steps were made.
      restarts: the last image of each restart, ``[restarts, ...]``; None where there is one.
      restart_scores: the final score of each; None where there is one.
      frames: images on the way to the last, ``[frames, ...]``; None where none were asked for.
    """

    image: Float[Array, "..."]
    start: Float[Array, "..."]
    scores: Float[Array, " steps"]
    final_score: Float[Array, ""]
    steps: Int[Array, ""]
    restarts: Float[Array, "restarts ..."] | None = None
    restart_scores: Float[Array, " restarts"] | None = None
    frames: Float[Array, "frames ..."] | None = None


def ascend(
    model: Model, objective: Objective, key: Array, start: Array | None, *, recipe: Recipe, frames: int | None = None
) -> Ascent:
    """Optimizes an image by gradient ascent, from a first image to one with a high score.

    Written for one image; ``vmap`` makes a batch of it.

    Args:
      model: the network.
      objective: one resolved objective, its leaves scalars.
      key: the key of the run; the objective's layers and indices are folded in here.
      start: the first image, in the canvas's shape; drawn by the recipe's parameterization when None.
      recipe: the recipe.
      frames: the number of images of the ascent that are kept, 2 or more, evenly spaced; None for none.
    """
    if recipe.restarts == 1:
        return _climb(model, objective, key, start, recipe, frames)
    further = [jax.random.fold_in(jax.random.fold_in(key, _RESTARTS), count) for count in range(1, recipe.restarts)]
    climbs = jax.vmap(lambda key: _climb(model, objective, key, start, recipe, frames))(jnp.stack([key, *further]))
    best = jnp.argmax(jnp.where(jnp.isnan(climbs.final_score), -jnp.inf, climbs.final_score))
    chosen = jax.tree.map(lambda leaf: leaf[best], climbs)
    return chosen._replace(restarts=climbs.image, restart_scores=climbs.final_score)


def _climb(
    model: Model, objective: Objective, key: Array, start: Array | None, recipe: Recipe, frames: int | None
) -> Ascent:
    canvas = channels_last(model.canvas)
    group, parameterization = objective.group, recipe.parameterization
    if group > 1:
        parameterization = several(parameterization, group)
    optimizer = optax.with_extra_args_support(recipe.optimizer.build(recipe.steps))
    target = objective.before_activation(model) if recipe.target == "preactivation" else objective
    draws = fold_key(jax.random.fold_in(key, _STEPS), objective)
    if start is None:
        first = parameterization.init(fold_key(key, objective), canvas)
    else:
        first = parameterization.invert(jnp.moveaxis(start, model.canvas.channel_axis, -1), canvas)

    def loss(parameters: PyTree, step: Array) -> tuple[Array, Array]:
        image = parameterization.render(parameters, canvas)
        score = _seen_score(model, target, image, jax.random.fold_in(draws, step), step, recipe)
        penalty = _penalty(counted(recipe, image, canvas), step, group, recipe) if recipe.penalties else 0.0
        return penalty - score, score  # the one place where the sign turns: optax descends, and scores go up

    def turn(parameters: PyTree, state: PyTree, step: Array) -> tuple[PyTree, PyTree, Array]:
        (value, score), gradient = jax.value_and_grad(loss, has_aux=True)(parameters, step)
        line = {"value": value, "grad": gradient, "value_fn": lambda tried: loss(tried, step)[0]}
        updates, state = optimizer.update(gradient, state, parameters, **line)
        return parameterization.project(optax.apply_updates(parameters, updates), canvas), state, score

    def final_score(parameters: PyTree) -> Array:
        image = parameterization.render(parameters, canvas)
        return _score(model, objective, image, draws, lambda key, one: plain_view(one, canvas))

    def pictured(parameters: PyTree) -> Array:
        image = parameterization.render(parameters, canvas)
        lift = jax.vmap if group > 1 else lambda function: function
        return lift(lambda image: in_layout(image, model.canvas))(image)

    loop = _until_rest if recipe.rest else _all_steps if recipe.changes_the_score else _all_steps_and_score
    taken: Turn = turn
    state = optimizer.init(first)
    if frames is not None:
        times = np.arange(frames) * recipe.steps // (frames - 1)
        taken, state = _filmed(turn, pictured, times), (state, _film(pictured, first, frames))
    last, state, scores, final, steps = loop(taken, final_score, first, state, recipe)
    ascent = Ascent(image=pictured(last), start=pictured(first), scores=scores, final_score=final, steps=steps)
    return ascent if frames is None else ascent._replace(frames=_developed(state[1], times, ascent))


Turn = Callable[[PyTree, PyTree, Array], tuple[PyTree, PyTree, Array]]
Climbed = tuple[PyTree, PyTree, Array, Array, Array]


def _all_steps_and_score(turn: Turn, final_score: Callable, first: PyTree, state: PyTree, recipe: Recipe) -> Climbed:
    """Makes all steps; one more turn than there are steps scores the last image, and leaves it as it is.

    A forward pass after the scan would do so as well, and be compiled besides.
    """
    del final_score

    def step(carry, count):
        parameters, state = carry
        moved, state, score = turn(parameters, state, count)
        kept = jax.tree.map(lambda new, old: jnp.where(count < recipe.steps, new, old), moved, parameters)
        return (kept, state), score

    (last, state), scores = jax.lax.scan(step, (first, state), jnp.arange(recipe.steps + 1))
    return last, state, scores[:-1], scores[-1], jnp.asarray(recipe.steps)


def _all_steps(turn: Turn, final_score: Callable, first: PyTree, state: PyTree, recipe: Recipe) -> Climbed:
    """Makes all steps, and scores the last image by itself, since what is climbed is something else."""

    def step(carry, count):
        parameters, state, score = turn(*carry, count)
        return (parameters, state), score

    (last, state), scores = jax.lax.scan(step, (first, state), jnp.arange(recipe.steps))
    return last, state, scores, final_score(last), jnp.asarray(recipe.steps)


def _until_rest(turn: Turn, final_score: Callable, first: PyTree, state: PyTree, recipe: Recipe) -> Climbed:
    """Makes steps until the score rests. Under vmap an image that rests stays as it is while others go on."""
    rest = recipe.rest
    assert rest is not None

    def goes_on(carry):
        _, _, _, count, _, best_at = carry
        return (count < recipe.steps) & (count - best_at < rest.patience)

    def step(carry):
        parameters, state, scores, count, best, best_at = carry
        parameters, state, score = turn(parameters, state, count)
        better = (count == 0) | (score > best + rest.tolerance * jnp.abs(best))
        best, best_at = jnp.where(better, score, best), jnp.where(better, count, best_at)
        return parameters, state, scores.at[count].set(score), count + 1, best, best_at

    zero, unknown = jnp.zeros((), jnp.int32), jnp.zeros(recipe.steps)
    begin = (first, state, unknown, zero, jnp.zeros(()), zero)
    last, state, scores, count, _, _ = jax.lax.while_loop(goes_on, step, begin)
    # The curve stays where it came to rest.
    scores = jnp.where(jnp.arange(recipe.steps) < count, scores, scores[count - 1])
    return last, state, scores, final_score(last), count


def _film(pictured: Callable, first: PyTree, frames: int) -> Array:
    image = jax.eval_shape(pictured, first)
    return jnp.zeros((frames, *image.shape), image.dtype)


def _filmed(turn: Turn, pictured: Callable, times: np.ndarray) -> Turn:
    """Makes a turn that films: its state is that of the turn, and the film.

    The image before the step is written to the frame that is due next, over the one before it. So each frame is left
    with the image of its own time, nothing is branched on, and a step writes one image.

    Args:
      turn: a turn that does not.
      pictured: makes an image of parameters.
      times: after how many steps each frame is due, the first 0 and the last all.
    """
    due = jnp.asarray(np.searchsorted(times, np.arange(times[-1] + 1)))

    def filmed(parameters: PyTree, state: PyTree, step: Array) -> tuple[PyTree, PyTree, Array]:
        state, film = state
        film = film.at[due[step]].set(pictured(parameters))
        parameters, state, score = turn(parameters, state, step)
        return parameters, (state, film), score

    return filmed


def _developed(film: Array, times: np.ndarray, ascent: Ascent) -> Array:
    """Returns the frames of a film: the first is the start, and those from the last step on are the image."""
    film = film.at[0].set(ascent.start)
    return jax.vmap(lambda time, frame: jnp.where(time < ascent.steps, frame, ascent.image))(jnp.asarray(times), film)


def _seen_score(model: Model, objective: Objective, image: Array, key: Array, step: Array, recipe: Recipe) -> Array:
    """Scores an image by the views that the network has of it at a step, averaged."""
    canvas = channels_last(model.canvas)
    active = step < recipe.redirected if recipe.redirected else None

    def of_view(key: Array) -> Array:
        return _score(model, objective, image, key, lambda key, one: view(recipe, key, one, step, canvas), active)

    if recipe.views == 1:
        return of_view(key)
    return jnp.mean(jax.vmap(of_view)(jax.random.split(key, recipe.views)))


def _score(
    model: Model, objective: Objective, image: Array, key: Array, look: Callable, active: Array | None = None
) -> Array:
    """Scores what the network sees of an image, or of each of a group of images."""
    question = objective if objective.group == 1 else objective.read

    def answered(seen: Array) -> PyTree:
        return model.ask(in_layout(seen, model.canvas), question)

    ask = answered if active is None else redirect_relus(answered, active)
    if objective.group == 1:
        return ask(look(key, image))
    keys = jax.random.split(key, objective.group)
    return objective.combine(jax.vmap(lambda key, one: ask(look(key, one)))(keys, image))


def _penalty(image: Array, step: Array, group: int, recipe: Recipe) -> Array:
    """Sums the penalties of an image; of a group of images, their mean."""

    def of_one(image: Array) -> Array:
        return jnp.sum(jnp.stack([at_step(penalty, step, recipe.steps)(image) for penalty in recipe.penalties]))

    return of_one(image) if group == 1 else jnp.mean(jax.vmap(of_one)(image))
