"""Sizes: a model -> the same network for images of another size, as far as a layer allows it."""

import dataclasses

import jax
import jax.numpy as jnp

from jaxviz.networks.model import Model
from jaxviz.values.errors import JaxvizError

__all__ = ["resized"]


def resized(model: Model, layer: str, side: int) -> Model:
    """Returns a model that takes images whose sides are all of a length, for what is asked of one layer.

    A convolution takes images of any size; a dense layer behind a flattened one does not. So only the shape of the
    named layer is that of the new size. Those of the others stay as they were, and what is asked of them may fail.

    Args:
      model: the network.
      layer: the layer's name.
      side: pixels along each side.

    Raises:
      JaxvizError: the side is below 1, or the network takes images of its own size only.

    Example:
      >>> import jaxviz
      >>> larger = resized(jaxviz.default_model(), "conv2d_3", 40)
      >>> larger.canvas.shape, larger.layer("conv2d_3").output_shape
      ((40, 40, 1), (15, 15, 64))
    """
    axis = model.canvas.channel_axis % len(model.canvas.shape)
    shape = tuple(size if place == axis else side for place, size in enumerate(model.canvas.shape))
    found = model.layer(layer)
    if shape == model.canvas.shape:
        return model
    changed = model.replace(canvas=dataclasses.replace(model.canvas, shape=shape))
    usual = " x ".join(map(str, model.canvas.shape))
    try:
        given = jax.eval_shape(
            lambda image: changed.ask(image, lambda activations: activations[layer]),
            jax.ShapeDtypeStruct(shape, jnp.float32),
        )
    except Exception as error:  # any network may refuse in its own way
        raise JaxvizError(f"side {side}: layer {layer!r} cannot be computed of images other than {usual}") from error
    if len(given.shape) != len(found.output_shape) or 0 in given.shape:
        raise JaxvizError(f"side {side}: layer {layer!r} gives {given.shape} of such images; give a larger side")
    layers = tuple(
        dataclasses.replace(one, output_shape=given.shape) if one.name == layer else one for one in model.layers
    )
    return changed.replace(layers=layers)
