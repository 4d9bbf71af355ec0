"""Real images come in the canvas's own range and layout, or are refused in one line."""

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from jaxviz import JaxvizError
from jaxviz.networks.layer import Canvas
from jaxviz.reports.real_images import open_real_images, read_real_images

GREY = Canvas(shape=(4, 4, 1))
SIGNED = Canvas(shape=(4, 4, 3), low=-1.0, high=1.0)
FIRST = Canvas(shape=(3, 4, 4), channel_axis=0)
BYTES = np.arange(32, dtype=np.uint8).reshape(2, 4, 4) * 8


def read(path, canvas, **arrays):
    if list(arrays) == ["array"]:
        np.save(path, arrays["array"])
    else:
        np.savez(path, **arrays)
    return read_real_images(path, canvas)


def test_the_shipped_digits(mnist, digits):
    images, labels = read_real_images(ROOT / "weights" / "mnist_test_1000.npz", mnist.canvas)
    np.testing.assert_allclose(images, digits[0], atol=1e-7)
    np.testing.assert_array_equal(labels, digits[1])


def test_bytes_are_mapped_to_the_range(tmp_path):
    images, labels = read(tmp_path / "a.npy", GREY, array=BYTES)
    np.testing.assert_allclose(images, BYTES[..., None] / 255, atol=1e-7)
    assert labels is None
    colours = np.stack([np.zeros_like(BYTES), BYTES, np.full_like(BYTES, 255)], axis=-1)
    images, _ = read(tmp_path / "b.npz", SIGNED, x=colours, y=np.array([3, 4]))
    assert images[..., 0].max() == -1
    assert images[..., 2].min() == 1


def test_channels_are_put_where_the_canvas_has_them(tmp_path):
    last = np.random.default_rng(0).random((2, 4, 4, 3))
    images, _ = read(tmp_path / "a.npz", FIRST, images=last)
    np.testing.assert_allclose(images, np.moveaxis(last, -1, 1), rtol=1e-6)
    again, _ = read(tmp_path / "a.npy", FIRST, array=np.moveaxis(last, -1, 1))
    np.testing.assert_array_equal(again, images)


def test_a_folder_gives_the_same_images_as_a_file(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    (tmp_path / "folder").mkdir()
    for number, picture in enumerate(colours):
        Image.fromarray(picture).save(tmp_path / "folder" / f"{number}.png")
    for canvas in (SIGNED, FIRST):
        images, _ = read(tmp_path / "a.npy", canvas, array=colours)
        found, labels = read_real_images(tmp_path / "folder", canvas)
        np.testing.assert_array_equal(found, images)
        assert labels is None


def test_images_that_are_opened_are_read_in_parts(tmp_path):
    for number, stored in enumerate((BYTES, BYTES[..., None] / 255)):
        np.save(tmp_path / f"{number}.npy", stored)
        found, _ = open_real_images(tmp_path / f"{number}.npy", GREY)
        whole, _ = read_real_images(tmp_path / f"{number}.npy", GREY)
        assert len(found) == 2
        assert found[1:].dtype == np.float32
        np.testing.assert_array_equal(np.concatenate([found[:1], found[1:]]), whole)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"array": np.zeros((2, 5, 4))}, "images of shape (2, 5, 4) in a.npy: this model takes [images, 4, 4, 1]"),
        ({"x": np.zeros((0, 4, 4))}, "images of shape (0, 4, 4, 1) in a.npz: this model takes [images, 4, 4, 1]"),
        ({"only": BYTES}, "a.npz holds only; name its images 'images' or 'x'"),
        ({"array": np.float32(1)}, "images of shape () in a.npy: this model takes [images, 4, 4, 1]"),
        (
            {"array": BYTES.astype(np.float32)},
            "images from 0 to 248 in a.npy: this model's go from 0 to 1; give them in that range, or as uint8",
        ),
        (
            {"array": np.full((1, 4, 4), np.nan)},
            "images from nan to nan in a.npy: this model's go from 0 to 1; give them in that range, or as uint8",
        ),
        ({"array": np.full((1, 4, 4), "a")}, "a.npy is not a .npy array of numbers"),
        ({"a": BYTES, "b": BYTES}, "a.npz holds a, b; name its images 'images' or 'x'"),
        ({"x": np.full((1, 4, 4), "a")}, "the images in a.npz are <U1, not numbers"),
        (
            {"x": BYTES, "y": np.zeros(3, int)},
            "labels of shape (3,) and int64 in a.npz: give a whole number for each of the 2 images",
        ),
        (
            {"x": BYTES, "y": np.zeros(2)},
            "labels of shape (2,) and float64 in a.npz: give a whole number for each of the 2 images",
        ),
    ],
)
def test_other_images_are_refused(tmp_path, monkeypatch, arrays, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JaxvizError) as error:
        read("a.npy" if "array" in arrays else "a.npz", GREY, **arrays)
    assert str(error.value) == message


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(JaxvizError, match=r"^no such file: .*none\.npz$"):
        read_real_images(tmp_path / "none.npz", GREY)
