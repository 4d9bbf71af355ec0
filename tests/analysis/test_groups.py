import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz
from jaxviz.analysis import groups
from jaxviz.values.errors import JaxvizError

# Three groups of units that share none, and images that are mixtures of them at each position.
DIRECTIONS = np.array([[3, 4, 0, 0, 0, 0], [0, 0, 1, 2, 2, 0], [0, 0, 0, 0, 0, 5]], np.float32)
UNIT = DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)
RNG = np.random.default_rng(0)
IMAGES = RNG.exponential(size=(4, 5, 5, 3)).astype(np.float32) * np.array([9, 3, 1], np.float32)
IMAGES[RNG.random(IMAGES.shape) < 0.5] = 0  # else other groups would explain the mixtures as well


# The image is rotated by the first layer, and the second one rotates it back before it mixes: neither has the groups.
TURN = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0].astype(np.float32)


def network(variables, image):
    first = image @ TURN
    mixed = first @ (TURN.T @ variables)
    return {"mixed": mixed, "shifted": mixed - 1.0, "few": mixed[:1, :2], "one": mixed.mean((0, 1))}


def model():
    return jaxviz.from_function(network, jnp.asarray(UNIT), (5, 5, 3))


def test_groups_that_activations_were_made_of_are_found():
    found = groups(model(), "mixed", IMAGES, 3)
    np.testing.assert_allclose(found.directions, UNIT, atol=1e-2)
    np.testing.assert_allclose(found.maps, IMAGES, rtol=0.05, atol=0.1)
    assert found.error < 1e-2
    assert found.negative < 1e-6  # what rounding leaves
    assert found.strongest(1)[:, 0].tolist() == [1, 3, 5] or found.strongest(1)[:, 0].tolist() == [1, 4, 5]
    assert found.objective().resolve(model()).labels()[0] == "mixed·direction 0·cos^2"
    fewer = groups(model(), "mixed", IMAGES, 1)
    assert fewer.error > 0.05


def test_the_figure_has_a_column_for_each_group():
    digits = np.random.default_rng(0).random((3, 28, 28, 1), dtype=np.float32)
    network = jaxviz.default_model()
    found = groups(network, "conv2d_2", digits, 2, iterations=20)
    figure = found.figure(digits[:2], jaxviz.visualize(network, found.objective(), "jaxviz", steps=1))
    first = [" ".join(map(str, units)) for units in found.strongest(3).tolist()]
    assert [text.get_text() for text in figure.axes[0].texts] == ["", *first, "0", "", "", "1", "", ""]


def test_what_is_negative_is_left_out_and_said():
    found = groups(model(), "shifted", IMAGES, 3)
    rows = IMAGES @ UNIT - 1.0
    expected = np.linalg.norm(np.minimum(rows, 0)) / np.linalg.norm(rows)
    np.testing.assert_allclose(found.negative, expected, rtol=1e-4)
    assert found.negative > 0.01


@pytest.mark.parametrize(
    ("layer", "images", "count", "message"),
    [
        ("mixed", IMAGES, 7, "7 groups of layer 'mixed': give from 1 to 6; it has 6 units, and 100 "),
        ("few", IMAGES[:1], 3, "3 groups of layer 'few': give from 1 to 2; it has 6 units, and 2 positions in these"),
        ("mixed", 0 * IMAGES, 2, "no unit of layer 'mixed' is active on these images; give others"),
        ("one", IMAGES, 2, "layer 'one' .* has no positions; name a convolution or a pool"),
    ],
)
def test_wrong_use(layer, images, count, message):
    with pytest.raises(JaxvizError, match=message):
        groups(model(), layer, images, count)
