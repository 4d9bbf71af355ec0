import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz import transforms
from jaxviz.layers.resampling import resample, resize, smoothing, warp
from jaxviz.transforms import (
    Affine,
    Blur,
    CentreCrop,
    Chain,
    Crop,
    Flip,
    Jitter,
    Noise,
    OverBackground,
    Pad,
    RandomResizedCrop,
    Roll,
    Rotate,
    Scale,
    Shear,
    Sometimes,
    chain,
)
from jaxviz.values.deferral import deferred
from jaxviz.values.errors import JaxvizError

pytestmark = pytest.mark.usefixtures("hardly_optimized")

KEY = jax.random.key(5)
EXAMPLES = [
    Affine(degrees=20, low=0.8, high=1.3, shear=10, pixels=2),
    Affine(degrees=20, low=0.8, high=1.3, shear=10, pixels=2, fill=0.5),
    Blur(0.2, 2),
    Blur(0, 0),
    CentreCrop(5),
    Chain((Pad(2), Jitter(3))),
    Crop(5),
    Flip(),
    Jitter(3),
    Noise(0.1, 0.2),
    OverBackground(),
    Pad(2),
    Pad(2, 0.5),
    Pad(2, "reflect"),
    RandomResizedCrop(0.3, 0.6, deviation=0.1, fill=0.0),
    Roll(3),
    Rotate(20),
    Rotate(20, fill=0.1),
    Scale(0.5, 2),
    Scale(0.5, 2, fill=0.3),
    Shear(20),
    Sometimes(Roll(2), 0.5),
]
RANDOM = [one for one in EXAMPLES if not isinstance(one, Pad | CentreCrop) and one != Blur(0, 0)]
FLAT_ONLY = Affine | Rotate | Shear
EVERY = pytest.mark.parametrize("transform", EXAMPLES, ids=str)


def pictured(*rows):
    return jnp.array(rows, jnp.float32)[..., None]


def plain(view):
    return np.asarray(view[..., 0])


def noise(*shape):
    return jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32)


def seen(transform, image):
    """One view, compiled: op by op takes longer."""
    return np.asarray(jax.jit(transform)(KEY, image))


def many(transform, image, count):
    """Views of so many keys."""
    return np.asarray(
        jax.jit(lambda image: jax.vmap(lambda key: transform(key, image))(jax.random.split(KEY, count)))(image)
    )


def test_every_exported_transform_has_an_example():
    classes = {getattr(transforms, name) for name in transforms.__all__} - {transforms.Transform, chain}
    assert classes == {type(one) for one in EXAMPLES}


@EVERY
def test_settings_compare_by_value(transform):
    assert isinstance(transform, transforms.Transform)
    again = dataclasses.replace(transform)
    assert again is not transform
    assert again == transform
    assert hash(again) == hash(transform)


@EVERY
@pytest.mark.parametrize("spatial", [(11,), (11, 10), (7, 8, 9)], ids=["1-D", "2-D", "3-D"])
def test_shapes_of_every_rank(transform, spatial):
    image = jax.ShapeDtypeStruct((*spatial, 4), jnp.float32)
    if isinstance(transform, FLAT_ONLY) and len(spatial) != 2:
        with pytest.raises(JaxvizError, match=f"{type(transform).__name__} takes images of 2 spatial axes"):
            jax.eval_shape(transform, KEY, image)
        return
    change = {Pad: 4, Jitter: -3, Chain: 1}.get(type(transform), 0)
    shape = tuple(5 if isinstance(transform, Crop | CentreCrop) else size + change for size in spatial)
    view = jax.eval_shape(transform, KEY, image)
    assert view.shape == (*shape, 3 if isinstance(transform, OverBackground) else 4)
    assert view.dtype == jnp.float32


@EVERY
def test_each_key_is_a_draw_of_its_own_and_gradients_are_finite(transform):
    """Several keys and two images, noise and a flat one, in one compiled call."""
    keys = jax.random.split(KEY, 8)
    images = jnp.stack([noise(10, 9, 2), jnp.zeros((10, 9, 2))])

    @jax.jit
    @partial(jax.vmap, in_axes=(0, None))
    @partial(jax.vmap, in_axes=(None, 0))
    def viewed(key, image):
        view, pull_back = jax.vjp(partial(transform, key), image)
        return view, pull_back(jnp.cos(view))[0]

    views, gradients = map(np.asarray, viewed(keys, images))
    assert np.isfinite(gradients).all()
    assert (np.abs(gradients[:, 0]).max((1, 2, 3)) > 0).all()
    distinct = len({view.tobytes() for view in views[:, 0]})
    assert distinct > 1 if transform in RANDOM else distinct == 1
    np.testing.assert_array_equal(viewed(keys[::-1], images)[0], views[::-1])


@pytest.mark.parametrize(
    ("transform", "fields"),
    [
        (Affine(), ("degrees", "low", "high", "shear", "pixels", "fill")),
        (Blur(0, 1), ("low", "high")),
        (Flip(), ("probability",)),
        (Noise(), ("normal", "uniform")),
        (OverBackground(), ("low", "high", "decay", "contrast")),
        (Pad(1, 0), ("fill",)),
        (RandomResizedCrop(0.2, 0.5), ("low", "high", "deviation", "centre", "fill")),
        (Rotate(1), ("degrees", "fill")),
        (Scale(1, 1), ("low", "high", "fill")),
        (Shear(1), ("degrees", "fill")),
        (Sometimes(Roll(1)), ("probability",)),
    ],
    ids=str,
)
def test_a_schedule_can_stand_for_each_number(transform, fields):
    later = dataclasses.replace(transform, **dict.fromkeys(fields, deferred(float, 1)))
    assert hash(later) == hash(dataclasses.replace(later))
    image = noise(6, 5, 2)

    @jax.jit
    def both(value):
        return [dataclasses.replace(later, **dict.fromkeys(fields, one))(KEY, image) for one in (value, 0.7)]

    np.testing.assert_allclose(*both(jnp.float32(0.7)), atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Jitter(-1), r"Jitter\(pixels=-1\): give a whole number, 0 or more"),
        (lambda: Scale(0, 1), r"Scale\(low=0\): give more than 0"),
        (lambda: Scale(1.2, 1.1), r"Scale\(low=1.2, high=1.1\): low is above high"),
        (lambda: Rotate(float("nan")), r"Rotate\(degrees=nan\): give 0 or more"),
        (lambda: Noise(normal=-1.0), r"Noise\(normal=-1.0\)"),
        (lambda: Blur(-1, 1), r"Blur\(low=-1\)"),
        (lambda: Jitter(6)(KEY, noise(6, 9, 1)), r"Jitter\(pixels=6\): an image of shape \(6, 9, 1\) has no part"),
        (lambda: Crop((3, 3))(KEY, noise(6, 1)), r"has no part of shape \(3, 3\)"),
        (lambda: CentreCrop(7)(KEY, noise(6, 9, 1)), r"has no part of shape \(7, 7\)"),
        (lambda: Flip(axis=1)(KEY, noise(6, 1)), r"Flip\(axis=1\): an image of shape \(6, 1\) has 1 spatial axes"),
        (lambda: Sometimes(Jitter(1))(KEY, noise(6, 6, 1)), "keep the shape"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(JaxvizError, match=message):
        make()


def test_jitter_cuts_every_part_of_that_size():
    image = pictured([0, 1, 2], [3, 4, 5], [6, 7, 8])
    views = many(Jitter(1), image, 60)
    corners = sorted(set(np.asarray(views)[:, 0, 0, 0].tolist()))
    assert corners == [0, 1, 3, 4]
    for view in views:
        np.testing.assert_array_equal(plain(view), view[0, 0, 0] + np.array([[0, 1], [3, 4]]))


def test_roll_wraps_around_and_reaches_both_sides():
    image = jnp.arange(7.0)[:, None]
    views = many(Roll(2), image, 80)
    assert {tuple(plain(view)) for view in views} == {tuple(np.roll(np.arange(7.0), move)) for move in range(-2, 3)}


def test_pad():
    image = pictured([1, 2], [3, 4])
    np.testing.assert_array_equal(plain(seen(Pad(1), image)), [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]])
    np.testing.assert_array_equal(
        plain(seen(Pad(1, 0.5), image)), [[0.5] * 4, [0.5, 1, 2, 0.5], [0.5, 3, 4, 0.5], [0.5] * 4]
    )
    np.testing.assert_array_equal(
        plain(seen(Pad(1, "reflect"), image)), [[4, 3, 4, 3], [2, 1, 2, 1], [4, 3, 4, 3], [2, 1, 2, 1]]
    )


def test_crops():
    image = jnp.arange(5.0)[:, None]
    np.testing.assert_array_equal(plain(seen(CentreCrop(3), image)), [1, 2, 3])
    np.testing.assert_array_equal(plain(seen(CentreCrop((2,)), image)), [1, 2])
    views = many(Crop(3), image, 40)
    assert {tuple(plain(view)) for view in views} == {(0, 1, 2), (1, 2, 3), (2, 3, 4)}


def test_flip():
    image = pictured([1, 2], [3, 4])
    np.testing.assert_array_equal(plain(seen(Flip(probability=1), image)), [[2, 1], [4, 3]])
    np.testing.assert_array_equal(plain(seen(Flip(axis=0, probability=1), image)), [[3, 4], [1, 2]])
    views = many(Flip(), image, 400)
    assert 0.4 < np.mean(np.asarray(views)[:, 0, 0, 0] == 2) < 0.6


@pytest.mark.parametrize(
    ("factor", "fill", "expected"),
    [
        (1, None, [0, 4, 8, 2, 6]),
        (2, None, [4, 6, 8, 5, 2]),
        (2, 1.0, [4, 6, 8, 5, 2]),
        (0.5, None, [0, 0, 8, 6, 6]),
        (0.5, 1.0, [1, 0, 8, 6, 1]),
    ],
)
def test_scale_of_an_odd_axis(factor, fill, expected):
    image = jnp.array([0.0, 4, 8, 2, 6])[:, None]
    np.testing.assert_allclose(plain(seen(Scale(factor, factor, fill), image)), expected, atol=1e-6)


def test_scale_of_an_even_axis_and_of_a_square():
    image = jnp.array([0.0, 4, 8, 2])[:, None]
    np.testing.assert_allclose(plain(seen(Scale(2, 2), image)), [3, 5, 7, 6.5], atol=1e-6)
    np.testing.assert_allclose(plain(seen(Scale(0.5, 0.5, 1), image)), [1, 2, 5, 1], atol=1e-6)
    square = pictured([0, 0, 0], [0, 8, 0], [0, 0, 0])
    np.testing.assert_allclose(plain(seen(Scale(2, 2), square)), [[2, 4, 2], [4, 8, 4], [2, 4, 2]], atol=1e-6)


@pytest.mark.parametrize("size", [3, 4])
@pytest.mark.parametrize("fill", [None, 9.0])
def test_a_quarter_turn_is_exact(size, fill):
    image = noise(size, size, 2)
    turned = jax.jit(warp)(image, jnp.array([[0.0, 1], [-1, 0]]), jnp.zeros(2), fill)
    np.testing.assert_allclose(turned, np.rot90(image), atol=1e-5)


def test_a_turn_leaves_the_centre_and_draws_both_ways():
    image = jnp.zeros((5, 5, 1)).at[2, 2].set(1).at[2, 4].set(3)
    views = many(Rotate(30), image, 200)[..., 0]
    np.testing.assert_allclose(views[:, 2, 2], 1, atol=1e-6)
    upwards = np.asarray(views[:, :2].sum((1, 2)) > views[:, 3:].sum((1, 2)))
    assert 0.35 < upwards.mean() < 0.65


def test_affine_is_its_parts():
    image = noise(9, 9, 2)

    @jax.jit
    def pairs():
        angle = jnp.deg2rad(jax.random.uniform(jax.random.split(KEY, 4)[0]) * 180 - 90)
        cosine, sine = jnp.cos(angle), jnp.sin(angle)
        turned = warp(image, jnp.array([[cosine, sine], [-sine, cosine]]), jnp.zeros(2), None)
        scaled = Scale(1.5, 1.5)(KEY, image)
        ours = [Affine(degrees=90), Affine(low=1.5, high=1.5), Affine()]
        return [one(KEY, image) for one in ours], [turned, scaled, image]

    for ours, expected in zip(*pairs(), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-4)  # a quarter of a turn is in float32


def test_affine_moves_both_ways():
    point = jnp.zeros((7, 7, 1)).at[3, 3].set(1)
    moved = many(Affine(pixels=1, fill=0), point, 300)
    moved = np.asarray(moved)
    np.testing.assert_allclose(moved.sum((1, 2, 3)), 1, atol=1e-5)
    centres = np.einsum("nhwc,h->n", moved, np.arange(7.0)) - 3
    assert abs(centres.mean()) < 0.1
    assert 0.9 < np.abs(centres).max() <= 1.0001


def test_shear_moves_rows_in_proportion():
    image = jnp.arange(5.0)[None, :, None] * jnp.ones((5, 1, 1))
    slant = jax.jit(warp)(image, jnp.array([[1.0, 0], [0.5, 1]]), jnp.zeros(2), None)
    np.testing.assert_allclose(plain(slant)[:, 2], [1, 1.5, 2, 2.5, 3], atol=1e-6)
    sheared = plain(seen(Shear(20), image))
    np.testing.assert_allclose(sheared[2, 2], 2, atol=1e-5)
    inner = sheared[1:4, 2]
    np.testing.assert_allclose(inner[2] - inner[1], inner[1] - inner[0], atol=1e-4)


def test_a_resized_crop_of_all_is_the_image_and_of_half_its_middle():
    image = jnp.array([0.0, 4, 8, 2, 6])[:, None]
    np.testing.assert_allclose(plain(seen(RandomResizedCrop(1, 1, centre=0), image)), [0, 4, 8, 2, 6], atol=1e-6)
    np.testing.assert_allclose(plain(seen(RandomResizedCrop(0.5, 0.5, centre=0), image)), [4, 6, 8, 5, 2], atol=1e-6)
    view = seen(RandomResizedCrop(0.5, 0.5, centre=0, shape=(3,)), image)
    np.testing.assert_allclose(plain(view), [4, 8, 2], atol=1e-6)


def test_resized_crops_are_drawn_as_asked():
    """A ramp shows where each box is: its ends are the first and the last pixel."""
    image = jnp.linspace(-4, 5, 901)[:, None]
    crop = RandomResizedCrop(0.3, 0.4, centre=0.02, shape=(2,))
    views = many(crop, image, 500)[..., 0]
    sides = (views[:, 1] - views[:, 0]) / 9
    assert sides.min() + 1e-4 >= 0.3
    assert sides.max() - 1e-4 <= 0.4
    centres = ((views[:, 0] + views[:, 1]) / 2 + 4) / 9
    assert abs(centres.mean() - 0.5) < 0.005
    assert 0.017 < centres.std() < 0.023


def test_the_gaussian():
    weights = np.asarray(smoothing(9, 1.3))
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    bell = np.exp(-0.5 * (np.arange(-4, 5) / 1.3) ** 2)
    np.testing.assert_allclose(weights[4], bell / bell.sum(), atol=1e-6)
    np.testing.assert_array_equal(smoothing(4, 0.0), np.eye(4))


def test_blur_keeps_flat_images_and_the_sum_of_a_point():
    np.testing.assert_allclose(seen(Blur(1, 2), jnp.full((7, 6, 2), 3.0)), 3, atol=1e-5)
    point = jnp.zeros((21, 21, 1)).at[10, 10].set(1)
    blurred = seen(Blur(1, 1), point)
    np.testing.assert_allclose(blurred.sum(), 1, atol=1e-5)
    np.testing.assert_allclose(blurred[10, 10, 0], 1 / (2 * np.pi), rtol=1e-3)
    np.testing.assert_array_equal(seen(Blur(0, 0), point), point)


def test_noise_statistics():
    flat = jnp.zeros((100, 100, 2))
    bell, even = seen(Noise(normal=0.5), flat), seen(Noise(uniform=0.6), flat)
    assert abs(bell.mean()) < 0.02
    assert abs(bell.std() - 0.5) < 0.01
    assert -0.3 <= even.min() < -0.29
    assert 0.29 < even.max() <= 0.3
    assert abs(even.std() - 0.6 / np.sqrt(12)) < 0.005


def test_opacity_chooses_between_image_and_background():
    image = jnp.full((8, 8, 3), 0.25)
    opaque = seen(OverBackground(), jnp.concatenate([image, jnp.ones((8, 8, 1))], -1))
    np.testing.assert_allclose(opaque, image, atol=1e-6)
    clear = seen(OverBackground(low=2, high=3), jnp.concatenate([image, jnp.zeros((8, 8, 1))], -1))
    assert clear.min() >= 2
    assert clear.max() <= 3
    assert clear.std() > 0.05


def test_chain_gives_each_its_own_key():
    twice = seen(Chain((Noise(normal=1), Noise(normal=1))), jnp.zeros((4000, 1)))
    assert abs(twice.std() - np.sqrt(2)) < 0.05
    image = jnp.ones((3, 1))
    assert Chain()(KEY, image) is image


def test_sometimes():
    image = jnp.arange(3.0)[:, None]
    views = many(Sometimes(Flip(probability=1), 0.25), image, 400)
    assert 0.17 < np.mean(np.asarray(views)[:, 0, 0] == 2) < 0.33


def test_resizing():
    image = jnp.array([2.0, 4])[:, None]
    np.testing.assert_allclose(plain(resize(image, (4,))), [2, 2.5, 3.5, 4])
    np.testing.assert_allclose(plain(resize(image, (1,))), [3])
    np.testing.assert_allclose(plain(resize(image, (2,))), [2, 4])
    square = noise(7, 6, 2)
    for spatial in ((14, 9), (3, 2)):
        expected = jax.image.resize(square, (*spatial, 2), "linear")
        np.testing.assert_allclose(resize(square, spatial), expected, atol=1e-5)


def test_resampling_outside():
    image = jnp.array([2.0, 4])[:, None]
    positions = [jnp.array([-3.0, -0.5, 0.5, 1.25, 3])]
    np.testing.assert_allclose(plain(resample(image, positions, None)), [2, 2, 3, 4, 4])
    np.testing.assert_allclose(plain(resample(image, positions, 0.0)), [0, 1, 3, 3, 0])
