"""The seed recipe against the seed's loop, written plainly: one filter, one step at a time, Keras on JAX."""

import os
from functools import partial

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.keras.default import default_path

CONVOLUTIONS = ["conv2d_1", "conv2d_2", "conv2d_3", "conv2d_4"]


@pytest.fixture(scope="module")
def reference():
    return keras.models.load_model(default_path(), compile=False)


def seed_loop(step, index, start, sizes, keep):
    """Maximizes one filter as in the article; returns the last image, and the image after a number of steps."""
    image = jnp.asarray(start)[None]
    for count, size in enumerate(sizes, start=1):
        image = step(image, index, size)
        if count == keep:
            kept = np.asarray(image[0])
    return np.asarray(image[0]), kept


def seed_step(reference, layer):
    """Returns what makes one step of one filter."""
    part = keras.Model(reference.inputs[0], reference.get_layer(layer).output)
    trainable = [variable.value for variable in part.trainable_variables]
    others = [variable.value for variable in part.non_trainable_variables]

    def score(image, trainable, index):
        outputs, _ = part.stateless_call(trainable, others, image)
        return outputs[..., index].mean()

    @jax.jit
    def step(trainable, image, index, size):
        gradient = jax.grad(score)(image, trainable, index)
        return image + gradient / (jnp.sqrt(jnp.mean(jnp.square(gradient))) + 1e-5) * size

    return partial(step, trainable)


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_filters_equal_the_loop(mnist, reference, layer):
    """Every filter, after 32 steps and after all 256."""
    ours = jaxviz.visualize(mnist, obj.channel(layer), "seed")
    early = jaxviz.visualize(mnist, obj.channel(layer), "seed", steps=32)
    np.testing.assert_array_equal(early.starts, ours.starts)
    close, alike, step = [], [], seed_step(reference, layer)
    for index in range(len(ours)):
        last, after_32 = seed_loop(step, index, ours.starts[index], [1.0] * 256, keep=32)
        close.append(np.abs(early.images[index] - after_32).max() < 1e-3 * 255)
        if not ours.dead[index]:
            alike.append(correlation(ours.images[index] - ours.starts[index], last - ours.starts[index]) > 0.99)
        elif (ours.images[index] == ours.starts[index]).all():
            np.testing.assert_array_equal(last, ours.starts[index])  # images that never change are the same in both
    assert np.mean(close) >= 0.98, f"{np.mean(close):.1%} of {layer} within 1e-3 of the range after 32 steps"
    assert np.mean(alike) >= 0.95, f"{np.mean(alike):.1%} of {layer}'s living filters correlate after 256 steps"


def test_digits_equal_the_loop(mnist, reference):
    ours = jaxviz.visualize(mnist, obj.class_probability(), "seed-digits", steps=512)
    early = jaxviz.visualize(mnist, obj.class_probability(), "seed-digits", steps=32)
    sizes = [1 / (100 + 10 * t) for t in range(512)]
    step = seed_step(reference, "dense_3")
    for digit in range(10):
        last, after_32 = seed_loop(step, digit, ours.starts[digit], sizes, keep=32)
        reach = np.abs(after_32).max()  # these images stay within about 1 of zero, far below 255
        assert np.abs(early.images[digit] - after_32).max() < 1e-3 * reach
        assert correlation(ours.images[digit], last) > 0.99
