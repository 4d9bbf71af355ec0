"""Scoring: (model, objective, image) -> what is climbed at a step, and what is subtracted from it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, PyTree

from jaxviz.ascent.parts import penalized
from jaxviz.ascent.relus import redirect_relus
from jaxviz.ascent.views import channels_last, in_layout, plain_view, view
from jaxviz.networks.exits import leaving_at
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.objectives.choices import Choice
from jaxviz.recipes import Recipe
from jaxviz.recipes.schedules import at_step
from jaxviz.values.own_functions import name_of

__all__ = ["penalty", "score", "seen_score"]


def seen_score(model: Model, objective: Objective, image: Array, key: Array, step: Array, recipe: Recipe) -> Array:
    """Scores an image by the views that the network has of it at a step, averaged; as it is after the last step.

    Views are computed one after the other: a chunk of images fills the device, and needs the memory of one view.
    """
    canvas = channels_last(model.canvas)
    active = step < recipe.redirected if recipe.redirected else None

    def look(key: Array, one: Array) -> Array:
        seen = view(recipe, key, one, step, canvas)
        return jnp.where(step < recipe.steps, seen, plain_view(one, canvas)) if recipe.transforms else seen

    def of_view(key: Array, image: Array) -> Array:
        return score(model, objective, image, key, look, active, recipe.redirect)

    if recipe.views == 1:
        return of_view(key, image)
    return _averaged(of_view, jax.random.split(key, recipe.views), image)


def _averaged(of_view: Callable[[Array, Array], Array], keys: Array, image: Array) -> Array:
    """Averages the scores of views, each computed with its gradient: that of a descent, which redirected relus need."""
    # JAX's check for keys that are used twice takes the transposed keys of a mapped loop for used ones.
    numbers, kind = jax.random.key_data(keys), jax.random.key_impl(keys)

    def climbed(image: Array) -> tuple[Array, Array]:
        def look(so_far: tuple[Array, Array], numbers: Array) -> tuple[tuple[Array, Array], None]:
            key = jax.random.wrap_key_data(numbers, impl=kind)
            value, pull_back = jax.vjp(lambda image: of_view(key, image), image)
            (gradient,) = pull_back(-jnp.ones_like(value))
            return (so_far[0] + value, so_far[1] - gradient), None

        (value, gradient), _ = lax.scan(look, (jnp.zeros(()), jnp.zeros_like(image)), numbers)
        return value / len(keys), gradient / len(keys)

    @jax.custom_vjp
    def average(image: Array) -> Array:
        return climbed(image)[0]

    average.defvjp(climbed, lambda gradient, by: (by * gradient,))
    return average(image)


def score(
    model: Model,
    objective: Objective,
    image: Array,
    key: Array,
    look: Callable,
    active: Array | None = None,
    redirect: str = "all",
) -> Array:
    """Scores what the network sees of an image, or of each of a group of images."""
    question = objective.read if isinstance(objective, Choice) or objective.group > 1 else objective

    def answered(seen: Array) -> PyTree:
        return model.ask(in_layout(seen, model.canvas), question)

    ask = answered if active is None else redirect_relus(answered, active, nearest=redirect == "nearest")
    if isinstance(objective, Choice):
        return leaving_at(ask, objective.place)(look(key, image))
    if objective.group == 1:
        return ask(look(key, image))
    keys = jax.random.split(key, objective.group)
    return objective.combine(jax.vmap(lambda key, one: ask(look(key, one)))(keys, image))


def penalty(image: Array, step: Array, group: int, recipe: Recipe) -> Array:
    """Sums the penalties of an image; of a group of images, their mean."""

    def of_one(image: Array) -> Array:
        every = [penalized(at_step(one, step, recipe.steps), name_of(one), image) for one in recipe.penalties]
        return jnp.sum(jnp.stack(every))

    return of_one(image) if group == 1 else jnp.mean(jax.vmap(of_one)(image))
