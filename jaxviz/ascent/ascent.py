"""Ascent: one objective -> its image: it begins, takes its steps in a loop of the compiled program, and is shown.

Where someone looks on, these are three programs: after some steps the ascent is shown, and then it goes on.
"""

import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree

from jaxviz.ascent.scoring import penalty, score, seen_score
from jaxviz.ascent.views import channels_last, counted, in_layout, plain_view
from jaxviz.networks.layer import Canvas
from jaxviz.networks.model import Model
from jaxviz.networks.precision import in_full
from jaxviz.objectives import Objective, fold_key
from jaxviz.parameterizations import Parameterization, several
from jaxviz.recipes import Recipe

__all__ = ["Ascent", "Climb", "advance", "ascend", "begin", "keys_of", "show", "turns"]

_STEPS, _RESTARTS = 1, 2  # folded into the key of the run for the draws of the steps and of further restarts


class Ascent(NamedTuple):
    """What one ascent leaves; where an objective is of several images, ``...`` begins with their number.

    Attributes:
      image: the last image, of the best restart.
      start: the first image, likewise.
      scores: the score before each step, without penalties, ``[steps]``.
      final_score: the objective of the last image, without transforms and after the activation function.
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


class Rested(NamedTuple):
    """How far an ascent is that may rest: turns taken, the best score, and the turn it was seen at."""

    made: Int[Array, ""]
    best: Float[Array, ""]
    best_at: Int[Array, ""]


class Climb(NamedTuple):
    """An ascent on its way; of several restarts, each array has a leading axis.

    Attributes:
      parameters: of the image.
      state: the optimizer's; with frames, the film too.
      scores: of each turn, ``[turns]``; 0 for those to come.
      rested: of a recipe that may rest; None for others.
    """

    parameters: PyTree
    state: PyTree
    scores: Float[Array, " turns"]
    rested: Rested | None = None


def turns(recipe: Recipe) -> int:
    """Returns how many turns of the loop an ascent has.

    Where what is climbed is the objective of the image as it is, one more turn than there are steps scores the last
    image, and leaves it as it is: a forward pass after the loop would do so as well, and be compiled besides.
    """
    return recipe.steps if recipe.rest or recipe.changes_the_score else recipe.steps + 1


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
        return do(_Way(model, objective, key, recipe, frames), *state)

    return one(keys, *state) if recipe.restarts == 1 else jax.vmap(one)(keys, *state)


@dataclasses.dataclass(frozen=True)
class _Way:
    """How one ascent goes."""

    model: Model
    objective: Objective
    key: Array
    recipe: Recipe
    frames: int | None

    @cached_property
    def canvas(self) -> Canvas:
        return channels_last(self.model.canvas)

    @cached_property
    def parameterization(self) -> Parameterization:
        one, group = self.recipe.parameterization, self.objective.group
        return several(one, group) if group > 1 else one

    @cached_property
    def optimizer(self) -> optax.GradientTransformationExtraArgs:
        return optax.with_extra_args_support(self.recipe.optimizer.build(self.recipe.steps))

    @cached_property
    def draws(self) -> Array:
        return fold_key(jax.random.fold_in(self.key, _STEPS), self.objective)

    @property
    def times(self) -> np.ndarray:
        """After how many steps each frame is due, the first 0 and the last all."""
        assert self.frames is not None
        return np.arange(self.frames) * self.recipe.steps // (self.frames - 1)

    def begin(self, start: Array | None) -> tuple[Climb, Array]:
        if start is None:
            first = self.parameterization.init(fold_key(self.key, self.objective), self.canvas)
        else:
            last = jnp.moveaxis(start, self.model.canvas.channel_axis, -1)
            first = self.parameterization.invert(last, self.canvas)
        state, image = self.optimizer.init(first), self.pictured(first)
        if self.frames is not None:
            state = (state, jnp.zeros((self.frames, *image.shape), image.dtype))
        zero = jnp.zeros((), jnp.int32)
        rested = Rested(zero, jnp.zeros(()), zero) if self.recipe.rest else None
        return Climb(first, state, jnp.zeros(turns(self.recipe)), rested), image

    def advance(self, climb: Climb, made: Array | int, until: Array | int) -> Climb:
        turn = self.turn if self.frames is None else self.filmed
        if self.recipe.rest is None:
            return jax.lax.fori_loop(made, until, lambda count, climb: self.step(turn, climb, count), climb)
        return jax.lax.while_loop(
            lambda climb: self.goes_on(climb, until), lambda climb: self.step_or_rest(turn, climb), climb
        )

    def step(self, turn: "Turn", climb: Climb, count: Array) -> Climb:
        """Takes one turn; the last one, which scores the last image, leaves it as it is."""
        parameters, state, value = turn(climb.parameters, climb.state, count)
        if turns(self.recipe) > self.recipe.steps:
            moves = count < self.recipe.steps
            parameters = jax.tree.map(lambda new, old: jnp.where(moves, new, old), parameters, climb.parameters)
        return Climb(parameters, state, _noted(climb.scores, count, value))

    def goes_on(self, climb: Climb, until: Array | int) -> Array:
        rest, rested = self.recipe.rest, climb.rested
        assert rest is not None
        assert rested is not None
        return (rested.made < until) & (rested.made - rested.best_at < rest.patience)

    def step_or_rest(self, turn: "Turn", climb: Climb) -> Climb:
        """Takes one turn. Under vmap an image that rests stays as it is while others go on."""
        assert self.recipe.rest is not None
        assert climb.rested is not None
        count, best, best_at = climb.rested
        parameters, state, value = turn(climb.parameters, climb.state, count)
        better = (count == 0) | (value > best + self.recipe.rest.tolerance * jnp.abs(best))
        rested = Rested(count + 1, jnp.where(better, value, best), jnp.where(better, count, best_at))
        return Climb(parameters, state, _noted(climb.scores, count, value), rested)

    def show(self, climb: Climb, start: Array, made: Array | int) -> Ascent:
        scores, image = climb.scores[: self.recipe.steps], self.pictured(climb.parameters)
        steps = jnp.minimum(made, self.recipe.steps) if climb.rested is None else climb.rested.made
        if climb.rested is not None:  # the curve stays where it came to rest
            scores = jnp.where(jnp.arange(self.recipe.steps) < steps, scores, scores[steps - 1])
        exact = in_full(self.model)
        if turns(self.recipe) > self.recipe.steps and exact is self.model:
            final = climb.scores[made - 1]
        else:
            seen = self.parameterization.render(climb.parameters, self.canvas)
            final = score(exact, self.objective, seen, self.draws, lambda key, one: plain_view(one, self.canvas))
        ascent = Ascent(image=image, start=start, scores=scores, final_score=final, steps=steps)
        return ascent if self.frames is None else ascent._replace(frames=self.developed(climb.state[1], ascent))

    def turn(self, parameters: PyTree, state: PyTree, step: Array) -> tuple[PyTree, PyTree, Array]:
        (value, reached), gradient = jax.value_and_grad(self.loss, has_aux=True)(parameters, step)
        line = {"value": value, "grad": gradient, "value_fn": lambda tried: self.loss(tried, step)[0]}
        updates, state = self.optimizer.update(gradient, state, parameters, **line)
        return self.parameterization.project(optax.apply_updates(parameters, updates), self.canvas), state, reached

    def loss(self, parameters: PyTree, step: Array) -> tuple[Array, Array]:
        recipe, objective = self.recipe, self.objective
        target = objective.before_activation(self.model) if recipe.target == "preactivation" else objective
        image = self.parameterization.render(parameters, self.canvas)
        reached = seen_score(self.model, target, image, jax.random.fold_in(self.draws, step), step, recipe)
        held = counted(recipe, image, self.canvas)
        subtracted = penalty(held, step, objective.group, recipe) if recipe.penalties else 0.0
        return subtracted - reached, reached  # the one place where the sign turns: optax descends, and scores go up

    def pictured(self, parameters: PyTree) -> Array:
        image = self.parameterization.render(parameters, self.canvas)
        lift = jax.vmap if self.objective.group > 1 else lambda function: function
        return lift(lambda image: in_layout(image, self.model.canvas))(image)

    def filmed(self, parameters: PyTree, state: PyTree, step: Array) -> tuple[PyTree, PyTree, Array]:
        """Takes a turn that films: its state is that of the turn, and the film.

        The image before the step is written to the frame that is due next, over the one before it. So each frame is
        left with the image of its own time, nothing is branched on, and a step writes one image.
        """
        state, film = state
        due = jnp.asarray(np.searchsorted(self.times, np.arange(self.recipe.steps + 1)))
        film = film.at[due[step]].set(self.pictured(parameters))
        parameters, state, value = self.turn(parameters, state, step)
        return parameters, (state, film), value

    def developed(self, film: Array, ascent: Ascent) -> Array:
        """Returns the frames of a film: the first is the start, and those from the last step on are the image."""
        film = film.at[0].set(ascent.start)
        times = jnp.asarray(self.times)
        return jax.vmap(lambda time, frame: jnp.where(time < ascent.steps, frame, ascent.image))(times, film)


Turn = Callable[[PyTree, PyTree, Array], tuple[PyTree, PyTree, Array]]


def _noted(scores: Array, count: Array, value: Array) -> Array:
    # Under vmap a scatter is slower than to write all of a curve, which is small.
    return jnp.where(jnp.arange(len(scores)) == count, value, scores)
