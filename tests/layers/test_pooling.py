import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxviz.layers.convolution import output_padding
from jaxviz.layers.pooling import average_pool, max_pool

CASES = [
    ((6, 6), (2, 2), (2, 2), "valid"),
    ((7, 5), (2, 2), (2, 2), "valid"),
    ((7, 5), (3, 2), (2, 1), "same"),
    ((9, 9), (3, 3), (1, 1), "valid"),
    ((8, 8), (3, 3), (2, 2), "same"),
    ((12, 11), (5, 4), (2, 3), "same"),
    ((12,), (3,), (2,), "same"),
    ((6, 7, 5), (2, 3, 2), (2, 1, 2), "valid"),
]


@pytest.mark.parametrize(("side", "size", "strides", "padding"), CASES)
def test_equal_reduce_window(side, size, strides, padding):
    image = jnp.asarray(np.random.default_rng(0).normal(size=(*side, 3)), jnp.float32)
    zeros = output_padding(padding, side, size, strides)
    window, steps = (*size, 1), (*strides, 1)
    largest, pull_reference = jax.vjp(
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, window, steps, padding.upper()), image
    )
    ours, pull = jax.vjp(lambda x: max_pool(x, size, strides=strides, padding=zeros), image)
    np.testing.assert_array_equal(ours, largest)
    cotangent = jnp.asarray(np.random.default_rng(1).normal(size=ours.shape), jnp.float32)
    np.testing.assert_allclose(pull(cotangent)[0], pull_reference(cotangent)[0], rtol=1e-6, atol=1e-6)

    total = lax.reduce_window(image, 0.0, lax.add, window, steps, padding.upper())
    count = lax.reduce_window(jnp.ones_like(image), 0.0, lax.add, window, steps, padding.upper())
    mean = average_pool(image, size, strides=strides, padding=zeros)
    np.testing.assert_allclose(mean, total / count, rtol=1e-5, atol=1e-6)


def test_gradient_of_ties_goes_to_the_first():
    gradient = jax.grad(lambda x: max_pool(x, (2, 2), strides=(2, 2)).sum())(jnp.zeros((4, 4, 1)))
    np.testing.assert_array_equal(gradient[..., 0], [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])


def test_gradient_of_a_partial_tie_goes_to_the_first_of_the_largest():
    window = jnp.array([[1.0, 5.0], [5.0, 2.0]])[..., None]
    gradient = jax.grad(lambda x: max_pool(x, (2, 2), strides=(2, 2)).sum())(window)
    np.testing.assert_array_equal(gradient[..., 0], [[0, 1], [0, 0]])


def test_gradient_of_ties_in_a_large_window_goes_to_the_first():
    image = jnp.zeros((5, 5, 1)).at[1, 3].set(1.0).at[2, 0].set(1.0).at[1, 4].set(1.0)
    gradient = jax.grad(lambda x: max_pool(x, (5, 5), strides=(5, 5)).sum())(image)
    np.testing.assert_array_equal(gradient[..., 0], jnp.zeros((5, 5)).at[1, 3].set(1.0))


def test_gradient_of_three_by_three_ties_goes_to_the_first():
    gradient = jax.grad(lambda x: max_pool(x, (3, 3), strides=(3, 3)).sum())(jnp.full((3, 3, 1), -2.0))
    np.testing.assert_array_equal(gradient[..., 0], [[1, 0, 0], [0, 0, 0], [0, 0, 0]])
