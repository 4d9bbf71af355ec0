"""Small networks for the tests of objectives: plain functions, which trace in no time."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

import jaxviz

SHAPE = (6, 6, 2)


def _conv(image, kernel):
    return lax.conv_general_dilated(image[None], kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))[0]


def _forward(variables, image):
    conv = _conv(image, variables["conv"])
    relu = jax.nn.relu(conv)
    dense = relu.mean((0, 1)) @ variables["dense"]
    return {"conv": conv, "relu": relu, "dense": dense, "classes": jax.nn.softmax(dense)}


@functools.cache
def network():
    """A convolution of 4 3x3 filters (4x4 positions), relu, mean, dense 3, softmax; zeros give zeros."""
    rng = np.random.default_rng(0)
    variables = {"conv": rng.normal(size=(3, 3, 2, 4)), "dense": rng.normal(size=(4, 3))}
    return jaxviz.from_function(_forward, jax.tree.map(lambda w: jnp.asarray(w, jnp.float32), variables), SHAPE)


def _points(variables, image):
    return {"conv": image @ variables + 1.0}


@functools.cache
def points():
    """Captum's network: a 1x1 convolution of 2 filters, weights 0.1, bias 1. Ones give 1.3 everywhere."""
    return jaxviz.from_function(_points, jnp.full((3, 2), 0.1), (4, 4, 3))


def _mirror(variables, image):
    return {"same": image * variables}


@functools.cache
def mirror():
    """The image itself as a layer of 3 channels, 5 x 5."""
    return jaxviz.from_function(_mirror, jnp.float32(1.0), (5, 5, 3))


@functools.cache
def mirror_channels_first():
    """Likewise, channels first: 3 x 5 x 5."""
    return jaxviz.from_function(_mirror, jnp.float32(1.0), (3, 5, 5), channel_axis=0)
