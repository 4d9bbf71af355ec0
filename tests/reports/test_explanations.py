"""Interpretability: numbers worked out by hand, on a network whose channels are the colours of the image."""

import dataclasses

import numpy as np
import pytest
from objective_networks import mirror

import jaxviz
from jaxviz import objectives as obj
from jaxviz.reports import Observer, explanations, interpretability
from jaxviz.values.errors import JaxvizError

ASKED = obj.channel("same", [0, 1])


def flat(rows):
    """Images that are of one colour."""
    return np.broadcast_to(np.asarray(rows, np.float32)[:, None, None], (len(rows), 5, 5, 3)).copy()


def pictures(*rows, objective=ASKED):
    made = jaxviz.visualize(mirror(), objective, "seed", steps=1)
    return dataclasses.replace(made, images=flat(rows))


def colours(images):
    return images.mean((1, 2))


# A hundred images, the first channel rising and the second falling: the best two of each are at the ends.
REAL = flat(np.stack([np.linspace(0, 1, 100), np.linspace(1, 0, 100), np.full(100, 0.5)], 1))


def measured(made, observer=colours, images=REAL, **given):
    return interpretability(mirror(), ASKED, made, images, observer=observer, **given)


def test_a_picture_of_what_excites_the_unit_tells_all_pairs_right():
    found = measured(pictures([1, 0, 0.5], [0, 1, 0.5]))
    np.testing.assert_array_equal(found.share, [1, 1])
    np.testing.assert_array_equal(found.error, [0, 0])
    np.testing.assert_array_equal(found.chance, [0, 0])  # the other unit's picture is the opposite
    np.testing.assert_array_equal(found.ceiling, [1, 1])
    assert np.isnan(found.both).all()
    assert repr(found) == "Interpretability(2 units: share 1.000, chance 0.000, ceiling 1.000)"


def test_a_picture_of_the_opposite_tells_all_wrong_and_a_grey_one_guesses():
    # Where the picture is the mean of the real images its features are 0, as close to all of them.
    found = measured(pictures([0, 1, 0.5], [0.5, 0.5, 0.5]))
    np.testing.assert_array_equal(found.share, [0, 0.5])


def test_what_silences_the_unit_counts_against_an_image():
    grey, silencing = pictures([0.5, 0.5, 0.5], [0, 1, 0.5]), pictures([0, 1, 0.5], [0.5, 0.5, 0.5])
    found = measured(grey, negative=silencing)
    np.testing.assert_array_equal(found.share, [0.5, 1])
    np.testing.assert_array_equal(found.both, [1, 1])


def test_the_share_and_its_error_are_those_of_the_pairs():
    share, error = explanations._told_right(np.array([3.0, 1.0]), np.array([0.0, 2.0, 1.0]))
    assert share == pytest.approx((3 + 1.5) / 6)
    # Of the best 1 and 0.5, of the worse 1, 0.5 and 0.75: variances 0.125 / 2 and 0.0625 / 3.
    assert error == pytest.approx(np.sqrt(0.125 / 2 + 0.0625 / 3))


def test_a_unit_that_is_the_same_on_all_images_has_no_number():
    still = REAL.copy()
    still[..., 0] = 0.25
    assert np.isnan(measured(pictures([1, 0, 0.5], [0, 1, 0.5]), images=still).share).tolist() == [True, False]


def test_layers_count_alike():
    made = pictures([1, 0, 0.5], [0, 1, 0.5])
    found = measured(made, observer=lambda images: (colours(images), 1 - colours(images), np.ones((len(images), 4))))
    np.testing.assert_array_equal(found.share, [1, 1])


@pytest.mark.parametrize("grid", [1, 2])
def test_another_model_observes(grid):
    other = jaxviz.from_function(lambda _, image: {"seen": 2 * image}, np.zeros(1), (8, 8, 3))  # of another size
    found = measured(pictures([1, 0, 0.5], [0, 1, 0.5]), observer=Observer(other, ("seen",), grid))
    np.testing.assert_array_equal(found.share, [1, 1])


def test_layers_with_weights_are_read_where_none_are_named(mnist):
    assert Observer(mnist).read == ("conv2d_1", "conv2d_2", "conv2d_3", "dense_1", "dense_2", "dense_3")


def test_the_report_has_them():
    model, made = mirror(), pictures([1, 0, 0.5], [0, 1, 0.5])
    told = jaxviz.report(model, ASKED, made, images=REAL, observer=colours)
    np.testing.assert_array_equal(told.interpretability, [1, 1])
    np.testing.assert_array_equal(told.ceiling, [1, 1])
    assert "share of pairs of real images that the observer tells right by the picture" in told.table()
    assert jaxviz.Report.from_json(told.to_json()).chance.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"images": REAL[:7]}, r"^7 real images: give 8 or more"),
        ({"observer": lambda images: images}, r"the observer gives \(100, 5, 5, 3\) for 100 images; give \[images"),
        ({"observer": mirror()}, "the observer is the network that is explained; give another network"),
        ({"observer": jaxviz.default_model()}, r"an observer of images \(28, 28, 1\) for images \(5, 5, 3\)"),
    ],
)
def test_what_is_refused(given, message):
    with pytest.raises(JaxvizError, match=message):
        measured(pictures([1, 0, 0.5], [0, 1, 0.5]), **given)


def test_settings_that_are_refused():
    with pytest.raises(JaxvizError, match="grid of 0: give 1 or more"):
        Observer(mirror(), grid=0)
    with pytest.raises(JaxvizError, match="unknown layer 'x'"):
        Observer(mirror(), ("x",))
    with pytest.raises(JaxvizError, match="an observer compares real images; give them by images="):
        jaxviz.report(mirror(), ASKED, pictures([1, 0, 0], [0, 1, 0]), observer=colours)
