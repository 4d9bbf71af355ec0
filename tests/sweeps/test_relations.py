"""How the units of a sweep relate: the numbers in the folders of its layers, and what a gallery makes of them."""

import jax
import numpy as np
import pytest

import jaxviz
from jaxviz.analysis import weights_between
from jaxviz.sweeps import Relations
from jaxviz.values.errors import JaxvizError


def test_weights_are_those_from_the_nearest_swept_layer(related, mnist):
    assert related.layer("conv2d_1").relations.weights is None
    found = related.layer("conv2d_2").relations.weights
    whole = weights_between(mnist, "conv2d_1", "conv2d_2")
    assert found.source == "conv2d_1"
    assert found.before.shape == (32, 2, 4)
    for sign, strengths in enumerate((whole.excitation, -whole.inhibition)):
        np.testing.assert_array_equal(found.before[5, sign], np.argsort(-strengths[5], kind="stable")[:4])
        np.testing.assert_array_equal(found.after[7, sign], np.argsort(-strengths[:, 7], kind="stable")[:4])
    np.testing.assert_allclose(found.before_weights[5, 0, 0], whole.excitation[5].max(), rtol=1e-5)
    np.testing.assert_allclose(found.after_weights[7, 1, 0], whole.inhibition[:, 7].min(), rtol=1e-5)
    assert related.layer("dense_3").relations.weights.source == "conv2d_2"


def test_groups_have_pictures_maps_and_units(related):
    found = related.layer("conv2d_2").relations.groups
    assert found.pictures.shape == (2, 28, 28, 1)
    assert found.maps.shape == (2, 4, 28, 28, 3)
    assert found.units.shape == (2, 4)
    assert 0 < found.error < 1
    assert related.layer("dense_3").relations.groups is None


def test_a_film_has_a_frame_for_each_state(related, mnist):
    found = related.layer("dense_3").relations.film
    assert found.states == ("half", "whole")
    assert found.frames.shape == (10, 2, 28, 28, 1)


def test_what_is_not_asked_for_is_kept(related, mnist):
    before = related.layer("conv2d_2").relations
    jaxviz.relate(mnist, related)
    after = related.layer("conv2d_2").relations
    np.testing.assert_array_equal(after.film.frames, before.film.frames)
    assert after.groups.error == before.groups.error
    assert Relations.of(Relations().arrays()) == Relations()


def test_another_network_is_refused(related, mnist):
    other = mnist.replace(variables=jax.tree.map(lambda leaf: 2 * leaf, mnist.variables))
    with pytest.raises(JaxvizError, match="is a sweep of another network; give the one that was swept"):
        jaxviz.relate(other, related)
