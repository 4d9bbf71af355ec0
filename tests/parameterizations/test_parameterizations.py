import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import EXAMPLES
from conftest import ROOT

from jaxviz import parameterizations
from jaxviz.layers.resampling import resize
from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations import (
    CPPN,
    Alpha,
    Centred,
    Clip,
    Colours,
    FixedMagnitude,
    Fourier,
    NormBall,
    Pixels,
    Pyramid,
    RangePixels,
    SharedLowRes,
    Sigmoid,
    SmoothPixels,
    magnitude_of,
    several,
)
from jaxviz.parameterizations.spectra import frequencies, from_spectrum, to_spectrum
from jaxviz.values.errors import JaxvizError

pytestmark = pytest.mark.usefixtures("hardly_optimized")

KEY = jax.random.key(3)
# These go as far as the pixels do; all others stay in the canvas's range.
UNBOUNDED = Pixels(low=0.0, high=1.0), NormBall(radius=2)
# These render another image than the one they start from.
INEXACT = CPPN, Centred, SmoothPixels, FixedMagnitude, NormBall
EVERY = pytest.mark.parametrize("parameterization", EXAMPLES, ids=str)
SHAPES = [(9, 2), (8, 6, 3), (5, 7, 1), (4, 3, 6, 2)]


def test_every_exported_parameterization_has_an_example():
    exported = [getattr(parameterizations, name) for name in parameterizations.__all__]
    kinds = {kind for kind in exported if isinstance(kind, type) and hasattr(kind, "render")}
    assert kinds - {parameterizations.Parameterization, parameterizations.Field} <= {*map(type, EXAMPLES)}


@EVERY
def test_settings_compare_by_value(parameterization):
    assert isinstance(parameterization, parameterizations.Parameterization)
    again = dataclasses.replace(parameterization)
    assert again == parameterization
    assert hash(again) == hash(parameterization)


@EVERY
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes_of_every_rank(parameterization, shape):
    canvas = Canvas(shape=shape, low=-1.0, high=2.0)
    parameters = jax.eval_shape(lambda: parameterization.init(KEY, canvas))
    image = jax.eval_shape(lambda p: parameterization.render(p, canvas), parameters)
    count = (parameterization.count,) if hasattr(parameterization, "count") else ()
    channels = shape[-1] + isinstance(parameterization, Alpha)
    assert image.shape == (*count, *shape[:-1], channels)
    assert image.dtype == jnp.float32
    projected = jax.eval_shape(lambda p: parameterization.project(p, canvas), parameters)
    assert jax.tree.map(jnp.shape, projected) == jax.tree.map(jnp.shape, parameters)


@EVERY
def test_range_keys_gradients_and_starts(parameterization):
    """Computes each parameterization's checked properties in one compiled call over two keys."""
    canvas = Canvas(shape=(8, 7, 3), low=-1.0, high=2.0)
    given = np.random.default_rng(3).uniform(-0.95, 1.95, (8, 7, 3)).astype(np.float32)
    exact = not isinstance(parameterization, INEXACT)

    def made(key):
        parameters = parameterization.init(key, canvas)
        image, pull_back = jax.vjp(lambda p: parameterization.render(p, canvas), parameters)
        gradient = pull_back(jnp.cos(image))[0]
        moved = jax.tree.map(lambda p, g: p + 100 * g, parameters, gradient)
        far = parameterization.render(parameterization.project(moved, canvas), canvas)
        return image, gradient, far

    @jax.jit
    def everything(key, given):
        again = parameterization.render(parameterization.invert(given, canvas), canvas) if exact else given
        return jax.vmap(made)(jax.random.split(key)), again

    (images, gradients, far), rendered = everything(KEY, given)
    images, far = np.asarray(images), np.asarray(far)
    for leaf in jax.tree.leaves(gradients):
        assert np.isfinite(leaf).all()
    assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(gradients)) > 0
    if not isinstance(parameterization, CPPN) and parameterization != NormBall(radius=2):  # those start flat
        assert np.abs(images[0] - images[1]).max() > 1e-3
    if parameterization not in UNBOUNDED:
        for values in (images, far):
            assert values.min() >= -1 - 1e-6
            assert values.max() <= 2 + 1e-6
    rendered = np.asarray(rendered)
    np.testing.assert_allclose(rendered[..., :3], np.broadcast_to(given, rendered[..., :3].shape), atol=2e-4)


def fitted(parameterization, canvas, target, steps, rate):
    """Returns the image after some steps of Adam towards a target."""
    # A short memory: the first gradients of the large shapes are a thousand times those that are left at the end.
    optimizer = optax.adam(optax.linear_schedule(rate, 0, steps), b2=0.9)

    @jax.jit
    def climbed(key):
        def step(carry, _):
            parameters, state = carry
            gradient = jax.grad(lambda p: jnp.mean((parameterization.render(p, canvas) - target) ** 2))(parameters)
            updates, state = optimizer.update(gradient, state)
            moved = optax.apply_updates(parameters, updates)
            return (parameterization.project(moved, canvas), state), None

        first = parameterization.init(key, canvas)
        (last, _), _ = jax.lax.scan(step, (first, optimizer.init(first)), None, length=steps)
        return parameterization.render(last, canvas)

    return np.asarray(climbed(KEY))


@pytest.mark.parametrize(
    "parameterization",
    [
        Pixels(low=0.0, high=1.0, clip=True),
        RangePixels(),
        RangePixels(colours=Colours()),
        Fourier(),
        Fourier(decay=0.5, squash=Clip()),
        Pyramid(),
        SharedLowRes(),
        NormBall(inner=Fourier(), radius=100.0),
    ],
    ids=str,
)
def test_an_image_can_be_fitted(parameterization, digits):
    canvas = Canvas(shape=(13, 12, 3), low=0.0, high=1.0)
    grey = resize(jnp.asarray(digits[0][3]), (13, 12))
    target = 0.3 + 0.4 * jnp.clip(grey, 0, 1) * jnp.array([0.9, 0.5, 0.7])
    assert np.abs(fitted(parameterization, canvas, target, 400, 0.05) - target).mean() < 0.01


def test_a_cppn_fits_xor():
    rows, columns = np.meshgrid(np.arange(16) < 8, np.arange(16) < 8, indexing="ij")
    target = jnp.asarray((rows ^ columns)[..., None], jnp.float32)
    image = fitted(CPPN(hidden=12, layers=3), Canvas(shape=(16, 16, 1)), target, 200, 0.02)
    assert (np.square(image - target)).mean() < 0.02
    assert ((image > 0.5) == (target > 0.5)).all()


def test_a_cppn_starts_flat_and_never_from_an_image():
    canvas = Canvas(shape=(6, 4, 3), low=0.0, high=2.0)
    np.testing.assert_allclose(jax.jit(lambda key: CPPN().render(CPPN().init(key, canvas), canvas))(KEY), 1)
    with pytest.raises(JaxvizError, match="a CPPN cannot start from an image; use Fourier or Pixels"):
        CPPN().invert(jnp.zeros(canvas.shape), canvas)


def test_pixels_are_those_of_the_seed():
    canvas = Canvas(shape=(5, 4, 2), low=0.0, high=1.0)
    first = Pixels(low=0.0, high=255.0).init(KEY, canvas)
    np.testing.assert_array_equal(first, 255 * jax.random.uniform(KEY, (5, 4, 2)))
    assert Pixels(low=0.0, high=255.0).project(first, canvas) is first
    wide = Canvas(shape=(5, 4, 2), low=-1.0, high=3.0)
    np.testing.assert_allclose(Pixels().init(KEY, wide), -1 + 4 * jax.random.uniform(KEY, (5, 4, 2)), rtol=1e-6)
    np.testing.assert_allclose(Pixels(high=-1.0).init(KEY, wide), -1)
    held = Pixels(low=0.0, high=255.0, clip=True)
    np.testing.assert_array_equal(held.init(KEY, canvas), np.clip(first, 0, 1))


@pytest.mark.parametrize("spatial", [(8,), (9,), (6, 8), (5, 7), (6, 7), (3, 4, 5)], ids=str)
def test_frequencies_are_numpys(spatial):
    grids = np.meshgrid(*[np.fft.fftfreq(size) for size in spatial], indexing="ij")
    whole = np.sqrt(sum(grid**2 for grid in grids))
    ours = frequencies(spatial)
    np.testing.assert_allclose(ours, whole[..., : spatial[-1] // 2 + 1], atol=1e-12)
    image = np.random.default_rng(0).normal(size=(*spatial, 2)).astype(np.float32)
    axes = tuple(range(len(spatial)))
    there, back = jax.jit(lambda image: (to_spectrum(image), from_spectrum(to_spectrum(image), spatial)))(image)
    np.testing.assert_allclose(there, np.fft.rfftn(image, axes=axes), atol=1e-4)
    np.testing.assert_allclose(back, image, atol=1e-5)


def test_fourier_scales_as_lucid():
    """One component, by hand: a cosine of two waves along 8 pixels, 1 / frequency, sqrt(pixels), over 4."""
    canvas = Canvas(shape=(4, 8, 1))
    parameters = jnp.zeros((2, 4, 5, 1)).at[0, 0, 2].set(1)
    values = jax.jit(lambda parameters: Fourier().values(parameters, canvas))(parameters)
    wave = np.cos(2 * np.pi * 2 * np.arange(8) / 8)
    expected = np.broadcast_to((1 / 0.25) * np.sqrt(32) * (2 / 32) * wave / 4, (4, 8))
    np.testing.assert_allclose(values[..., 0], expected, atol=1e-6)
    drawn = np.asarray(jax.jit(lambda key: Fourier().init(key, Canvas(shape=(64, 64, 3))))(KEY))
    assert drawn.shape == (2, 64, 33, 3)
    assert abs(drawn.std() - 0.01) < 2e-4


def test_colours():
    matrix = np.array([[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]])
    values = np.array([[1.0, 0, 0], [0.5, -1, 2]])
    expected = values @ (matrix / np.linalg.norm(matrix, axis=0).max()).T
    np.testing.assert_allclose(Colours().correlate(jnp.asarray(values, jnp.float32)), expected, atol=1e-6)
    np.testing.assert_allclose(Colours().decorrelate(jnp.asarray(expected, jnp.float32)), values, atol=1e-5)
    two = jnp.ones((3, 2))
    assert Colours().correlate(two) is two


def test_squashes():
    canvas = Canvas(shape=(3,), low=-1.0, high=3.0)
    np.testing.assert_allclose(Sigmoid().image(jnp.zeros(2), canvas), 1)
    np.testing.assert_allclose(Clip().image(jnp.array([-9.0, -0.25, 0, 9]), canvas), [-1, 0, 1, 3])


@pytest.mark.parametrize("shape", [(9, 2), (8, 1), (8, 6, 3), (5, 7, 3), (4, 5, 6, 2)], ids=str)
@pytest.mark.parametrize("spread", [1.0, None])
def test_fixed_magnitudes_are_kept_exactly(shape, spread):
    canvas = Canvas(shape=shape)
    rng = np.random.default_rng(1)
    spectrum = magnitude_of(rng.normal(size=(4, *shape)).astype(np.float32))
    field = FixedMagnitude(spectrum=spectrum, spread=spread)

    @jax.jit
    def shown(key):
        values = field.values(3 * field.init(key, canvas) + 1, canvas)
        return values, jnp.abs(to_spectrum(values)), field.magnitude(canvas)

    values, kept, magnitude = map(np.asarray, shown(KEY))
    np.testing.assert_allclose(kept, magnitude, atol=1e-4 * magnitude.max())
    np.testing.assert_allclose([values.mean(), values.std()], [0, 1], atol=1e-4)
    others = np.ones(magnitude.shape, bool)
    others[(0,) * (len(shape) - 1)] = False
    ratio = magnitude[others] / spectrum[others]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


def test_the_spectrum_of_photographs_falls_as_measured():
    told = json.loads((ROOT / "jaxviz/parameterizations/photographs.json").read_text())
    frequency, measured = np.array(told["frequency"]), np.array(told["magnitude"])
    assert (np.diff(frequency) > 0).all()
    assert 0 < frequency[0] < 1 / 200
    canvas = Canvas(shape=(64, 48, 3))
    magnitude = FixedMagnitude(spectrum="photographs").magnitude(canvas)
    along = magnitude[1:33, 0]  # 1/64 to 1/2 cycles a pixel
    expected = np.stack([np.interp(np.arange(1, 33) / 64, frequency, column) for column in measured.T], axis=-1)
    np.testing.assert_allclose(along / along[0, 0], expected / expected[0, 0], rtol=0.05)
    slopes = np.polyfit(np.log(frequency), np.log(measured), 1)[0]
    assert (
        (slopes > -1.6) & (slopes < -1.0)
    ).all()  # Field 1987: about 1 / frequency; photographs of objects are steeper
    grey = FixedMagnitude(spectrum="photographs").magnitude(Canvas(shape=(64, 48, 1)))
    np.testing.assert_allclose(grey[1:33, 0, 0] / grey[1, 0, 0], along[:, 0] / along[0, 0], rtol=1e-5)
    # Below what was measured it goes on as a power of the frequency, and does not stay where it was.
    long = FixedMagnitude(spectrum="photographs").magnitude(Canvas(shape=(900, 1)))
    assert long[1, 0] / long[4, 0] > 4


def test_fixed_magnitudes_by_value_and_from_an_image():
    images = np.random.default_rng(1).normal(size=(1, 6, 6, 3)).astype(np.float32)
    field = FixedMagnitude(spectrum=magnitude_of(images, colours=None), spread=None, colours=None)
    assert field == FixedMagnitude(spectrum=magnitude_of(images.copy(), colours=None), spread=None, colours=None)
    assert hash(field) == hash(dataclasses.replace(field))
    assert field != FixedMagnitude(spread=None, colours=None)
    # An image that has the magnitudes already is rendered as it is, but for its mean and contrast.
    canvas = Canvas(shape=(6, 6, 3))
    values = images[0] - images[0].mean((0, 1))
    values = jnp.asarray(values / values.std())
    np.testing.assert_allclose(field.values(field.fit(values, canvas), canvas), values, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda c: FixedMagnitude(spectrum=np.ones((2, 2, 3))).init(KEY, c), r"spectrum of shape \(2, 2, 3\): images"),
        (lambda c: FixedMagnitude(spectrum="paintings"), "unknown spectrum 'paintings'; give 'photographs', an array"),
        (lambda c: FixedMagnitude(spectrum=np.zeros((6, 4, 3))).init(KEY, c), "no magnitudes above 0"),
        (lambda c: FixedMagnitude().invert(jnp.zeros(c.shape), c), r"FixedMagnitude\(spread=1.0\) cannot start"),
        (lambda c: NormBall(radius=0), r"NormBall\(radius=0\): give more than 0"),
        (lambda c: NormBall(radius=1, norm=3), r"NormBall\(norm=3\): give 2 or inf"),
        (lambda c: Pixels(low=2, high=1), r"Pixels\(low=2, high=1\): low is above high"),
        (lambda c: SmoothPixels(blur=-1), r"SmoothPixels\(blur=-1\): give 0 or more"),
        (lambda c: SmoothPixels(noise=-1), r"SmoothPixels\(noise=-1\): give 0 or more"),
        (lambda c: Pyramid(levels=0), r"Pyramid\(levels=0\)"),
        (lambda c: Fourier(sd=0), r"Fourier\(sd=0\): give more than 0"),
        (lambda c: CPPN(layers=0), r"CPPN\(layers=0\)"),
        (lambda c: several(Fourier(), 0), r"Separate\(count=0\)"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(JaxvizError, match=message):
        make(Canvas(shape=(6, 6, 3)))


def test_a_pyramid_is_the_sum_of_its_levels():
    canvas = Canvas(shape=(5, 8, 2))
    pyramid = Pyramid(levels=3)
    levels = pyramid.init(KEY, canvas)
    assert [level.shape for level in levels] == [(5, 8, 2), (2, 4, 2), (1, 2, 2)]
    flat = (jnp.zeros((5, 8, 2)), jnp.ones((2, 4, 2)), 2 * jnp.ones((1, 2, 2)))
    np.testing.assert_allclose(pyramid.values(flat, canvas), 3, atol=1e-5)
    coarse = pyramid.fit(jnp.full((5, 8, 2), 4.0), canvas)
    np.testing.assert_allclose(coarse[2], 4, atol=1e-5)
    np.testing.assert_allclose(coarse[0], 0, atol=1e-5)


def test_images_of_a_group_share_the_coarse_part_only():
    canvas = Canvas(shape=(8, 8, 1))
    group = several(SharedLowRes(own=Pyramid(levels=1), factor=4, sd=1), 3)
    parameters = group.init(KEY, canvas)
    assert parameters["shared"].shape == (2, 2, 1)
    assert parameters["own"][0].shape == (3, 8, 8, 1)
    flat = {"shared": parameters["shared"], "own": jax.tree.map(jnp.zeros_like, parameters["own"])}
    images = np.asarray(jax.jit(lambda parameters: group.render(parameters, canvas))(flat))
    np.testing.assert_array_equal(images[0], images[2])
    assert images[0].std() > 0.01


def test_separate_images_have_keys_of_their_own():
    canvas = Canvas(shape=(4, 4, 1))
    pixels = Pixels(low=0.0, high=1.0)
    parameters = several(pixels, 3).init(KEY, canvas)
    np.testing.assert_array_equal(parameters[2], pixels.init(jax.random.fold_in(KEY, 2), canvas))
    assert several(pixels, 3).invert(jnp.ones((4, 4, 1)), canvas).shape == (3, 4, 4, 1)
    assert several(pixels, 3).invert(jnp.ones((3, 4, 4, 1)), canvas).shape == (3, 4, 4, 1)


def test_opacity_is_the_last_channel():
    canvas = Canvas(shape=(4, 4, 3), low=-5.0, high=5.0)
    alpha = Alpha(inner=Pixels(low=0.0, high=0.0), opacity=Pixels(low=0.0, high=0.0))
    image = jnp.concatenate([jnp.full((4, 4, 3), 4.0), jnp.full((4, 4, 1), 0.25)], -1)
    np.testing.assert_array_equal(alpha.render(alpha.invert(image, canvas), canvas), image)
    opaque = alpha.render(alpha.invert(image[..., :3], canvas), canvas)
    np.testing.assert_array_equal(opaque[..., 3], 1)


@pytest.mark.parametrize("norm", [2, np.inf])
@pytest.mark.parametrize("inner", [Pixels(low=0.0, high=1.0, clip=True), RangePixels(), Fourier()], ids=str)
def test_balls_are_kept(inner, norm):
    canvas = Canvas(shape=(6, 5, 3))
    about = np.random.default_rng(0).uniform(0.1, 0.9, canvas.shape).astype(np.float32)
    ball = NormBall(inner=inner, radius=0.05, norm=norm, about=about)
    assert ball == dataclasses.replace(ball, about=about.copy())

    @jax.jit
    def after(key):
        first = ball.init(key, canvas)
        moved = jax.tree.map(lambda leaf: leaf + jax.random.normal(key, leaf.shape), first)
        projected = ball.project(moved, canvas)
        return ball.render(moved, canvas), inner.render(projected, canvas), projected, ball.project(projected, canvas)

    rendered, plain, once, twice = after(KEY)
    for image in (rendered, plain):
        distance = np.linalg.norm((image - about).ravel(), norm)
        np.testing.assert_allclose(distance, 0.05, rtol=1e-3)  # far outside, so brought to the surface
    for one, other in zip(jax.tree.leaves(once), jax.tree.leaves(twice), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_the_ball_by_hand():
    ball = NormBall(radius=5, about=1.0)
    image = jnp.array([1.0 + 6, 1 + 8])[:, None]
    np.testing.assert_allclose(ball.nearest(image)[:, 0], [4, 5], rtol=1e-6)
    inside = jnp.array([1.0, 3])[:, None]
    np.testing.assert_array_equal(ball.nearest(inside), inside)
    box = NormBall(radius=5, norm=np.inf, about=1.0)
    np.testing.assert_allclose(box.nearest(image)[:, 0], [6, 6])
    assert np.isfinite(jax.grad(lambda x: ball.nearest(x).sum())(jnp.ones((2, 1)))).all()


def test_smooth_pixels_by_hand():
    """A sigmoid of a blurred point; without a blur, of the point; a flat image stays flat."""
    canvas = Canvas(shape=(9, 1), low=-1.0, high=3.0)
    point = jnp.zeros((9, 1)).at[4].set(2.0)
    bell = np.exp(-0.5 * (np.arange(-4, 5) / 0.8) ** 2)
    drawn = SmoothPixels(blur=0.8).render(point, canvas)[:, 0]
    np.testing.assert_allclose(drawn[3:6], (-1 + 4 / (1 + np.exp(-2 * bell / bell.sum())))[3:6], rtol=1e-4)
    np.testing.assert_allclose(SmoothPixels(blur=0).render(point, canvas), RangePixels().render(point, canvas))
    flat = jnp.full((9, 1), 0.5)
    smooth = SmoothPixels(blur=2)
    np.testing.assert_allclose(smooth.render(smooth.invert(flat, canvas), canvas), 0.5, atol=1e-4)
    np.testing.assert_allclose(SmoothPixels(noise=0.0).init(KEY, canvas), 0)


def test_centred_by_hand():
    canvas = Canvas(shape=(5, 6, 2), low=-1.0, high=1.0)
    centred = Centred(inner=Pixels(low=-1.0, high=-1.0))

    def places(image):
        mass = (np.asarray(image) + 1).sum(-1)
        return [mass.sum(1) @ np.arange(5) / mass.sum(), mass.sum(0) @ np.arange(6) / mass.sum()]

    render = jax.jit(lambda image: centred.render(image, canvas))
    empty = jnp.full(canvas.shape, -1.0)
    np.testing.assert_array_equal(render(empty), empty)
    corner = render(empty.at[0, 0, 1].set(1.0))
    expected = np.full(canvas.shape, -1.0)
    expected[2, 2:4, 1] = 0.0  # an even side has no middle pixel: half of it on each of two
    np.testing.assert_allclose(corner, expected, atol=1e-4)
    blob = empty.at[0:2, 1:3].set(jax.random.uniform(KEY, (2, 2, 2)))
    np.testing.assert_allclose(places(render(blob)), [2, 2.5], atol=1e-4)
    np.testing.assert_allclose((render(blob) + 1).sum(), (blob + 1).sum(), rtol=1e-5)
    middle = empty.at[2, 2:4].set(0.5)
    np.testing.assert_allclose(render(middle), middle, atol=1e-5)
    for image in (empty, middle):
        assert np.isfinite(jax.grad(lambda image: render(image)[1, 1].sum())(image)).all()
    assert centred.invert(blob, canvas) is blob
    np.testing.assert_array_equal(centred.init(KEY, canvas), empty)
