"""Receptive fields of networks whose kernels and strides are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jaxviz
from jaxviz import JaxvizError
from jaxviz.networks.receptive_fields import receptive_fields


def convolution(x, kernel, stride, padding):
    dimensions = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x[None], kernel, (stride, stride), padding, dimension_numbers=dimensions)[0]


def network(variables, image):
    """A convolution of 3 x 3, one of 2 x 4 with stride 2 and padding, and the mean of all positions as a gate."""
    first = jax.nn.relu(convolution(image, variables["first"], 1, "VALID"))
    second = jax.nn.relu(convolution(first, variables["second"], 2, [(1, 0), (0, 0)]))
    gated = second * jax.nn.sigmoid(second.mean((0, 1)))
    return {"first": first, "second": second, "gated": gated, "dense": second.mean((0, 1)), "off": 0 * second}


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    kernels = {"first": (3, 3, 2, 5), "second": (2, 4, 5, 6)}
    variables = {name: jnp.asarray(rng.normal(size=shape), jnp.float32) for name, shape in kernels.items()}
    return jaxviz.from_function(network, variables, (15, 12, 2), output="dense")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).uniform(size=(6, 15, 12, 2)).astype(np.float32)


def test_fields_follow_from_kernels_and_strides(model, images):
    first = receptive_fields(model, "first", images)
    assert first.rows.tolist() == [[row, row + 3] for row in range(13)]
    assert first.columns.tolist() == [[column, column + 3] for column in range(10)]
    second = receptive_fields(model, "second", images)
    # A row above the first one is padding: the first field is cut by a row.
    assert second.rows.tolist() == [[max(2 * row - 1, 0), 2 * row + 3] for row in range(7)]
    assert second.columns.tolist() == [[2 * column, 2 * column + 6] for column in range(4)]
    assert second.box(0, 1) == (0, 2, 3, 8)
    assert not second.whole


def test_a_gate_over_all_positions_reaches_the_whole_image(model, images):
    gated = receptive_fields(model, "gated", images)
    assert gated.whole
    assert (gated.rows == [0, 15]).all()


def test_layers_without_a_field(model, images):
    assert receptive_fields(model, "dense", images) is None
    assert receptive_fields(model, "off", images) is None
    with pytest.raises(JaxvizError, match="no images are given; give one or more"):
        receptive_fields(model, "first", images[:0])


def test_positions_between_those_measured_are_interpolated():
    variables = {"kernel": jnp.ones((3, 3, 1, 2))}
    layers = lambda v, image: {"wide": convolution(image, v["kernel"], 1, "SAME")}  # noqa: E731
    wide = jaxviz.from_function(layers, variables, (70, 4, 1))
    fields = receptive_fields(wide, "wide", np.random.default_rng(0).uniform(size=(1, 70, 4, 1)))
    middle = np.arange(3, 66)
    np.testing.assert_array_equal(fields.rows[middle, 0], middle - 1)
    np.testing.assert_array_equal(fields.rows[middle, 1], middle + 2)
    assert fields.rows[[0, -1]].tolist() == [[0, 2], [68, 70]]
