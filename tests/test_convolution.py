import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxviz.convolution import convolve, output_padding

CASES = [
    # side, channels, features, kernel, strides, padding, dilation, groups
    ((9, 9), 3, 4, (3, 3), (1, 1), "valid", (1, 1), 1),
    ((9, 8), 3, 4, (3, 2), (1, 1), "same", (1, 1), 1),
    ((10, 7), 2, 5, (3, 3), (2, 2), "same", (1, 1), 1),
    ((10, 7), 2, 5, (5, 4), (3, 2), "valid", (1, 1), 1),
    ((12, 11), 2, 3, (3, 3), (1, 1), "same", (2, 3), 1),
    ((12, 11), 4, 6, (3, 3), (2, 1), "same", (1, 1), 2),
    ((7, 7), 4, 8, (3, 3), (1, 1), "valid", (1, 1), 4),
    ((5, 5), 6, 2, (1, 1), (2, 2), "valid", (1, 1), 1),
]


def reference(image, kernel, strides, padding, dilation, groups):
    return lax.conv_general_dilated(
        image[None],
        kernel,
        strides,
        padding.upper(),
        rhs_dilation=dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
        precision="highest",
    )[0]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_lax_forward_and_backward(case):
    side, channels, features, taps, strides, padding, dilation, groups = case
    rng = np.random.default_rng(0)
    image = jnp.asarray(rng.normal(size=(*side, channels)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(*taps, channels // groups, features)), jnp.float32)
    extent = [(tap - 1) * spread + 1 for tap, spread in zip(taps, dilation, strict=True)]
    zeros = output_padding(padding, side, extent, strides)

    def ours(image):
        return convolve(image, kernel, strides=strides, padding=zeros, dilation=dilation, groups=groups)

    theirs, pull_theirs = jax.vjp(lambda image: reference(image, kernel, strides, padding, dilation, groups), image)
    out, pull = jax.vjp(ours, image)
    np.testing.assert_allclose(out, theirs, rtol=1e-5, atol=1e-5)
    cotangent = jnp.asarray(rng.normal(size=out.shape), jnp.float32)
    np.testing.assert_allclose(pull(cotangent)[0], pull_theirs(cotangent)[0], rtol=1e-5, atol=1e-5)


def test_one_kernel_an_image():
    rng = np.random.default_rng(1)
    images = jnp.asarray(rng.normal(size=(3, 6, 6, 2)), jnp.float32)
    kernels = jnp.asarray(rng.normal(size=(3, 3, 3, 2, 1)), jnp.float32)
    together = jax.vmap(convolve)(images, kernels)
    for image, kernel, out in zip(images, kernels, together, strict=True):
        np.testing.assert_allclose(out, reference(image, kernel, (1, 1), "valid", (1, 1), 1), rtol=1e-5, atol=1e-5)


def test_by_hand():
    image = jnp.arange(9.0).reshape(3, 3, 1)
    kernel = jnp.array([[1.0, 0.0], [0.0, -1.0]]).reshape(2, 2, 1, 1)
    np.testing.assert_array_equal(convolve(image, kernel)[..., 0], [[-4, -4], [-4, -4]])  # x[i, j] - x[i + 1, j + 1]


def test_odd_padding_goes_after():
    assert output_padding("same", (10, 10), (3, 4), (2, 2)) == ((0, 1), (1, 1))
    assert output_padding("valid", (10, 10), (3, 4), (2, 2)) == ((0, 0), (0, 0))
