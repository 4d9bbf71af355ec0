import numpy as np
import pytest

from jaxviz import images


def test_normalize_by_hand():
    image = np.array([[0.0, 2.0], [4.0, 6.0]], np.float32)
    std = np.sqrt(5.0)
    expected = ((image - 3.0) / (std + 1e-7) * 0.1 + 0.5) * 255
    np.testing.assert_array_equal(images.normalize(image), expected.astype(np.uint8))


def test_normalize_clips_and_takes_flat_images():
    spike = np.zeros(1000, np.float32)
    spike[0] = 1.0  # 31 standard deviations above the mean
    assert images.normalize(spike)[0] == 255
    np.testing.assert_array_equal(images.normalize(np.full((2, 2), 7.0)), np.full((2, 2), 127))


def test_in_range():
    np.testing.assert_array_equal(
        images.in_range(np.array([-1.0, 0.0, 0.5, 1.0, 9.0]), 0.0, 1.0), [0, 0, 128, 255, 255]
    )
    np.testing.assert_array_equal(images.in_range(np.array([-1.0, 0.0, 1.0]), -1.0, 1.0), [0, 128, 255])


def test_deaverage_by_hand():
    image = np.array([[-4.0, 0.0], [4.0, 8.0]], np.float32)  # mean 2
    np.testing.assert_allclose(images.deaverage(image), [[0, 0], [2 * 255 / 6, 255]], rtol=1e-6)
    assert images.deaverage(image).dtype == np.float32


def test_deaverage_of_a_flat_image_is_black():
    np.testing.assert_array_equal(images.deaverage(np.ones((2, 2), np.float32)), np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("count", "shape"), [(1, (1, 1)), (2, (1, 2)), (7, (1, 7)), (10, (2, 5)), (13, (3, 5)), (32, (4, 8)), (64, (8, 8))]
)
def test_grid_shape(count, shape):
    assert images.grid_shape(count) == shape
    assert shape[0] * shape[1] >= count


def test_collage_by_hand():
    tiles = np.arange(1, 4, dtype=np.uint8)[:, None, None, None] * np.ones((3, 2, 2, 1), np.uint8)
    sheet = images.collage(tiles, rows=2, columns=2, margin=1)
    np.testing.assert_array_equal(
        sheet[..., 0],
        [[1, 1, 0, 2, 2], [1, 1, 0, 2, 2], [0, 0, 0, 0, 0], [3, 3, 0, 0, 0], [3, 3, 0, 0, 0]],
    )


def test_the_seed_s_collages():
    assert images.collage(np.ones((32, 28, 28, 1), np.uint8), rows=4, columns=8).shape == (4 * 30 - 2, 8 * 30 - 2, 1)
