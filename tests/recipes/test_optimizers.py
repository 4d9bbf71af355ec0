import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxviz import optimizers
from jaxviz.values.deferral import deferred


def test_normalize_by_rms_by_hand():
    step = optimizers.normalize_by_rms()
    updates, _ = step.update(jnp.array([3.0, -4.0, 0.0, 0.0]), step.init(None))
    np.testing.assert_allclose(updates, np.array([3, -4, 0, 0]) / (2.5 + 1e-5), rtol=1e-6)


def test_normalize_by_rms_keeps_a_zero_gradient_at_zero():
    step = optimizers.normalize_by_rms()
    updates, _ = step.update(jnp.zeros((2, 2)), step.init(None))
    np.testing.assert_array_equal(updates, np.zeros((2, 2)))


def test_normalize_by_rms_takes_the_mean_over_a_whole_tree():
    step = optimizers.normalize_by_rms(0.0)
    updates, _ = step.update({"a": jnp.array([2.0]), "b": jnp.array([2.0, 2.0, 2.0])}, step.init(None))
    np.testing.assert_allclose(updates["b"], [1, 1, 1])


def test_normalize_by_rms_under_vmap_knows_one_image_only():
    step = optimizers.normalize_by_rms(0.0)
    gradients = jnp.array([[1.0, 1.0], [100.0, 100.0]])
    updates = jax.vmap(lambda gradient: step.update(gradient, step.init(None))[0])(gradients)
    np.testing.assert_allclose(updates, np.ones((2, 2)))


def test_vary_step():
    np.testing.assert_allclose([optimizers.vary_step(t) for t in (0, 1, 90)], [1 / 100, 1 / 110, 1 / 1000])


def test_normalized_ascent_descends_as_optax_does():
    optimizer = optimizers.normalized_ascent(optimizers.vary_step)
    state = optimizer.init(jnp.zeros(2))
    gradient = jnp.array([7.0, -7.0])
    first, state = optimizer.update(gradient, state)
    second, _ = optimizer.update(gradient, state)
    np.testing.assert_allclose(first, [-1 / 100, 1 / 100], rtol=1e-5)
    np.testing.assert_allclose(second, [-1 / 110, 1 / 110], rtol=1e-5)


def test_deferred_compares_by_what_it_does():
    assert deferred(optax.adam, 0.1) == deferred(optax.adam, 0.1)
    assert hash(deferred(optax.adam, 0.1)) == hash(deferred(optax.adam, 0.1))
    assert deferred(optax.adam, 0.1) != deferred(optax.adam, 0.2)
    assert deferred(optax.sgd, learning_rate=0.1, momentum=0.9) == deferred(optax.sgd, momentum=0.9, learning_rate=0.1)


def test_deferred_builds_what_is_inside_first():
    assert deferred(max, deferred(min, 3, 4), 2).build() == 3
    assert str(deferred(optax.adam, 0.1)) == "adam(0.1)"
