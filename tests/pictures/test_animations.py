"""Animations, decoded as in a browser."""

import dataclasses

import numpy as np
import pytest
from PIL import Image, ImageSequence
from visualizations import visualization

from jaxviz import animations, images
from jaxviz.values.errors import JaxvizError


def read(path):
    """The frames as RGB, and how long each is shown, in milliseconds."""
    with Image.open(path) as film:
        frames = [
            (np.asarray(frame.convert("RGB")), frame.info.get("duration")) for frame in ImageSequence.Iterator(film)
        ]
        return [frame for frame, _ in frames], [time for _, time in frames], film.info.get("loop")


@pytest.mark.parametrize("write", [animations.gif, animations.apng])
def test_greys_are_exact(write, tmp_path):
    shown = visualization(4, frames=5)
    write(shown, tmp_path / "film", duration=1, hold=2, captions=False)
    frames, times, loop = read(tmp_path / "film")
    assert (times, loop) == ([250, 250, 250, 250, 2000], 0)
    assert [path.name for path in tmp_path.iterdir()] == ["film"]
    for place, frame in enumerate(frames):
        # Two rows of two, each pixel three times as large, a line of one pixel around each, four pixels between them.
        assert frame.shape == (2 * 86 + 4, 2 * 86 + 4, 3)
        for tile, left, top in ((0, 1, 1), (3, 91, 91)):
            expected = images.in_range(shown.frames[tile, place], 0.0, 1.0)
            drawn = frame[top : top + 84 : 3, left : left + 84 : 3]
            assert (frame[top - 1, left : left + 84] == 110).all()
            assert (frame[top : top + 84, left + 84] == 110).all()
            assert (frame[top : top + 84, left + 85 : left + 86] == 0).all()
            np.testing.assert_array_equal(drawn, np.repeat(expected, 3, -1))


@pytest.mark.parametrize("channel_axis", [-1, 0])
def test_colours(tmp_path, channel_axis):
    shown = visualization(1, channels=3, channel_axis=channel_axis, frames=3)
    expected = np.moveaxis(shown.frames[0], 1, -1) if channel_axis == 0 else shown.frames[0]
    animations.apng(shown, tmp_path / "film.png", captions=False)
    animations.gif(shown, tmp_path / "film.gif", captions=False)
    exact, near = read(tmp_path / "film.png")[0], read(tmp_path / "film.gif")[0]
    np.testing.assert_array_equal(np.stack(exact)[:, 1:-1:3, 1:-1:3], images.in_range(expected, 0.0, 1.0))
    assert np.abs(np.stack(near).astype(int) - np.stack(exact)).mean() < 16  # of random colours, by 256


def test_captions():
    shown = visualization(4, frames=2)
    plain, told = animations.sheets(shown, captions=False), animations.sheets(shown)
    head = told.shape[1] - plain.shape[1]
    assert head == 3 * 13  # the layer, and two rows of captions
    np.testing.assert_array_equal(told[:, 26 : 26 + 86, :86], plain[:, :86, :86])
    assert min(told[:, :13, :84].max(), told[:, 13:26, :84].max()) > 150
    assert (told[0, :26] == told[1, :26]).all()
    long = animations.sheets(dataclasses.replace(shown, labels=("x" * 300, "a:1", "b:2", "…")))
    assert long.shape[1:] == (plain.shape[1] + 2 * 13, *plain.shape[2:])  # labels that have nothing in common


def test_brightness_never_jumps():
    """Frames beyond the range are normalized together: equal values are equally bright in all of its frames."""
    shown = visualization(1, frames=4)
    far = dataclasses.replace(shown, frames=shown.frames * 300 - 100)
    drawn = animations.sheets(far, captions=False)[:, 1:-1:3, 1:-1:3]
    np.testing.assert_array_equal(drawn, images.normalize(far.frames[0]))
    custom = animations.sheets(far, captions=False, render=lambda film: np.full(film.shape, 7, np.uint8))
    assert (custom[:, 1:-1, 1:-1] == 7).all()


def test_times_add_up_and_once_means_once(tmp_path):
    shown = visualization(1, frames=65)
    for write in (animations.gif, animations.apng):
        write(shown, tmp_path / "film", duration=3, hold=0.5, loop=False)
        _, times, loop = read(tmp_path / "film")
        assert sum(times) == 3500
        assert max(times[:-1]) - min(times[:-1]) <= 10
        assert loop in (None, 1)


def test_what_stands_still_is_written(tmp_path):
    shown = visualization(1, frames=3)
    for write in (animations.gif, animations.apng):
        black = dataclasses.replace(shown, frames=np.zeros_like(shown.frames))
        assert write(black, str(tmp_path / "film")) == tmp_path / "film"
        assert read(tmp_path / "film")[0][0].shape == (86 + 26, 86, 3)


def test_frames_of_nan_are_crossed_out():
    shown = visualization(2, frames=4)
    shown.frames[1, 2:] = np.nan
    film = animations.sheets(shown, captions=False)[..., 0]
    tile = film[:, 1:85, 91:175]
    assert (tile[2] == tile[3]).all()
    assert tile[2].max() == 128
    assert tile[2, 0, 0] == tile[2, 83, 0] == tile[2, 41, 41] == 128
    assert (tile[2, 2, 6:78] == 0).all()
    assert len(np.unique(tile[1])) > 2


@pytest.mark.parametrize(
    ("frames", "times", "message"),
    [
        (None, {}, "this visualization has no frames; make it with"),
        (2, {"duration": 0}, "duration of 0: give seconds, more than 0 and up to 30"),
        (2, {"hold": 31.0}, "hold of 31.0: give seconds, more than 0 and up to 30"),
        (2, {"hold": float("nan")}, "hold of nan: give seconds, more than 0 and up to 30"),
    ],
)
def test_refusals(frames, times, message, tmp_path):
    with pytest.raises(JaxvizError, match=message):
        animations.gif(visualization(2, frames=frames), tmp_path / "film.gif", **times)
    assert list(tmp_path.iterdir()) == []
