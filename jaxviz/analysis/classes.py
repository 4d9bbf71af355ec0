"""Classes of cells: model + images + cells of an atlas -> how much each cell raises the logit of each class."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.analysis.images import ImageSource, checked_images
from jaxviz.analysis.levels import Cells
from jaxviz.analysis.surveys import Survey
from jaxviz.networks.cuts import cut
from jaxviz.networks.layer import Layer
from jaxviz.networks.model import Model
from jaxviz.values.errors import JaxvizError

__all__ = ["MEMBERS", "class_effects"]

MEMBERS = 8
"""In how many images a cell's effect on the classes is computed; docs/analysis.md has what fewer and more give."""

_NEAR = 1  # positions on each side of a member's that change with it
_EACH = 4  # changes that are computed together


def class_effects(
    model: Model, layer: Layer, images: ImageSource, survey: Survey, cells: Cells
) -> Float[np.ndarray, "cells classes"] | None:
    """Computes how much the mean activation of each cell raises the logit of each class.

    ``mean over members of f(image; the cell's mean) - f(image; the mean of all drawn activations)``, where f are the
    logits of the member's image with that activation at the member's position and its neighbours, and all other
    positions as they are. The members are the eight most typical, each of another image.

    Carter et al. average gradient times activation at one position over all members of a cell. Classes that are found
    so agree less with photographs that had no part in them (docs/analysis.md), and a gradient holds for small changes.

    Source: Carter et al., "Activation Atlas", Distill 2019, https://distill.pub/2019/activation-atlas, for the question
    and for the attribution that this replaces.

    Args:
      model: the network.
      layer: the layer.
      images: those of the survey; each is read once.
      survey: the drawn activations.
      cells: the cells, by the activations of the survey.

    Returns:
      By how much each logit rises, for each cell; None where the network has no logits that depend on the layer.
    """
    if len(model.layer(model.output).output_shape) != 1:
        return None
    usual = survey.vectors.means(np.zeros(len(survey.vectors), np.int64), 1)[0]
    members = cells.members[:, :MEMBERS]
    cell_of, _ = np.nonzero(members >= 0)
    points = members[members >= 0]
    effects = np.zeros((len(cells), model.layer(model.output).output_shape[0]))
    for number in np.unique(survey.images[points]).tolist():
        image = checked_images(images[number : number + 1], model)[0]
        of_image = np.flatnonzero(survey.images[points] == number)
        for first in range(0, len(of_image), _EACH):
            some = of_image[first : first + _EACH]
            filled = np.resize(some, _EACH)  # so that every block runs the same program
            positions, vectors = survey.positions[points[filled]], cells.vectors[cell_of[filled]]
            try:
                changes = _changes(model, image, positions, vectors, usual, layer.name, layer.channel_axis or 0)
            except JaxvizError:  # no logit depends on the layer
                return None
            np.add.at(effects, cell_of[some], np.asarray(changes)[: len(some)])
    return (effects / (members >= 0).sum(axis=1, keepdims=True)).astype(np.float32)


@partial(jax.jit, static_argnames=("layer", "axis"))
def _changes(
    model: Model, image: Array, positions: Array, vectors: Array, usual: Array, layer: str, axis: int
) -> Array:
    halves = cut(model, layer, lambda activations: activations[model.logits], image)
    last = jnp.moveaxis(halves.activation, axis, -1)
    places = jnp.moveaxis(jnp.indices(last.shape[:-1]), 0, -1)

    def change(position: Array, vector: Array) -> Array:
        near = (jnp.abs(places - position) <= _NEAR).all(axis=-1, keepdims=True)
        with_vector, without = (
            halves.rest(jnp.moveaxis(jnp.where(near, one, last), -1, axis)) for one in (vector, usual)
        )
        return with_vector - without

    return jax.vmap(change)(positions, vectors)
