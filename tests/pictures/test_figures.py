import dataclasses

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from visualizations import visualization

from jaxviz import figures, images


def pixels(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_captions_and_title():
    figure = figures.collage(visualization(4))
    assert words(figure) == ["0", "1 dead", "2 dead", "3"]
    assert [text.get_text() for text in figure.texts] == ["conv"]


def test_mixed_labels_stand_whole():
    figure = figures.collage(visualization(4, ["a:0", "b:0", "c:0", "my_function"]))
    assert words(figure) == ["a:0", "b:0 dead", "c:0 dead", "my_function"]


def test_the_dead_are_crossed_out_and_not_shown():
    sheet = figures.collage(visualization(4)).axes[0].images[0].get_array()
    height = 28 + (sheet.shape[0] - 2 - 2 * 28) // 2
    tiles = [
        sheet[r * (height + 2) : r * (height + 2) + height][:, c * 30 : c * 30 + 28] for r in (0, 1) for c in (0, 1)
    ]
    assert [bool(tile.any()) for tile in tiles] == [True, False, False, True]
    assert len(figures.collage(visualization(4)).axes[0].lines) == 2


def test_a_tile_is_shown_pixel_for_pixel():
    shown = visualization(3)
    drawn = pixels(figures.collage(shown))
    expected = np.repeat(np.repeat(images.in_range(shown.images[0], 0.0, 1.0)[..., 0], 3, 0), 3, 1)
    windows = np.lib.stride_tricks.sliding_window_view(drawn[..., 0], expected.shape)
    # A colour map of 256 greys rounds to within one of them.
    assert (np.abs(windows.astype(int) - expected) <= 1).all(axis=(-1, -2)).any()


@pytest.mark.parametrize("size", [28, 60])  # shown three times as large, and as they are
def test_black_tiles_have_a_line_around_them(size):
    black = np.zeros((6, size, size, 1), np.uint8)
    drawn = pixels(figures.tiles_figure(black, captions=[""] * 6, title="")).max(axis=-1)
    side = size * images.magnification(size, size)
    for row in drawn[[30, 60]]:
        assert np.flatnonzero(row).tolist() == [
            edge
            for left in (8 + place * (side + 2 * (side // size)) for place in range(3))
            for edge in (left - 1, left + side)
        ]
    assert set(np.unique(drawn)) == {0, 110}


def test_nan_is_crossed_out_with_its_step():
    shown = visualization(4)
    shown.images[3], shown.scores[3, 1:], shown.final_scores[3] = np.nan, np.nan, np.nan
    axes = figures.collage(shown).axes[0]
    assert [text.get_text() for text in axes.texts] == ["0", "1 dead", "2 dead", "3 NaN", "from 1"]
    assert len(axes.lines) == 3


def test_images_out_of_range_are_normalized():
    shown = visualization(3)
    far = dataclasses.replace(shown, images=shown.images * 300 - 100)
    tile = figures.collage(far).axes[0].images[0].get_array()[-28:, :28]
    np.testing.assert_array_equal(np.squeeze(tile), np.squeeze(images.normalize(far.images[0])))


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("channel_axis", [-1, 0])
def test_any_number_of_channels_in_either_layout(channels, channel_axis):
    figure = figures.collage(visualization(5, channels=channels, channel_axis=channel_axis))
    assert pixels(figure).std() > 10


def test_score_curves():
    figure = figures.scores(visualization(4), title="rise")
    assert len(figure.axes[0].lines) == 4
    assert figure.axes[0].get_title() == "rise"
