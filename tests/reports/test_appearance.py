import numpy as np
import pytest

from jaxviz.networks.layer import Canvas
from jaxviz.reports import appearance

BYTES = Canvas(shape=(32, 32, 1), low=0.0, high=255.0)
FIRST = Canvas(shape=(1, 32, 32), low=0.0, high=255.0, channel_axis=0)


def noise(deviation, count=4):
    return (128 + deviation * np.random.default_rng(0).normal(size=(count, 32, 32, 1))).astype(np.float32)


def test_values_that_a_byte_shows_as_the_ends():
    image = np.full((1, 32, 32, 1), 100.0, np.float32)
    image[0, 0, :4, 0] = (0.0, 0.4, 255.0, 300.0)
    image[0, 1, :2, 0] = (0.6, 254.4)  # a 1 and a 254
    np.testing.assert_allclose(appearance.share_at_ends(image, BYTES), 4 / 1024)
    image[0, 0, 0] = np.nan
    assert np.isnan(appearance.share_at_ends(image, BYTES))


def test_ten_times_the_power_is_a_distance_of_one():
    ten = 128 + np.sqrt(10, dtype=np.float32) * (noise(5) - 128)
    np.testing.assert_allclose(appearance.spectrum_distance(ten, ten, BYTES).mean(), 0, atol=0.5)
    one, other = (appearance.spectrum_of(images, BYTES) for images in (noise(5), ten))
    np.testing.assert_allclose(other - one, 1, atol=1e-3)
    np.testing.assert_allclose(appearance.spectrum_distance(ten[:1], noise(5)[:1], BYTES), 1, atol=1e-3)


def test_the_layout_does_not_matter():
    last = noise(30)
    first = np.moveaxis(last, -1, 1)
    for measure in (appearance.spectrum_of, appearance.edge_density, appearance.share_at_ends):
        np.testing.assert_array_equal(measure(first, FIRST), measure(last, BYTES))


def test_edges_of_a_square():
    image = np.zeros((1, 32, 32, 1), np.float32)
    image[:, 8:16, 8:16] = 255
    # Its border is crossed at 8 places on each side, and two of its corners are crossed on both axes at one place.
    assert appearance.edge_density(image, BYTES)[0] == pytest.approx(31 / 31**2, abs=2 / 31**2)
    assert appearance.edge_density(np.full_like(image, 9), BYTES)[0] == 0


def test_any_number_of_axes():
    signal = Canvas(shape=(64, 2))
    waves = np.sin(np.linspace(0, 30, 64))[None, :, None].repeat(2, 2).astype(np.float32)
    assert appearance.spectrum_distance(waves, waves, signal)[0] == 0
    assert appearance.edge_density(waves, signal)[0] > 0.5
