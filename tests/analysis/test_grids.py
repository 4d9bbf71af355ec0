import jax
import numpy as np
import pytest

import jaxviz
from jaxviz.analysis import grid, grids
from jaxviz.values.errors import JaxvizError

DIGIT = np.random.default_rng(0).random((28, 28, 1), dtype=np.float32)


def test_each_cell_is_the_direction_alone_bit_for_bit():
    model = jaxviz.default_model()
    seen = grid(model, "conv2d_3", DIGIT, cells=(3, 2), recipe="jaxviz", steps=3, chunk=3, key=jax.random.key(4))
    activations = np.asarray(model(DIGIT[None])["conv2d_3"])[0]  # 9 x 9 positions
    np.testing.assert_allclose(seen.vectors[2, 1], activations[6:9, 5:9].mean((0, 1)), rtol=1e-5, atol=1e-7)
    for place in (0, 5):
        vector = seen.vectors[np.unravel_index(place, (3, 2))]
        objective = jaxviz.objectives.direction("conv2d_3", vector, power=2)
        alone = jaxviz.visualize(model, objective, "jaxviz", steps=3, chunk=3, key=jax.random.key(4))
        np.testing.assert_array_equal(alone.images[0], seen.cells.images[place])
    assert seen.sizes.shape == (3, 2)
    np.testing.assert_allclose(seen.sizes.max(), 1.0)


def test_grids_of_several_layers_and_what_they_look_like():
    model = jaxviz.default_model()
    seen = grids(model, ["conv2d_4", "max_pooling2d_2"], DIGIT, cells=4, recipe="jaxviz", steps=1)
    assert [each.shape for each in seen] == [(4, 4), (3, 3)]
    alone = grid(model, "conv2d_4", DIGIT, cells=4, recipe="jaxviz", steps=1)
    np.testing.assert_array_equal(alone.cells.images, seen[0].cells.images)
    assert seen[0].mosaic(side=112).shape == (112, 112, 1)
    figure = seen[1].figure(DIGIT)
    assert [text.get_text() for text in figure.axes[0].texts] == ["the image", "max_pooling2d_2"]
    assert len(seen[1].figure().axes[0].texts) == 1


@pytest.mark.parametrize(
    ("layer", "cells", "message"),
    [
        ("dense_1", None, r"layer 'dense_1' \(Dense\) has no positions; name a convolution or a pool"),
        ("conv2d_3", (12, 2), r"cells \(12, 2\): layer 'conv2d_3' has \(9, 9\) positions; give as many or fewer"),
        ("conv2d_3", (3,), r"cells \(3,\): layer 'conv2d_3' has \(9, 9\) positions; give as many or fewer"),
    ],
)
def test_wrong_use(layer, cells, message):
    with pytest.raises(JaxvizError, match=message):
        grid(jaxviz.default_model(), layer, DIGIT, cells=cells)
