from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from jaxviz.layers import convolution, lowerings
from jaxviz.layers.convolution import conv_general_dilated, convolve, output_padding

CASES = [
    # sides, channels, features, taps, strides, padding, dilation, groups
    ((9, 9), 3, 4, (3, 3), (1, 1), "valid", (1, 1), 1),
    ((9, 8), 3, 4, (3, 2), (1, 1), "same", (1, 1), 1),
    ((10, 7), 2, 5, (3, 3), (2, 2), "same", (1, 1), 1),
    ((10, 7), 2, 5, (5, 4), (3, 2), "valid", (1, 1), 1),
    ((12, 11), 2, 3, (3, 3), (1, 1), "same", (2, 3), 1),
    ((5, 5), 6, 2, (1, 1), (2, 2), "valid", (1, 1), 1),
    ((7, 6), 9, 8, (3, 3), (1, 1), "same", (1, 1), 1),
    ((6, 7), 16, 2, (3, 3), (2, 1), "same", (1, 2), 1),
    # groups, and a channel each
    ((12, 11), 4, 6, (3, 3), (2, 1), "same", (1, 1), 2),
    ((8, 9), 6, 3, (3, 2), (1, 2), "same", (2, 1), 3),
    ((7, 7), 4, 8, (3, 3), (1, 1), "valid", (1, 1), 4),
    ((9, 9), 5, 5, (3, 3), (2, 2), "same", (1, 1), 5),
    # Winograd's form: widths with and without a rest
    ((6, 16), 64, 64, (3, 3), (1, 1), "same", (1, 1), 1),
    ((5, 15), 64, 65, (2, 3), (1, 1), "valid", (1, 1), 1),
    # one side, and three
    ((11,), 3, 4, (3,), (2,), "same", (1,), 1),
    ((18,), 64, 64, (3,), (1,), "same", (1,), 1),
    ((9,), 4, 4, (3,), (1,), "same", (2,), 4),
    ((5, 4, 6), 2, 3, (3, 2, 3), (1, 2, 1), "same", (1, 1, 2), 1),
    ((5, 4, 6), 8, 8, (2, 2, 2), (1, 1, 1), "valid", (1, 1, 1), 8),
]


def reference(image, kernel, strides, padding, dilation, groups):
    rank = image.ndim - 1
    letters = "DHW"[-rank:]
    return lax.conv_general_dilated(
        image[None],
        kernel,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        feature_group_count=groups,
        precision="highest",
    )[0]


def drawn(sides, channels, features, taps, groups=1, seed=0):
    rng = np.random.default_rng(seed)
    image = jnp.asarray(rng.normal(size=(*sides, channels)), jnp.float32)
    kernel = rng.normal(size=(*taps, channels // groups, features)) / np.sqrt(np.prod(taps) * channels // groups)
    return image, jnp.asarray(kernel, jnp.float32)


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=5e-6 * float(jnp.abs(theirs).max()))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_equals_lax_forward_and_backward(case):
    sides, channels, features, taps, strides, padding, dilation, groups = case
    image, kernel = drawn(sides, channels, features, taps, groups)
    extent = [(tap - 1) * spread + 1 for tap, spread in zip(taps, dilation, strict=True)]
    zeros = output_padding(padding, sides, extent, strides)

    def ours(image, kernel):
        return convolve(image, kernel, strides=strides, padding=zeros, dilation=dilation, groups=groups)

    def theirs(image, kernel):
        return reference(image, kernel, strides, padding.upper(), dilation, groups)

    @partial(jax.jit, static_argnums=0)
    def both_ways(function, image, kernel):
        out, pull = jax.vjp(function, image, kernel)
        return out, pull(jnp.cos(jnp.arange(out.size, dtype=jnp.float32)).reshape(out.shape))

    jax.tree.map(assert_close, both_ways(ours, image, kernel), both_ways(theirs, image, kernel))
    settings = {"strides": strides, "padding": zeros, "dilation": dilation, "groups": groups}
    assert_close(convolution._by_xla(image, kernel, **settings), theirs(image, kernel))


@pytest.mark.parametrize("case", [case for case in CASES if case[-1] == case[1]], ids=str)
def test_depthwise_forward_mode(case):
    sides, channels, features, taps, strides, padding, dilation, groups = case
    image, kernel = drawn(sides, channels, features, taps, groups)
    extents = [(count - 1) * gap + 1 for count, gap in zip(taps, dilation, strict=True)]
    padding = output_padding(padding, sides, extents, strides)
    ours = partial(convolve, strides=strides, padding=padding, dilation=dilation, groups=groups)
    theirs = partial(reference, strides=strides, padding=padding, dilation=dilation, groups=groups)
    moved = drawn(sides, channels, features, taps, groups, seed=1)

    @partial(jax.jit, static_argnums=0)
    def forward(one, image, kernel, change):
        _, by_both = jax.jvp(one, (image, kernel), change)
        _, linear = jax.linearize(lambda image: one(image, kernel), image)
        over_reverse = jax.jvp(jax.grad(lambda image: jnp.sum(one(image, kernel) ** 3)), (image,), change[:1])[1]
        return by_both, jax.vmap(linear)(change[0][None]), over_reverse

    jax.tree.map(assert_close, forward(ours, image, kernel, moved), forward(theirs, image, kernel, moved))


@pytest.mark.parametrize("form", [lowerings.patches, lowerings.shifted, lowerings.taps_first])
def test_every_form_gives_the_same(form):
    image, kernel = drawn((7, 8), 9, 5, (3, 2))
    assert_close(form(image, kernel, (2, 1), (1, 2)), reference(image, kernel, (2, 1), "VALID", (1, 2), 1))


def test_patches_too_large_are_not_stored(monkeypatch):
    image, kernel = drawn((9, 9), 8, 8, (3, 3))

    def scratch():
        compiled = jax.jit(lambda image: convolve(image, kernel)).lower(image).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    before = scratch()
    monkeypatch.setattr(convolution, "_MOST_PATCHES", 1 << 10)
    assert scratch() < before
    assert_close(convolve(image, kernel), reference(image, kernel, (1, 1), "VALID", (1, 1), 1))


def test_one_kernel_an_image():
    rng = np.random.default_rng(1)
    images = jnp.asarray(rng.normal(size=(3, 6, 6, 2)), jnp.float32)
    kernels = jnp.asarray(rng.normal(size=(3, 3, 3, 2, 1)), jnp.float32)
    together = jax.vmap(convolve)(images, kernels)
    for image, kernel, out in zip(images, kernels, together, strict=True):
        assert_close(out, reference(image, kernel, (1, 1), "VALID", (1, 1), 1))


def test_by_hand():
    image = jnp.arange(9.0).reshape(3, 3, 1)
    kernel = jnp.array([[1.0, 0.0], [0.0, -1.0]]).reshape(2, 2, 1, 1)
    np.testing.assert_array_equal(convolve(image, kernel)[..., 0], [[-4, -4], [-4, -4]])  # x[i, j] - x[i + 1, j + 1]


def test_winograd_by_hand():
    image, kernel = jnp.arange(6.0).reshape(6, 1), jnp.array([1.0, 10.0, 100.0]).reshape(3, 1, 1)
    out = lowerings.winograd(image, kernel)
    np.testing.assert_allclose(out[:, 0], [210, 321, 432, 543], rtol=1e-6)


def test_equal_patches_of_a_small_image_give_equal_numbers():
    # Else rounding, not the order in the window, decides where a pooling sends its gradient from an even image.
    kernel = drawn((1, 1), 64, 64, (3, 3))[1]
    out = np.asarray(convolve(jnp.full((11, 11, 64), 0.3), kernel))
    np.testing.assert_array_equal(out, np.broadcast_to(out[0, 0], out.shape))


def test_a_window_larger_than_the_image_leaves_nothing():
    image, kernel = drawn((2, 5), 1, 3, (3, 3))
    assert convolve(image, kernel).shape == (0, 3, 3)


def test_odd_padding_goes_after():
    assert output_padding("same", (10, 10), (3, 4), (2, 2)) == ((0, 1), (1, 1))
    assert output_padding("valid", (10, 10), (3, 4), (2, 2)) == ((0, 0), (0, 0))


@pytest.mark.parametrize(
    "settings",
    [
        {"window_strides": (1, 1), "padding": "SAME"},
        {"window_strides": (2, 1), "padding": ((2, 0), (-1, 3)), "rhs_dilation": (1, 2)},
        {"window_strides": (1, 1), "padding": ((2, 2), (2, 1)), "lhs_dilation": (2, 3)},
        {"window_strides": (2, 2), "padding": "SAME_LOWER", "dimension_numbers": ("NHWC", "HWIO", "NHWC")},
        {"window_strides": (1, 1), "padding": "VALID", "dimension_numbers": ("HWNC", "OIHW", "CNHW")},
        {"window_strides": (1, 2), "padding": "SAME", "feature_group_count": 3},
        {"window_strides": (1, 1), "padding": "SAME", "batch_group_count": 2},
    ],
    ids=str,
)
def test_drop_in_equals_lax(settings):
    layout = lax.conv_dimension_numbers((1,) * 4, (1,) * 4, settings.get("dimension_numbers"))
    groups = settings.get("feature_group_count", 1)
    lhs, rhs = np.empty(4, int), np.empty(4, int)
    lhs[list(layout.lhs_spec)] = (2, 6, 9, 8)  # batch, channels, height, width
    rhs[list(layout.rhs_spec)] = (6, 6 // groups, 3, 2)  # features, channels, height, width
    images, kernel = (
        jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)
        for seed, shape in enumerate((lhs, rhs))
    )
    ours = conv_general_dilated(images, kernel, **settings)
    theirs = lax.conv_general_dilated(images, kernel, **settings, precision="highest")
    assert_close(ours, theirs)


def test_serves_flax_modules():
    images, _ = drawn((2, 12, 14), 3, 1, (1, 1, 1))
    settings = {"strides": 2, "padding": "CIRCULAR"}
    plain = nn.Conv(5, (3, 3), **settings)
    variables = plain.init(jax.random.key(0), images)
    ours = nn.Conv(5, (3, 3), **settings, conv_general_dilated=conv_general_dilated)
    assert_close(ours.apply(variables, images), plain.apply(variables, images))
    kernel = variables["params"]["kernel"]
    layer = nnx.Conv(3, 5, (3, 3), **settings, conv_general_dilated=conv_general_dilated, rngs=nnx.Rngs(0))
    layer.kernel[...] = kernel
    assert_close(layer(images), plain.apply(variables, images))


@pytest.mark.parametrize("platform", ["cpu", "cuda", "rocm", "tpu"])
@pytest.mark.parametrize("through", ["convolve", "flax"])
def test_the_device_that_a_program_is_lowered_for_decides(platform, through):
    """Under vmap, grad and scan, on a machine that has a CPU alone."""
    image, kernel = drawn((8, 8), 8, 8, (3, 3))

    def score(image):
        if through == "convolve":
            return jnp.sum(convolve(image, kernel) ** 2)
        layer = nn.Conv(8, (3, 3), use_bias=False, conv_general_dilated=conv_general_dilated)
        return jnp.sum(layer.apply({"params": {"kernel": kernel}}, image[None]) ** 2)

    def climb(images):
        return lax.scan(lambda at, _: (at + jax.vmap(jax.grad(score))(at), None), images, length=3)[0]

    lowered = jax.export.export(jax.jit(climb), platforms=[platform])(image[None])
    assert ("stablehlo.convolution" in lowered.mlir_module()) == (platform != "cpu")
