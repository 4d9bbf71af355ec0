import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.ascent.views import channels_last, counted, fitted, in_layout, plain_view, view
from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations import Alpha, Fourier, Pixels
from jaxviz.penalties import L1
from jaxviz.recipes import Recipe
from jaxviz.transforms import Chain, Flip, Jitter, Noise, OverBackground, Pad, Scale, Sometimes
from jaxviz.values.deferral import Steps, deferred

pytestmark = pytest.mark.usefixtures("hardly_optimized")

KEY = jax.random.key(2)
CANVAS = Canvas(shape=(4, 5, 3), low=0.0, high=255.0)
IMAGE = 255 * jax.random.uniform(KEY, CANVAS.shape)
viewed = jax.jit(view, static_argnames=("recipe", "canvas"))  # op by op takes longer


def recipe(*transforms, **changes):
    settings = {"name": "test", "parameterization": Pixels(), "optimizer": deferred(optax.sgd, 0.1), "steps": 10}
    return Recipe(**settings | {"transforms": transforms} | changes)


@pytest.mark.parametrize(
    ("have", "want", "expected"),
    [
        (5, 3, [1, 2, 3]),
        (5, 2, [1, 2]),
        (4, 3, [0, 1, 2]),
        (4, 2, [1, 2]),
        (3, 3, [0, 1, 2]),
        (3, 5, [0, 0, 1, 2, 2]),
        (3, 4, [0, 1, 2, 2]),
        (2, 5, [0, 0, 1, 1, 1]),
    ],
)
def test_fitted(have, want, expected):
    line = jnp.arange(float(have))[:, None]
    np.testing.assert_array_equal(fitted(line, (want, 1))[:, 0], expected)
    turned = fitted(line[None] + jnp.zeros((6, have, 2)), (4, want, 2))
    np.testing.assert_array_equal(turned, np.broadcast_to(np.array(expected)[:, None], (4, want, 2)))


def test_what_leaves_the_size_comes_back_to_it():
    np.testing.assert_allclose(viewed(recipe(Pad(3)), KEY, IMAGE, 0, CANVAS), IMAGE, rtol=1e-6)
    cut = viewed(recipe(Jitter(1)), KEY, IMAGE, 0, CANVAS)
    assert cut.shape == IMAGE.shape
    np.testing.assert_array_equal(cut[-1], cut[-2])  # its edge, repeated


def test_each_transform_has_a_key_of_its_own():
    """Adding a transform does not change the random numbers of the next one."""
    twice = viewed(recipe(Noise(0.1), Noise(0.1)), KEY, IMAGE * 0, 0, CANVAS)
    first, second = (Noise(0.1)(jax.random.fold_in(KEY, place), jnp.zeros(CANVAS.shape)) for place in (0, 1))
    np.testing.assert_allclose(twice, 255 * (first + second), atol=1e-4)
    assert np.abs(first - second).max() > 0.01


def test_units():
    """A fill of a half is grey on any canvas; in the image's own units it is nearly black."""
    wide = Canvas(shape=(3, 3, 1), low=-2.0, high=6.0)
    dark = jnp.full(wide.shape, -2.0)
    halved = Scale(0.5, 0.5, fill=0.5)
    corner = viewed(recipe(halved), KEY, dark, 0, wide)[0, 0, 0]
    assert corner == 2.0
    assert viewed(recipe(halved, units="pixels"), KEY, dark, 0, wide)[0, 0, 0] == 0.5
    deviation = viewed(recipe(Noise(0.1)), KEY, IMAGE, 0, CANVAS) - IMAGE
    same = viewed(recipe(Noise(25.5), units="pixels"), KEY, IMAGE, 0, CANVAS) - IMAGE
    np.testing.assert_allclose(deviation, same, atol=1e-3)


def test_what_penalties_count():
    np.testing.assert_allclose(counted(recipe(penalties=(L1(1),)), IMAGE, CANVAS), IMAGE / 255, rtol=1e-6)
    assert counted(recipe(penalties=(L1(1),), units="pixels"), IMAGE, CANVAS) is IMAGE
    assert counted(recipe(Pad(1)), IMAGE, Canvas(shape=(4, 5, 3))) is IMAGE


def test_without_transforms_the_view_is_the_image_to_the_bit():
    assert view(recipe(penalties=(L1(1),), units="pixels"), KEY, IMAGE, 0, CANVAS) is IMAGE
    np.testing.assert_array_equal(viewed(recipe(), KEY, IMAGE, 0, CANVAS), IMAGE)


def test_opacity_is_no_colour():
    """Opacity is neither scaled with the range nor shown to the network."""
    opacity = jnp.linspace(0, 1, 20).reshape(4, 5, 1)
    both = jnp.concatenate([IMAGE, opacity], -1)
    np.testing.assert_array_equal(counted(recipe(Pad(0)), both, CANVAS)[..., 3:], opacity)
    expected = IMAGE * opacity + 127.5 * (1 - opacity)
    np.testing.assert_allclose(plain_view(both, CANVAS), expected, rtol=1e-6)
    np.testing.assert_allclose(viewed(recipe(Pad(2)), KEY, both, 0, CANVAS), expected, rtol=1e-5, atol=1e-3)
    shown = viewed(recipe(OverBackground(low=0.25, high=0.25)), KEY, both, 0, CANVAS)
    np.testing.assert_allclose(shown, IMAGE * opacity + 255 / 4 * (1 - opacity), rtol=1e-5, atol=1e-3)


def test_schedules_of_a_recipe_inside_others():
    falling = deferred(optax.linear_schedule, 1.0, 0.0, Steps())
    still = recipe(Chain((Noise(falling), Sometimes(Noise(falling), 1.0))))
    shift = [np.abs(viewed(still, KEY, IMAGE, step, CANVAS) - IMAGE).max() for step in (0, 5, 10)]
    np.testing.assert_allclose(shift[1], shift[0] / 2, rtol=1e-4)
    np.testing.assert_allclose(shift[2], 0, atol=1e-3)
    longer = viewed(still.replace(steps=20), KEY, IMAGE, 10, CANVAS)
    np.testing.assert_array_equal(longer, viewed(still, KEY, IMAGE, 5, CANVAS))


def test_a_function_of_ones_own_is_a_transform():
    def darker(key, image):
        return image * jax.random.uniform(key)

    seen = viewed(recipe(darker), KEY, IMAGE, 0, CANVAS)
    np.testing.assert_allclose(seen, darker(jax.random.fold_in(KEY, 0), IMAGE), rtol=1e-5)


def test_layouts():
    first = Canvas(shape=(3, 4, 5), low=-1.0, high=2.0, channel_axis=0)
    assert channels_last(first) == Canvas(shape=(4, 5, 3), low=-1.0, high=2.0)
    assert channels_last(CANVAS) is CANVAS
    np.testing.assert_array_equal(in_layout(IMAGE, first), np.moveaxis(IMAGE, -1, 0))
    assert in_layout(IMAGE, CANVAS) is IMAGE


@pytest.mark.filterwarnings("ignore:.*left the range:jaxviz.JaxvizWarning")
@pytest.mark.parametrize("group", [1, 2])
def test_channels_first_is_the_same_picture_turned(group):
    """The same network in both layouts: the same noise, the same views, the same picture."""
    matrix = jnp.asarray(np.random.default_rng(0).normal(size=(2, 2)), jnp.float32)

    def forward(axis):
        return lambda matrix, image: {"dots": jnp.moveaxis(jnp.moveaxis(image, axis, -1) @ matrix, -1, axis)}

    objective = obj.channel("dots") if group == 1 else obj.channel("dots") + obj.diversity("dots", group=group)
    mine = recipe(Pad(1), Jitter(2), Flip(), steps=3, penalties=(L1(0.1),), optimizer=deferred(optax.adam, 0.1))
    starts = np.random.default_rng(1).random((2, 6, 7, 2)).astype(np.float32) if group == 2 else None
    results = []
    for axis, shape in ((-1, (6, 7, 2)), (0, (2, 6, 7))):
        model = jaxviz.from_function(forward(axis), matrix, shape, channel_axis=axis)
        start = starts if starts is None or axis == -1 else np.moveaxis(starts, -1, 1)
        results.append(jaxviz.visualize(model, objective, mine, start=start))
    last, first = results
    assert first.images.shape == (2 * group, 2, 6, 7)
    for ours, theirs in ((last.images, first.images), (last.starts, first.starts)):
        np.testing.assert_allclose(np.moveaxis(ours, -1, 1), theirs, atol=1e-5)
    np.testing.assert_allclose(first.scores, last.scores, rtol=1e-4, atol=1e-6)


def test_a_picture_with_opacity():
    kernel = jnp.ones((2, 2))
    model = jaxviz.from_function(lambda kernel, image: {"dots": image @ kernel}, kernel, (4, 4, 2))
    mine = recipe(OverBackground(), parameterization=Alpha(inner=Fourier()), optimizer=deferred(optax.adam, 0.1))
    result = jaxviz.visualize(model, obj.channel("dots", 0), mine)
    assert result.images.shape == (1, 4, 4, 3)
    assert result.scores[0, -1] > result.scores[0, 0]


def test_penalties_alone_leave_what_the_network_sees_as_it_is():
    penalized = recipe(penalties=(L1(1.0),))
    np.testing.assert_array_equal(viewed(penalized, KEY, IMAGE, 0, CANVAS), IMAGE)
