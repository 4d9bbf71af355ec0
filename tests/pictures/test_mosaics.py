import numpy as np

from jaxviz.pictures.mosaics import mosaic


def test_areas_are_in_proportion_to_strengths():
    tiles = np.full((4, 8, 8, 3), 255, np.uint8)
    laid = mosaic(tiles, np.array([[1.0, 0.25], [0.0, 1e-9]]), side=64)
    assert laid.shape == (64, 64, 3)
    lit = [int((laid[top : top + 32, left : left + 32, 0] > 0).sum()) for top in (0, 32) for left in (0, 32)]
    assert lit == [32 * 32, 16 * 16, 0, 0]
    assert laid[8:24, 40:56].min() == 255  # in the middle of its cell


def test_grey_tiles_that_are_no_squares():
    laid = mosaic(np.full((2, 4, 8, 1), 9, np.uint8), np.ones((2, 1)), side=32)
    assert laid.shape == (32, 32, 1)
    assert (laid == 9).all()
