import numpy as np
import pytest

from jaxviz.pictures.maps import overlaid
from jaxviz.values.errors import JaxvizError


def test_the_sign_is_the_colour_and_the_size_its_strength():
    image = np.full((2, 6, 3), 200, np.uint8)
    drawn = overlaid(image, np.array([[2.0, 0.0, -1.0]])).astype(int)
    above, none, below = drawn[0, 0], drawn[0, 2], drawn[0, -1]
    np.testing.assert_array_equal(above, (0.15 * 110 + 0.85 * np.array([255, 140, 26])).astype(int))
    np.testing.assert_array_equal(below, (0.575 * 110 + 0.425 * np.array([51, 153, 255])).astype(int))
    assert none.min() == none.max() or none[0] > none[2]  # grey, or what is left of the orange beside it
    half = overlaid(image, np.array([[2.0, 0.0, -1.0]]), largest=4.0).astype(int)
    assert (half[0, 0, 0], half[0, 0, 2]) == (int(0.575 * 110 + 0.425 * 255), int(0.575 * 110 + 0.425 * 26))


def test_outside_of_the_extent_there_is_no_colour():
    image = np.zeros((8, 8, 1), np.uint8)
    drawn = overlaid(image, np.ones((2, 2)), extent=(2.0, 4.0, 6.0, 10.0))
    lit = drawn[..., 0] > 0
    assert lit[2:6, 4:8].all()
    assert lit.sum() == 4 * 4


def test_no_numbers_leave_a_grey_image():
    image = np.random.default_rng(0).integers(0, 255, (3, 3, 3), np.uint8)
    drawn = overlaid(image, np.zeros((2, 2)))
    np.testing.assert_array_equal(drawn, (0.55 * image.mean(-1, keepdims=True)).astype(np.uint8).repeat(3, -1))


def test_what_is_no_picture_is_refused():
    with pytest.raises(JaxvizError, match=r"a map of shape \(2, 2, 2\) cannot be drawn; give one of two axes, or one"):
        overlaid(np.zeros((4, 4, 1), np.uint8), np.zeros((2, 2, 2)))
