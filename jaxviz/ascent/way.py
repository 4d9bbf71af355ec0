"""Way: how one ascent begins, takes its turns in a loop of the compiled program, and is shown."""

import dataclasses
from collections.abc import Callable
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PyTree

from jaxviz.ascent.parts import inverted, projected, rendered, started
from jaxviz.ascent.scoring import penalty, score, seen_score
from jaxviz.ascent.states import Ascent, Climb, Rested
from jaxviz.ascent.views import channels_last, counted, in_layout, plain_view
from jaxviz.networks.layer import Canvas
from jaxviz.networks.model import Model
from jaxviz.networks.precision import in_full
from jaxviz.objectives import Objective, fold_key
from jaxviz.parameterizations import Parameterization, several
from jaxviz.recipes import Recipe
from jaxviz.values.own_functions import name_of

__all__ = ["Way", "turns"]

_STEPS = 1  # folded into the key of the run for the draws of the steps


def turns(recipe: Recipe) -> int:
    """Returns how many turns of the loop an ascent has.

    One more turn than there are steps scores the last image, without transforms, and leaves it as it is: a forward pass
    after the loop would do so as well, and be compiled besides. An ascent that rests has no last turn that is known
    before, and one that climbs what comes before the activation function has another score than its objective.
    """
    return recipe.steps if recipe.rest or recipe.target != "activation" else recipe.steps + 1


@dataclasses.dataclass(frozen=True)
class Way:
    """How one ascent goes.

    Attributes:
      model: the network.
      objective: one resolved objective, its leaves scalars.
      key: of this ascent.
      recipe: how to climb.
      frames: the number of images of the ascent that are kept; None for none.
    """

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
            first = started(self.parameterization, self._name, fold_key(self.key, self.objective), self.canvas)
        else:
            last = jnp.moveaxis(start, self.model.canvas.channel_axis, -1)
            first = inverted(self.parameterization, self._name, last, self.canvas)
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
            seen = self.rendered(climb.parameters)
            final = score(exact, self.objective, seen, self.draws, lambda key, one: plain_view(one, self.canvas))
        ascent = Ascent(image=image, start=start, scores=scores, final_score=final, steps=steps)
        return ascent if self.frames is None else ascent._replace(frames=self.developed(climb.state[1], ascent))

    def turn(self, parameters: PyTree, state: PyTree, step: Array) -> tuple[PyTree, PyTree, Array]:
        (value, reached), gradient = jax.value_and_grad(self.loss, has_aux=True)(parameters, step)
        line = {"value": value, "grad": gradient, "value_fn": lambda tried: self.loss(tried, step)[0]}
        updates, state = self.optimizer.update(gradient, state, parameters, **line)
        moved = optax.apply_updates(parameters, updates)
        return projected(self.parameterization, self._name, moved, self.canvas), state, reached

    def loss(self, parameters: PyTree, step: Array) -> tuple[Array, Array]:
        recipe, objective = self.recipe, self.objective
        target = objective.before_activation(self.model) if recipe.target == "preactivation" else objective
        image = self.rendered(parameters)
        reached = seen_score(self.model, target, image, jax.random.fold_in(self.draws, step), step, recipe)
        held = counted(recipe, image, self.canvas)
        subtracted = penalty(held, step, objective.group, recipe) if recipe.penalties else 0.0
        return subtracted - reached, reached  # the one place where the sign turns: optax descends, and scores go up

    def rendered(self, parameters: PyTree) -> Array:
        return rendered(self.parameterization, self._name, parameters, self.canvas, self.objective.group)

    def pictured(self, parameters: PyTree) -> Array:
        image = self.rendered(parameters)
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

    @property
    def _name(self) -> str:
        return name_of(self.recipe.parameterization)


Turn = Callable[[PyTree, PyTree, Array], tuple[PyTree, PyTree, Array]]


def _noted(scores: Array, count: Array, value: Array) -> Array:
    # Under vmap a scatter is slower than to write all of a curve, which is small.
    return jnp.where(jnp.arange(len(scores)) == count, value, scores)
