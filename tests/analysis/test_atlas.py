"""Atlases of the MNIST network; the embedding is the first two features, except where UMAP is the question."""

import json
import os
import subprocess
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT

import jaxviz
from jaxviz.analysis import Atlas, atlas
from jaxviz.analysis.classes import class_effects
from jaxviz.analysis.embeddings import placed, umap, whitened
from jaxviz.analysis.images import layer_with_positions
from jaxviz.analysis.levels import binned, level_of
from jaxviz.analysis.rows import Rows
from jaxviz.analysis.surveys import Survey, drawn
from jaxviz.values.errors import JaxvizError

SETTINGS = {"grids": (2, 3), "positions": 8, "recipe": "jaxviz", "steps": 2, "chunk": 3, "seed": 5}


def corner(features):
    return features[:, :2]


@pytest.fixture(scope="module")
def digits():
    with np.load("weights/mnist_test_1000.npz") as file:
        return file["images"][:20, ..., None] / np.float32(255)


@pytest.fixture(scope="module")
def made(digits):
    return atlas(jaxviz.default_model(), "conv2d_4", digits, embed=corner, **SETTINGS)


def test_cells_are_the_means_of_their_activations(made, digits):
    model = jaxviz.default_model()
    activations = np.asarray(model(digits)["conv2d_4"])
    rows, columns = made.point_positions.T
    vectors = activations[made.point_images, rows, columns]
    for level in made.levels:
        across, down = np.minimum((made.points * level.side).astype(int), level.side - 1).T
        for cell, (row, column) in enumerate(level.places):
            inside = (down == row) & (across == column)
            assert inside.sum() == level.counts[cell] >= 4
            np.testing.assert_allclose(level.vectors[cell], vectors[inside].mean(0), atol=1e-5)
            patches = level.patches[cell][level.patches[cell] >= 0]
            positions = map(tuple, made.point_positions[inside].tolist())
            members = set(zip(made.point_images[inside], positions, strict=True))
            shown = [(made.patch_images[one], tuple(made.patch_positions[one].tolist())) for one in patches]
            assert set(shown) <= members
            assert len({image for image, _ in shown}) == len(shown) > 0


def test_pictures_are_those_of_the_directions(made):
    level = made.levels[1]
    # The random draws of a direction are those of its number.
    alone = jaxviz.objectives.direction("conv2d_4", level.vectors[:4], power=2)
    key = jax.random.key(5)
    pictures = jaxviz.visualize(jaxviz.default_model(), alone, "jaxviz", steps=2, chunk=3, key=key)
    np.testing.assert_array_equal(level.pictures[3], (255 * pictures.images[3].clip(0, 1)).round().astype(np.uint8))
    sheet = level.mosaic()
    row, column = level.places[3]
    np.testing.assert_array_equal(sheet[28 * row : 28 * row + 28, 28 * column : 28 * column + 28], level.pictures[3])


def survey_of(activations, images, positions):
    """Returns the activations ``[images, *positions, channels]`` at some positions as a survey."""
    vectors = activations[(images, *positions.T)]
    return Survey(vectors=Rows.of(vectors), images=images, positions=positions)


def test_of_a_linear_network_a_cell_raises_the_logits_by_its_weights():
    random = np.random.default_rng(0)
    images, first, last = (
        random.normal(size=shape).astype(np.float32) for shape in ((3, 4, 5, 2), (2, 3), (4, 5, 3, 6))
    )

    def network(variables, image):
        hidden = image @ variables["first"]
        return {"hidden": hidden, "classes": jnp.einsum("rcn,rcnk->k", hidden, variables["last"])}

    model = jaxviz.from_function(network, {"first": first, "last": last}, (4, 5, 2))
    positions = np.array([[0, 0], [3, 1], [2, 4], [1, 2], [0, 3]])
    survey = survey_of(images @ first, np.array([0, 0, 1, 2, 2]), positions)
    places = np.array([[0.1, 0.1], [0.1, 0.2], [0.2, 0.1], [0.9, 0.9], [0.8, 0.9]], np.float32)
    vectors = survey.vectors.take(np.arange(5))
    cells = binned(places, survey.vectors, vectors, survey.images, side=2, fewest=2, members=3)
    found = class_effects(model, layer_with_positions(model, "hidden"), images, survey, cells)

    rises = cells.vectors - vectors.mean(0)
    for cell, members in enumerate(cells.members):
        each = []
        for row, column in positions[members[members >= 0]]:
            near = last[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].sum((0, 1))
            each.append(rises[cell] @ near)
        np.testing.assert_allclose(found[cell], np.mean(each, axis=0), rtol=1e-4, atol=1e-5)
    assert [len(members[members >= 0]) for members in cells.members] == [2, 1]  # one of an image

    level = level_of(cells, np.unique(cells.members[:, 0]), found, patches=1)
    assert level.classes.tolist() == np.argsort(-found, axis=1)[:, :3].tolist()
    np.testing.assert_array_equal(level.shares, np.sort(found, axis=1)[:, ::-1][:, :3])
    assert level.patches.tolist() == np.searchsorted(np.unique(cells.members[:, 0]), cells.members[:, :1]).tolist()


def test_a_network_without_classes_has_none_of_them():
    images = np.random.default_rng(0).random((2, 4, 4, 1), dtype=np.float32)
    model = jaxviz.from_function(lambda _, image: {"first": image * 2, "last": image + 1}, {}, (4, 4, 1))
    survey = survey_of(images * 2, np.array([0, 1]), np.array([[1, 1], [2, 2]]))
    cells = binned(
        np.zeros((2, 2), np.float32), survey.vectors, images[:, 1, 1], survey.images, side=1, fewest=1, members=2
    )
    assert class_effects(model, layer_with_positions(model, "first"), images, survey, cells) is None


def test_what_is_drawn_depends_on_seed_and_number_alone(digits):
    model = jaxviz.default_model()
    layer = layer_with_positions(model, "conv2d_4")
    some, more = (drawn(model, layer, digits[:count], positions=3, seed=1) for count in (4, 20))
    few = more.images < 4
    np.testing.assert_array_equal(some.positions, more.positions[few])
    np.testing.assert_allclose(some.vectors.take(np.arange(12)), more.vectors.take(np.flatnonzero(few)), atol=1e-6)
    other = drawn(model, layer, digits[:4], positions=3, seed=2)
    assert (some.positions != other.positions).any()


def test_whitened_features_have_no_correlation():
    random = np.random.default_rng(0)
    vectors = (random.normal(size=(500, 6)) @ random.normal(size=(6, 9))).astype(np.float32)  # of rank 6
    features = whitened(Rows.of(vectors))
    assert features.shape == (500, 6)
    np.testing.assert_allclose(np.cov(features.T), np.eye(6), atol=1e-2)


def test_points_that_are_not_embedded_lie_where_their_nearest_does():
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    some = placed(features, corner, most=100, seed=0)
    every = placed(features, corner, most=400, seed=0)
    assert some.min() == every.min() == 0
    assert some.max() == every.max() == 1
    assert np.abs(some - every).max() < 0.2


def test_a_cell_with_too_few_points_is_left_out():
    places = np.array([[0.1, 0.1], [0.2, 0.2], [0.9, 0.1], [1.0, 1.0], [0.8, 0.9]], np.float32)
    vectors = np.arange(10, dtype=np.float32).reshape(5, 2)
    images = np.array([0, 0, 1, 2, 3])
    cells = binned(places, Rows.of(vectors), vectors + 1, images, side=2, fewest=2, members=3)
    assert cells.places.tolist() == [[0, 0], [1, 1]]
    assert cells.counts.tolist() == [2, 2]
    assert cells.vectors.tolist() == [[1, 2], [7, 8]]
    assert [sorted(row) for row in cells.members[1:].tolist()] == [[-1, 3, 4]]
    assert (cells.members[0] >= 0).sum() == 1  # one of an image


def test_a_file_holds_everything(made, tmp_path):
    path = made.save(tmp_path / "atlas.npz")
    read = Atlas.load(path)
    assert read.layer == "conv2d_4"
    assert read.recipe == "jaxviz, 2 steps"
    assert read.save(tmp_path / "again.npz").read_bytes() == path.read_bytes()
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(JaxvizError, match=r"other.npz is no atlas; `jaxviz atlas` writes one"):
        Atlas.load(tmp_path / "other.npz")


def test_interrupted_and_gone_on_with_it_is_the_same(made, digits, tmp_path):
    model, told = jaxviz.default_model(), []

    class Killed(BaseException):
        pass

    def progress(done, total):
        told.append((done, total))
        if len(told) == 2:
            raise Killed

    settings = SETTINGS | {"embed": corner, "keep": tmp_path / "kept"}
    with pytest.raises(Killed):
        atlas(model, "conv2d_4", digits, progress=progress, **settings)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    assert kept

    def never(features):
        raise AssertionError("what was kept is embedded again")

    again = atlas(model, "conv2d_4", digits, progress=progress, **settings | {"embed": never})
    assert again.complete
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert again.save(tmp_path / "a.npz").read_bytes() == made.save(tmp_path / "b.npz").read_bytes()
    assert told[-1] == (sum(map(len, made.levels)),) * 2
    with pytest.raises(JaxvizError, match=r"keeps another run: its positions is 8, not 9"):
        atlas(model, "conv2d_4", digits, **settings | {"positions": 9})


def test_stopped_it_says_what_is_missing(digits):
    model = jaxviz.default_model()
    stopped = atlas(model, "conv2d_4", digits, embed=corner, stop=lambda: True, **SETTINGS)
    assert not stopped.complete
    assert not any(level.finished.any() for level in stopped.levels)


def test_umap_gets_the_settings_of_the_paper(monkeypatch):
    asked = {}

    class Stub:
        def __init__(self, **settings):
            asked.update(settings)

        def fit_transform(self, features):
            return features[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Stub))
    assert umap(7)(np.zeros((50, 3), np.float32)).shape == (50, 2)
    assert asked == {"n_neighbors": 20, "min_dist": 0.01, "metric": "cosine", "random_state": 7, "n_jobs": 1}
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(
        JaxvizError, match=r"an atlas needs scikit-learn and umap-learn; run pip install '.\[analysis\]'"
    ):
        umap(7)


EMBEDDED = """
import json, sys
import numpy as np
from jaxviz.analysis.classes import class_effects
from jaxviz.analysis.embeddings import umap

features = np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32)
features[::2, 0] += 8
features[1::2, 1] += 8
json.dump([umap(seed)(features).tolist() for seed in (1, 1)], sys.stdout)
"""


def test_umap_itself_is_reproducible_and_keeps_neighbours_together():
    pytest.importorskip("umap")
    # Compiling umap takes a minute; without it, 24 points take seconds.
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    told = subprocess.run([sys.executable, "-c", EMBEDDED], env=environment, capture_output=True, text=True, check=True)
    one, again = np.array(json.loads(told.stdout))
    assert one.shape == (24, 2)
    np.testing.assert_array_equal(one, again)
    distances = np.linalg.norm(one[:, None] - one, axis=-1) + np.diag(np.full(24, np.inf))
    assert (distances.argmin(axis=1) % 2 == np.arange(24) % 2).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"positions": 0}, "positions of 0: give 1 or more"),
        ({"grids": ()}, r"grids \(\): give one or more numbers of cells"),
        ({"fewest": 400}, r"no cell of a grid of 2 x 2 has 400 of the 160 activations; give more images"),
        (
            {"side": 3},
            r"side 3: layer 'conv2d_4' cannot be computed of images other than 28 x 28 x 1|give a larger side",
        ),
        (
            {"embed": lambda features: features[:, :1]},
            r"the embedding gives \(160, 1\); give a function that places 160",
        ),
    ],
)
def test_wrong_use(digits, changed, message):
    with pytest.raises(JaxvizError, match=message):
        atlas(jaxviz.default_model(), "conv2d_4", digits, **{"embed": corner, **SETTINGS, **changed})
