import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.analysis import circuit
from jaxviz.values.errors import JaxvizError

# A linear network of three layers whose weights are known.
FIRST = np.array([[1.0, -1.0, 0.5]], np.float32)
SECOND = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, -3.0]], np.float32)
THIRD = np.array([[1.0, 0.0], [-5.0, 1.0]], np.float32)


def network(variables, image):
    first = image @ variables[0]
    second = first @ variables[1]
    return {"first": first, "second": second, "classes": (second @ variables[2]).sum((0, 1))}


@pytest.fixture(scope="module")
def model():
    return jaxviz.from_function(network, [jnp.asarray(part) for part in (FIRST, SECOND, THIRD)], (4, 4, 1))


def test_shares_are_the_weights_as_parts_of_one(model):
    told = []
    found = circuit(model, obj.class_logit(0), ["first", "second"], count=3, steps=1, progress=told.append)
    assert found.layers == ("second", "first")
    assert [units.tolist() for units in found.units] == [[1, 0], [2, 1, 0]]
    np.testing.assert_allclose(found.shares[0], [[-5 / 6, 1 / 6]], rtol=1e-5)
    np.testing.assert_allclose(found.shares[1], [[-0.75, 0.25, 0.0], [0.0, 0.0, 1.0]], rtol=1e-5, atol=1e-7)
    assert [(path.units, round(path.weight, 5)) for path in found.paths(2)] == [((1, 2), 0.625), ((1, 1), -0.20833)]
    assert [pictures.labels for pictures in found.pictures] == [
        ("logit:0",),
        ("second:1", "second:0"),
        ("first:2", "first:1", "first:0"),
    ]
    assert told == [1, 2, 3]


def test_on_images_shares_are_of_the_attribution(model):
    images = np.full((2, 4, 4, 1), 0.5, np.float32)
    found = circuit(model, "logit(0)", "second", images=images, steps=1)
    # Activations: first (.5, -.5, .25), second (1, -1.25), times the weights 1 and -5.
    np.testing.assert_allclose(found.shares[0], [[6.25 / 7.25, 1 / 7.25]], rtol=1e-5)
    assert found.units[0].tolist() == [1, 0]


def test_the_graph_has_every_picture_and_a_line_for_every_share(model):
    figure = circuit(model, "logit(0)", ["first", "second"], count=3, steps=1).figure()
    axes = figure.axes[0]
    assert len(axes.images) == 6
    assert [text.get_text() for text in axes.texts] == ["first", "2", "1", "0", "second", "1", "0", "", "logit:0"]
    widths = [line.get_linewidth() for line in axes.lines]
    assert len(widths) == 3 + 2  # a share of zero has no line
    assert sorted({line.get_color() for line in axes.lines}) == ["#3399ff", "#ff8c1a"]
    np.testing.assert_allclose(widths[-1] / widths[-2], 0.2, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": obj.class_logit([0, 1])}, "2 objectives of 1 images; a circuit is of one"),
        ({"through": []}, "no layer to go through; name one or more"),
        ({"count": 0}, "count of 0: give how many units of each layer, 1 or more"),
        ({"objective": obj.channel("first", 0), "through": "second"}, "does not depend on layer 'second'"),
    ],
)
def test_wrong_use(model, change, message):
    given = {"objective": obj.class_logit(0), "through": ["first"], "steps": 1} | change
    with pytest.raises(JaxvizError, match=message):
        circuit(model, **given)
