import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz.layers import resampling
from jaxviz.layers.resampling import warp


def turned(degrees):
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cosine, sine], [-sine, cosine]], np.float32)


MATRICES = np.stack(
    [
        *(turned(degrees) for degrees in (0, 10, -45, 60, 90, 171, 225)),
        turned(20) * 0.3,  # enlarges
        turned(70) @ np.diag([2.5, 0.7]),  # sees far beyond the edges
        [[1, 0.4], [-0.7, 1]],
        [[0, 1], [0, 2]],  # all rows see the same
        np.zeros((2, 2)),
    ]
).astype(np.float32)


@pytest.mark.parametrize("shape", [(13, 13, 1), (9, 14, 2), (15, 8, 1)])
@pytest.mark.parametrize("repeats", [True, False])
def test_products_equal_gathers_forward_and_backward(shape, repeats):
    keys = jax.random.split(jax.random.key(0), 3)
    image, gradient = (jax.random.uniform(key, shape) for key in keys[:2])
    shifts = 2 * jax.random.normal(keys[2], (len(MATRICES), 2))

    def both_ways(form):
        def one(matrix, shift):
            view, pull = jax.vjp(lambda image: form(image, matrix, shift, repeats=repeats), image)
            return view, pull(gradient)[0]

        return jax.jit(jax.vmap(one))(MATRICES, shifts)

    theirs = both_ways(resampling._by_gathers)
    for ours, expected in zip(both_ways(resampling._by_products), theirs, strict=True):
        bound = 1e-5 * np.abs(expected).max((1, 2, 3), keepdims=True)
        assert (np.abs(ours - expected) <= bound).all()


@pytest.mark.parametrize("shape", [(13,), (9, 14), (5, 6, 7)])
def test_pairs_of_pixels_equal_matrices_forward_and_backward(shape):
    keys = jax.random.split(jax.random.key(0), 2 + len(shape))
    image = jax.random.uniform(keys[0], (*shape, 2))
    sides = [side + 3 for side in shape]  # of a view
    # Some look outside, some far outside, and some at the middle of a pixel.
    positions = [
        jnp.round(size * jax.random.uniform(key, (side,), minval=-0.5, maxval=1.5), 1)
        .at[:3]
        .set(jnp.array([0.0, -1e9, 1e9]))
        for key, side, size in zip(keys[2:], sides, shape, strict=True)
    ]
    gradient = jax.random.uniform(keys[1], (*sides, 2))

    def both_ways(form):
        view, pull = jax.vjp(lambda image: form(image, *positions), image)
        return view, pull(gradient)[0]

    for ours, expected in zip(both_ways(resampling._by_pairs), both_ways(resampling._by_matrices), strict=True):
        assert np.abs(expected).max() > 0.5
        np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize("platform", ["cpu", "cuda", "rocm", "tpu"])
def test_a_tpu_gathers_nothing(platform):
    """Under vmap, grad and scan, on a machine that has a CPU alone."""

    def score(image, matrix):
        return jnp.sum(warp(image, matrix, jnp.zeros(2), None) ** 2)

    def climb(images):
        def step(at, matrix):
            return at + jax.vmap(jax.grad(score), (0, None))(at, matrix), None

        return jax.lax.scan(step, images, jnp.asarray(MATRICES))[0]

    module = jax.export.export(jax.jit(climb), platforms=[platform])(jnp.zeros((2, 6, 6, 1))).mlir_module()
    gathers = "stablehlo.gather" in module or "stablehlo.scatter" in module
    assert gathers == (platform != "tpu")


@pytest.mark.parametrize("repeats", [True, False])
def test_a_place_that_is_no_number_reads_inside_the_image(repeats):
    view, pull = jax.vjp(
        lambda image: resampling._by_gathers(image, jnp.full((2, 2), jnp.nan), jnp.zeros(2), repeats=repeats),
        jnp.ones((5, 6, 1)),
    )
    assert jnp.isnan(view).all()
    assert pull(jnp.ones_like(view))[0].shape == (5, 6, 1)
