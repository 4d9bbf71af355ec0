"""How the units of a sweep relate: the numbers in the folders of its layers, and what a gallery makes of them."""

import jax
import numpy as np
import pytest

import jaxviz
from jaxviz.analysis import weights_between
from jaxviz.sweeps import Relations
from jaxviz.values.errors import JaxvizError


@pytest.fixture(scope="module")
def related(tiny, hardly_optimized, tmp_path_factory):
    """A sweep of the small network with its relations: weights, two groups, and films of two states."""
    directory = tmp_path_factory.mktemp("related")
    jaxviz.sweep(tiny, directory, layers=["first", "second", "classes"], recipe="seed", steps=1)
    half = tiny.replace(variables=jax.tree.map(lambda leaf: 0.5 * leaf, tiny.variables))
    images = np.random.default_rng(0).random((8, 12, 12, 2), dtype=np.float32)
    jaxviz.relate(tiny, directory, images=images, groups=2, states=[half, tiny], names=["half", "whole"])
    return jaxviz.Sweep.open(directory)


def test_weights_are_those_from_the_nearest_swept_layer(related, tiny):
    assert related.layer("first").relations.weights is None
    found = related.layer("second").relations.weights
    whole = weights_between(tiny, "first", "second")
    assert found.source == "first"
    assert found.before.shape == (6, 2, 4)
    for sign, strengths in enumerate((whole.excitation, -whole.inhibition)):
        np.testing.assert_array_equal(found.before[5, sign], np.argsort(-strengths[5], kind="stable")[:4])
        np.testing.assert_array_equal(found.after[3, sign], np.argsort(-strengths[:, 3], kind="stable")[:4])
    np.testing.assert_allclose(found.before_weights[5, 0, 0], whole.excitation[5].max(), rtol=1e-5)
    np.testing.assert_allclose(found.after_weights[3, 1, 0], whole.inhibition[:, 3].min(), rtol=1e-5)
    assert related.layer("classes").relations.weights.source == "second"


def test_groups_have_pictures_maps_and_units(related):
    found = related.layer("second").relations.groups
    assert found.pictures.shape == (2, 12, 12, 1)
    assert found.maps.shape == (2, 4, 12, 12, 3)
    assert found.units.shape == (2, 4)
    assert 0 < found.error < 1
    assert related.layer("classes").relations.groups is None


def test_a_film_has_a_frame_for_each_state(related, tiny):
    found = related.layer("classes").relations.film
    assert found.states == ("half", "whole")
    assert found.frames.shape == (3, 2, 12, 12, 1)


def test_what_is_not_asked_for_is_kept(related, tiny):
    before = related.layer("second").relations
    jaxviz.relate(tiny, related)
    after = related.layer("second").relations
    np.testing.assert_array_equal(after.film.frames, before.film.frames)
    assert after.groups.error == before.groups.error
    assert Relations.of(Relations().arrays()) == Relations()


def test_another_network_is_refused(related, tiny):
    other = tiny.replace(variables=jax.tree.map(lambda leaf: 2 * leaf, tiny.variables))
    with pytest.raises(JaxvizError, match="is a sweep of another network; give the one that was swept"):
        jaxviz.relate(other, related)
