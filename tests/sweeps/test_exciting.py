"""The real images that a sweep keeps of each unit."""

import jax
import numpy as np
import pytest
from sweep_trees import tree

import jaxviz
from jaxviz import JaxvizError, JaxvizWarning
from jaxviz.networks.layer import Canvas
from jaxviz.networks.wiring import weights_of
from jaxviz.reports.likeness import order_by_likeness
from jaxviz.sweeps.exciting import _crops, _histogram, exciting


@pytest.fixture(scope="module")
def real(tiny):
    return np.random.default_rng(0).uniform(size=(20, *tiny.canvas.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def found(tiny, real):
    return exciting(tiny, "second", real, np.arange(20) % 3)


def test_most_and_least(found, tiny, real):
    outputs = tiny(real)
    after = np.asarray(outputs["second"]).mean(axis=(1, 2))
    before = np.where(np.asarray(outputs["second"]) > 0, outputs["second"], np.log1p(outputs["second"])).mean(
        axis=(1, 2)
    )
    np.testing.assert_array_equal(found.indices, np.argsort(-after, axis=0)[:9].T)
    np.testing.assert_allclose(found.activations, -np.sort(-after, axis=0)[:9].T, rtol=1e-5)
    # The elu is one to one: before it is the logarithm of what is below 0.
    np.testing.assert_array_equal(found.least_indices, np.argsort(before, axis=0)[:9].T)
    np.testing.assert_allclose(found.least_activations, np.sort(before, axis=0)[:9].T, rtol=1e-4)
    for indices, places in ((found.indices, found.places), (found.least_indices, found.least_places)):
        np.testing.assert_array_equal(found.labels[places], indices % 3)
        shown = real[indices[2, 1]].mean(axis=-1, keepdims=True) * 255
        assert np.abs(found.tiles[places[2, 1]].astype(float) - shown).max() <= 1


def test_the_part_that_a_unit_looked_at(found, tiny, real):
    outputs = np.asarray(tiny(real)["second"])
    for unit, best in ((0, 0), (4, 8)):
        activation = outputs[found.indices[unit, best], ..., unit]
        row, column = np.unravel_index(activation.argmax(), activation.shape)
        # Two convolutions of 3 x 3 with a pooling of 2 between: 8 pixels, by steps of 2.
        assert found.boxes[unit, best].tolist() == [2 * row, 2 * column, 2 * row + 8, 2 * column + 8]
        top, left, bottom, right = found.boxes[unit, best]
        part = found.tiles[found.places[unit, best]][top:bottom, left:right]
        np.testing.assert_array_equal(found.crops[unit, best], part)


def test_a_unit_that_depends_on_the_whole_image_has_no_part(tiny, real):
    classes = exciting(tiny, "classes", real, None)
    assert classes.boxes is classes.crops is classes.labels is None
    assert set(classes.arrays()) == {
        *("indices", "activations", "places", "least_indices", "least_activations", "least_places", "tiles", "counts"),
        "ranges",
    }


def test_fields_beyond_the_border_are_filled_with_grey():
    canvas = Canvas(shape=(6, 6, 1))
    images = np.ones((1, 6, 6, 1), np.float32)
    boxes = np.array([[[0, 0, 2, 4], [1, 1, 5, 5], [3, 2, 6, 6]]])
    crops = _crops(images, np.zeros((1, 3), int), boxes, canvas)
    assert crops.shape == (1, 3, 4, 4, 1)
    grey = crops[0, ..., 0] == 128
    assert grey[0].tolist() == [[True] * 4] * 2 + [[False] * 4] * 2
    assert not grey[1].any()
    assert grey[2].tolist() == [[False] * 4] * 3 + [[True] * 4]


def test_histograms():
    scores = np.array([[0.0, 5.0, np.nan], [1.0, 5.0, np.nan], [0.5, 5.0, np.inf]])
    counts, ranges = _histogram(scores)
    assert ranges.tolist() == [[0, 1], [5, 5], [0, 0]]
    assert np.flatnonzero(counts[0]).tolist() == [0, 16, 31]
    assert counts.sum(axis=1).tolist() == [3, 3, 0]


def test_a_sweep_keeps_them(tiny, real, found, tmp_path):
    asked = {"layers": "second", "steps": 1, "images": real, "labels": np.arange(20) % 3}
    layer = jaxviz.sweep(tiny, tmp_path / "one", **asked).layer("second")
    for name, array in found.arrays().items():
        np.testing.assert_array_equal(getattr(layer.real, name), array)
    np.testing.assert_array_equal(layer.alike, order_by_likeness(weights_of(tiny, "second")))
    assert np.isfinite(layer.report.preferred).all()
    before = tree(tmp_path / "one")
    (layer.directory / "weights.npz").unlink()
    with pytest.warns(JaxvizWarning, match="damaged"):
        jaxviz.sweep(tiny, tmp_path / "one", **asked)
    assert tree(tmp_path / "one") == before
    jaxviz.sweep(tiny, tmp_path / "one", **(asked | {"labels": np.arange(20) % 2}))
    assert jaxviz.Sweep.open(tmp_path / "one").layer("second").real.labels.max() == 1
    with pytest.raises(
        JaxvizError, match=r"labels of shape \(3,\) and int64: give a whole number for each of 20 images"
    ):
        jaxviz.sweep(tiny, tmp_path / "two", **(asked | {"labels": [0, 1, 2]}))


def test_pictures_of_a_network_without_a_file_are_made_by_a_call(tiny, tmp_path):
    key = jax.random.key(3)
    done = jaxviz.sweep(tiny, tmp_path, layers=["second", "classes"], recipe=("plain-quick", "seed"), steps=2, key=key)
    for name in ("second", "classes"):
        layer = done.layer(name)
        assert layer.command(1) == ""
        for recipe in layer.recipes:
            again = eval(layer.call(1, recipe), {"jaxviz": jaxviz, "jax": jax, "model": tiny})
            np.testing.assert_array_equal(again.images[0], layer.visualization(recipe=recipe).images[1])
