import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz.ascent.relus import redirect_relus
from jaxviz.networks.exits import leaving_at

FIRST = jnp.asarray(np.random.default_rng(0).normal(size=(6, 5)), jnp.float32)
SECOND = jnp.asarray(np.random.default_rng(1).normal(size=(5, 4)), jnp.float32)


@jax.jit
def layered(x):
    """Three answers: of a layer, of one after it, and of one that reads both and a whole number of the first."""
    first = jax.nn.relu(x @ FIRST)
    largest = jnp.argmax(first)  # a whole number, which has no gradient and is read by a later answer
    second = jnp.tanh(jnp.maximum(first, 0.25) @ jnp.exp(SECOND))
    third = jnp.sin(second[:2]) * x[:2] + first[largest]
    return jnp.mean(first), jnp.sum(second), jnp.sum(third)


@pytest.mark.parametrize("place", range(3))
def test_each_answer_has_its_own_value_and_gradient(place):
    x = jnp.linspace(-1, 1, 6)
    value, gradient = jax.jit(lambda x, place: jax.value_and_grad(leaving_at(layered, place))(x))(x, place)
    expected, slope = jax.value_and_grad(lambda x: layered(x)[place])(x)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-6)


def test_a_batch_takes_one_way_and_nothing_beyond_it_is_computed():
    seen = []

    def noted(x):
        seen.append(1)
        return x

    def answers(x):
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        later = jax.pure_callback(noted, shape, jax.lax.stop_gradient(x), vmap_method="broadcast_all")
        return jnp.sum(x), jnp.sum(2 * later * x)

    taken = jax.jit(lambda batch, place: jax.vmap(leaving_at(answers, place))(batch))
    batch = jnp.ones((2, 6))
    np.testing.assert_allclose(taken(batch, 0), [6, 6])
    assert not seen
    np.testing.assert_allclose(taken(batch, 1), [12, 12])
    assert seen


@pytest.mark.parametrize("place", range(2))
def test_a_dead_relu_is_redirected_as_without_exits(place):
    def answers(x):
        dead = jax.nn.relu(x - 2.0)
        return jnp.sum(dead), jnp.sum(jax.nn.relu(jnp.cumsum(dead) - 1.0))

    x = jnp.linspace(-1, 1, 6)
    redirected = redirect_relus(answers, True)
    gradient = jax.grad(lambda x: -leaving_at(redirected, jnp.asarray(place))(x))(x)
    alone = jax.grad(lambda x: -redirect_relus(lambda x: answers(x)[place], True)(x))(x)
    assert np.any(alone)
    np.testing.assert_allclose(gradient, alone, rtol=1e-6)


def test_an_answer_may_be_a_constant_or_the_argument_itself():
    answers = leaving_at(lambda x: (jnp.float32(3), x[0], jnp.sum(x)), jnp.asarray(0))
    assert (answers(jnp.ones(2)), *jax.grad(answers)(jnp.ones(2))) == (3, 0, 0)
