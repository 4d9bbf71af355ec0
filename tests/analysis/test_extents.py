import jax
import numpy as np
import pytest

import jaxviz
from jaxviz.analysis import extent_of

IMAGES = np.random.default_rng(0).random((1, 16, 12, 1), dtype=np.float32)
KERNEL = np.random.default_rng(1).normal(size=(3, 3, 1, 2)).astype(np.float32)


def network(padding, strides):
    def apply(variables, image):
        dimensions = ("NHWC", "HWIO", "NHWC")
        found = jax.lax.conv_general_dilated(image[None], variables, strides, padding, dimension_numbers=dimensions)[0]
        return {"conv": found, "unit": found.mean((0, 1))}

    return jaxviz.from_function(apply, KERNEL, (16, 12, 1))


@pytest.mark.parametrize(
    ("padding", "strides", "extent"),
    [
        ("SAME", (1, 1), (0.0, 0.0, 16.0, 12.0)),
        ("VALID", (1, 1), (1.0, 1.0, 15.0, 11.0)),  # a pixel is missing at each side
        ("VALID", (2, 2), (0.5, 0.5, 14.5, 10.5)),  # middles at 1.5, 3.5, …; the last pixel is not read
    ],
)
def test_it_is_where_the_middles_of_the_fields_are(padding, strides, extent):
    assert extent_of(network(padding, strides), "conv", IMAGES) == extent


def test_without_positions_there_is_none():
    assert extent_of(network("SAME", (1, 1)), "unit", IMAGES) is None
