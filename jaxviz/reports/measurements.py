"""Measurements: model + objectives + images -> scores, a chunk of images at a time."""

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from jaxviz.ascent import chunks
from jaxviz.ascent.views import channels_last, in_layout, plain_view
from jaxviz.ascent.views import view as drawn
from jaxviz.layers.platforms import compiled_for
from jaxviz.layers.resampling import resize
from jaxviz.networks.activations import Activations
from jaxviz.networks.layer import Canvas
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective, class_probability
from jaxviz.objectives.base import BeforeActivation
from jaxviz.objectives.classes import ClassLogOdds, ClassScore
from jaxviz.objectives.keys import fold_numbers, numbers_of
from jaxviz.objectives.layered import Layered, Whole
from jaxviz.objectives.units import Channel, Neuron, channel
from jaxviz.recipes import Recipe

__all__ = [
    "class_probabilities",
    "classes",
    "count_of",
    "in_chunks",
    "peaks",
    "plain",
    "reached",
    "release",
    "score_each",
    "shown_to",
    "units",
]


def count_of(objective: Objective) -> int:
    """Returns the number of objectives in a resolved batch."""
    return len(objective.labels())


def score_each(
    model: Model, objective: Objective, images: Float[np.ndarray, "images ..."]
) -> Float[np.ndarray, "images n"]:
    """Scores every image by every objective.

    Args:
      model: the network.
      objective: a resolved batch of n objectives, of one image each.
      images: on the model's canvas.
    """
    batch = _spread(objective, count_of(objective))
    return in_chunks(lambda rows: np.asarray(_each(model, batch, images[rows])), model, len(images))


def reached(
    model: Model,
    objective: Objective,
    images: Float[np.ndarray, "images ..."],
    *,
    recipe: Recipe | None = None,
    views: int = 1,
    key: Array | None = None,
) -> Float[np.ndarray, " n"]:
    """Scores each image, or each group of images, by its own objective.

    Args:
      model: the network.
      objective: a resolved batch of n objectives.
      images: ``n * objective.group`` images, as in a visualization.
      recipe: the recipe whose transforms are applied, as at its last step; None for the images themselves.
      views: the number of views over which the score is averaged.
      key: the key of the views; not used without a recipe.
    """
    count, key = count_of(objective), jax.random.key(0) if key is None else key
    batch = _spread(objective, count)
    groups = images.reshape(count, objective.group, *images.shape[1:])
    numbers = [np.broadcast_to(number, (count, *np.shape(number)[1:])) for number in numbers_of(batch)]

    def seen(rows: np.ndarray, view: np.ndarray) -> Array:
        own = [number[rows] for number in numbers]
        return _seen(groups[rows], key, own, view, canvas=model.canvas, recipe=recipe, views=views)

    # A layer that is computed whole, as for real images, needs no further program for each unit's own score.
    if isinstance(objective, Channel | ClassScore | ClassLogOdds) and (found := units(objective, model)):
        every, own = _spread(found[0], count_of(found[0])), found[1]

        def scores(some: np.ndarray) -> np.ndarray:
            rows, view = np.divmod(some, views)
            return np.asarray(_each(model, every, seen(rows, view)[:, 0]))[np.arange(len(some)), own[rows]]

    else:

        def scores(some: np.ndarray) -> np.ndarray:
            rows, view = np.divmod(some, views)
            return np.asarray(_own(model, jax.tree.map(lambda leaf: leaf[rows], batch), seen(rows, view)))

    return in_chunks(scores, model, count * views, each=objective.group).reshape(count, views).mean(axis=1)


def peaks(model: Model, layer: str, images: Float[np.ndarray, "images ..."]) -> Int[np.ndarray, "images channels 2"]:
    """Returns row and column of the position where each image excites each channel of a layer most.

    Args:
      model: the network.
      layer: the name of a layer whose output has a height and a width.
      images: on the model's canvas.
    """
    return in_chunks(lambda rows: np.asarray(_peaks(model, images[rows], layer)), model, len(images))


def units(objective: Objective, model: Model) -> tuple[Objective, np.ndarray] | None:
    """Returns the objective of all units of a layer, and the units of a resolved batch ``[n]``.

    A neuron is compared with the channels of its layer, by their means over all positions. None if the objectives are
    not single units.
    """
    if isinstance(objective, BeforeActivation):
        found = units(objective.term, model)
        return found and (dataclasses.replace(objective, term=found[0]), found[1])
    if isinstance(objective, Neuron):
        every: Objective = channel(objective.layer).resolve(model)
    elif isinstance(objective, Channel | ClassScore | ClassLogOdds):
        every = dataclasses.replace(objective, index=None).resolve(model)
    else:
        return None
    return every, np.broadcast_to(np.asarray(objective.index), (count_of(objective),))


def classes(objective: Objective, model: Model) -> np.ndarray | None:
    """Returns the class of each objective of a resolved batch ``[n]``; None for objectives that are not classes."""
    if isinstance(objective, BeforeActivation):
        return classes(objective.term, model)
    of_output = isinstance(objective, Channel | Neuron) and objective.layer in (model.output, model.logits)
    if not (of_output or isinstance(objective, ClassScore | ClassLogOdds)):
        return None
    if len(model.layer(model.output).output_shape) != 1:
        return None
    found = units(objective, model)
    return found and found[1]


def class_probabilities(model: Model, images: Float[np.ndarray, "images ..."]) -> Float[np.ndarray, "images classes"]:
    """Returns the probability of each class for each image; empty for a model without classes."""
    if len(model.layer(model.output).output_shape) != 1:
        return np.zeros((len(images), 0), np.float32)
    return score_each(model, class_probability().resolve(model), images)


def plain(images: Float[np.ndarray, "images ..."], canvas: Canvas) -> Float[np.ndarray, "images ..."]:
    """Returns images as the network sees them; images with opacity are put over the middle of the canvas's range."""
    if images.shape[1:] == canvas.shape:
        return images
    looked = _seen(images[:, None], jax.random.key(0), [], np.zeros(len(images), int), canvas=canvas)
    return np.asarray(looked[:, 0])


def shown_to(images: Float[np.ndarray, "images ..."], canvas: Canvas, other: Canvas) -> Float[np.ndarray, "images ..."]:
    """Returns images of one canvas in the range, the layout and the size of another."""
    if (canvas.low, canvas.high) != (other.low, other.high):
        images = other.low + (other.high - other.low) / (canvas.high - canvas.low) * (images - canvas.low)
    axes = [canvas.channel_axis % images[0].ndim + 1, other.channel_axis % images[0].ndim + 1]
    spatial = channels_last(other).shape[:-1]
    if channels_last(canvas).shape[:-1] != spatial:
        images = np.moveaxis(np.asarray(_resized(jnp.moveaxis(jnp.asarray(images), axes[0], -1), spatial)), -1, axes[0])
    return np.moveaxis(images, *axes).astype(np.float32)


def in_chunks(some: Callable[[np.ndarray], PyTree], model: Model, count: int, *, each: int = 1) -> PyTree:
    """Calls a function with the rows of each chunk, and joins what it gives, row by row.

    Args:
      some: from rows to arrays that have as many rows.
      model: the network that the function runs, by which chunks are sized.
      count: how many rows there are.
      each: of how many images each row is.
    """
    way = chunks.plan(model, count * each, None, None)
    width = max(1, way.width // each)
    first, *rest = (chunks.rows_of(count, width, place) for place in range(-(-count // width)))
    with compiled_for(jax.local_devices()[0].platform):
        parts = [some(first)]  # which compiles, for all
    parts += chunks.in_parallel(some, rest, way.workers)
    return jax.tree.map(lambda *arrays: np.concatenate(arrays)[:count], *parts)


def release() -> None:
    """Deletes the compiled programs of all measurements."""
    for program in (_each, _own):
        program.clear_cache()  # type: ignore[attr-defined]


@partial(jax.jit, static_argnames="spatial")
def _resized(images: Array, spatial: tuple[int, ...]) -> Array:
    return jax.vmap(lambda image: resize(image, spatial))(images)


@jax.jit
def _each(model: Model, objectives: Objective, images: Array) -> Array:
    count = _batch_size(objectives)

    def scores(image: Array) -> Array:
        if not isinstance(objectives, Layered | ClassScore | ClassLogOdds):
            return jax.vmap(lambda one: model.ask(image, one), axis_size=count)(objectives)
        layer = objectives.layer

        def question(activations: Activations) -> Array:
            # All objectives read the layer that has been computed once, and whole.
            whole = Whole(activations[layer], _axis(model, layer))
            return jax.vmap(lambda one: one(whole), axis_size=count)(objectives)

        return model.ask(image, question)

    return jax.vmap(scores)(images)


@partial(jax.jit, static_argnames="layer")
def _peaks(model: Model, images: Array, layer: str) -> Array:
    axis = _axis(model, layer)

    def of_image(image: Array) -> Array:
        last = jnp.moveaxis(model.ask(image, lambda activations: activations[layer]), axis, -1)
        _, width, channels = last.shape
        places = jnp.argmax(last.reshape(-1, channels), axis=0)
        return jnp.stack([places // width, places % width], axis=-1)

    return jax.vmap(of_image)(images)


@jax.jit
def _own(model: Model, objectives: Objective, groups: Array) -> Array:
    def score(objective: Objective, group: Array) -> Array:
        if objective.group == 1:
            return model.ask(group[0], objective)
        return objective.combine(jax.vmap(lambda one: model.ask(one, objective.read))(group))

    return jax.vmap(score, axis_size=len(groups))(objectives, groups)


@partial(jax.jit, static_argnames=("canvas", "recipe", "views"))
def _seen(
    groups: Array,
    key: Array,
    numbers: list[Array],
    view: Array,
    *,
    canvas: Canvas,
    recipe: Recipe | None = None,
    views: int = 1,
) -> Array:
    """Returns what the network sees of groups of images; of each, one of so many views by a recipe.

    The program is the same for all layers: what tells objectives apart is in the numbers, see `numbers_of`.
    """

    def of_one(image: Array, key: Array) -> Array:
        image, last = jnp.moveaxis(image, canvas.channel_axis, -1), channels_last(canvas)
        look = plain_view(image, last) if recipe is None else drawn(recipe, key, image, recipe.steps - 1, last)
        return in_layout(look, canvas)

    def of_group(group: Array, numbers: list[Array], view: Array) -> Array:
        own = jax.random.split(fold_numbers(key, numbers), views)[view]
        return jax.vmap(of_one)(group, jax.random.split(own, len(group)))

    return jax.vmap(of_group)(groups, numbers, view)


def _spread(objective: Objective, count: int) -> Objective:
    return jax.tree.map(lambda leaf: np.broadcast_to(leaf, (count, *np.shape(leaf)[1:])), objective)


def _batch_size(objectives: Objective) -> int:
    return len(next(iter(jax.tree.leaves(objectives)), (None,)))


def _axis(model: Model, name: str) -> int:
    """Returns the channel axis of a layer's output, or of what goes into its activation function."""
    known = {n: layer.channel_axis for layer in model.layers for n in (layer.name, layer.preactivation)}
    axis = known.get(name)
    return model.canvas.channel_axis if axis is None else axis
