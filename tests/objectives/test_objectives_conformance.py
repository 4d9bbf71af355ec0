"""Checks of every exported objective; a new objective is tested when it is exported and listed here."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES
from objective_networks import SHAPE, network

import jaxviz
from jaxviz import objectives as obj

EVERY = pytest.mark.parametrize("name", CASES)


def test_every_exported_objective_is_here():
    assert set(obj.__all__) - {"Indices", "Objective", "fold_key"} <= set(CASES)


def score(model, objective, images):
    return objective.combine(jax.vmap(lambda image: model.ask(image, objective.read))(images))


read_and_combined = jax.jit(score)
called = jax.jit(lambda model, objective, image: model.ask(image, objective))


@jax.jit
def scores(model, objectives, images):
    """Scores and gradients of a batch of objectives whose leaves are broadcast, each of its own images."""
    in_axes = (None, jax.tree.map(lambda _: 0, objectives), 0)
    return jax.vmap(jax.value_and_grad(score, argnums=2), in_axes)(model, objectives, images)


def spread(objective, count):
    return jax.tree.map(lambda leaf: np.broadcast_to(leaf, (count, *leaf.shape[1:])), objective)


@EVERY
def test_it_conforms(name):
    model = network()
    objective = CASES[name][0].resolve(model)
    count, group = len(objective.labels()), objective.group
    assert len(set(objective.labels())) == count
    assert all(isinstance(leaf, np.ndarray) and len(leaf) in (1, count) for leaf in jax.tree.leaves(objective))
    assert count == max((len(leaf) for leaf in jax.tree.leaves(objective)), default=1)
    again = objective.resolve(model)
    assert again.labels() == objective.labels()
    assert jax.tree.structure(again) == jax.tree.structure(objective)
    assert objective.units(model) is None or objective.units(model) >= 1

    batch = spread(objective, count)
    images = np.random.default_rng(1).random((count, group, *SHAPE)).astype(np.float32)
    first, gradient = scores(model, batch, images)
    assert first.shape == (count,)
    assert np.isfinite(gradient).all()
    for flat in (np.zeros_like(images), np.ones_like(images)):
        assert all(np.isfinite(values).all() for values in scores(model, batch, flat))
    last = images
    for _ in range(6):
        _, slope = scores(model, batch, last)
        last = last + 0.03 * slope / jnp.maximum(jnp.linalg.norm(slope.reshape(count, -1), axis=1), 1e-6).reshape(
            count, *[1] * (slope.ndim - 1)
        )
    assert (scores(model, batch, last)[0] > first).all()

    for place in range(count):
        one = objective.one(place)
        np.testing.assert_allclose(read_and_combined(model, one, images[place]), first[place], rtol=1e-4, atol=1e-6)
        if group == 1:
            np.testing.assert_allclose(called(model, one, images[place, 0]), first[place], rtol=1e-4, atol=1e-6)


@EVERY
def test_keys_of_different_rows_differ(name):
    objective = CASES[name][0].resolve(network())
    count = len(objective.labels())
    keys = jax.vmap(lambda row: obj.fold_key(jax.random.key(0), row), axis_size=count)(spread(objective, count))
    assert len({tuple(data) for data in np.atleast_2d(jax.random.key_data(keys)).tolist()}) == count


@pytest.mark.parametrize("name", [name for name, (case, _) in CASES.items() if case.group == 1])
def test_other_numbers_trace_nothing(name):
    model, traced = network(), []

    class Counting:
        def apply(self, variables, image, question):
            traced.append(1)
            return model.module.apply(variables, image, question)

    counted = model.replace(module=Counting())
    first, second = (case.resolve(model) for case in CASES[name])
    made = jaxviz.visualize(counted, first, "seed", steps=2)
    assert len(made) == len(first.labels())
    assert np.isfinite(made.images).all()
    traced_once = len(traced)
    # A function is traced to be checked, and so is the search for its name; nothing else is.
    jaxviz.visualize(counted, second, "seed", steps=2, key=jax.random.key(1))
    assert len(traced) - traced_once <= (1 if name == "function" else 0)
