"""The frames of an ascent: each frame equals the last image of a run that ends at its step."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from objective_networks import SHAPE, mirror_channels_first, network

import jaxviz
from jaxviz import objectives as obj
from jaxviz.parameterizations import Pixels, SmoothPixels
from jaxviz.recipes import Recipe, Rest
from jaxviz.transforms import Roll
from jaxviz.values.deferral import deferred
from jaxviz.values.errors import JaxvizError

KEY = jax.random.key(4)
PLAIN = Recipe(name="plain", parameterization=Pixels(low=-1.0, high=1.0), optimizer=deferred(optax.sgd, 0.5), steps=7)
ONE = obj.channel("conv", [0, 1])
GROUP = ONE + 2 * obj.diversity("conv", group=2)

run = functools.partial(jaxviz.visualize, network(), key=KEY)


@pytest.mark.parametrize(
    ("objective", "changes"),
    [(ONE, {"parameterization": SmoothPixels(blur=0.5, noise=1.0)}), (GROUP, {"transforms": (Roll(1),)})],
    ids=["as it is", "groups by views"],
)
def test_each_frame_is_the_image_of_as_many_steps(objective, changes):
    recipe = PLAIN.replace(**changes)
    result = run(objective, recipe, frames=4)
    assert result.frames.shape == (len(result), 4, *SHAPE)
    np.testing.assert_array_equal(result.frames[:, 0], result.starts)
    np.testing.assert_array_equal(result.frames[:, -1], result.images)
    assert (np.abs(np.diff(result.frames, axis=1)).max(axis=(2, 3, 4)) > 0).all()
    # Of 7 steps, the frames are those after 0, 7/3, 14/3 and 7, rounded down.
    plain = run(objective, recipe, steps=4)
    assert plain.frames is None
    np.testing.assert_allclose(result.frames[:, 2], plain.images, atol=1e-6)


def test_of_restarts_the_best_one_s_are_kept_and_saved(tmp_path):
    whole = functools.partial(run, obj.channel("conv"), PLAIN, restarts=3, chunk=2, keep=tmp_path / "run")
    result = whole(frames=3)
    assert len(set(result.restart_scores.argmax(1))) > 1
    np.testing.assert_array_equal(result.frames[:, 0], result.starts)
    np.testing.assert_array_equal(result.frames[:, -1], result.images)
    (tmp_path / "run" / "chunk-00001.npz").unlink()
    np.testing.assert_array_equal(whole(frames=3).frames, result.frames)
    with pytest.raises(JaxvizError, match="keeps another run: its frames is 3, not None"):
        whole()
    result.save(tmp_path / "frames.npz")
    np.testing.assert_array_equal(jaxviz.Visualization.load(tmp_path / "frames.npz").frames, result.frames)


def test_what_rests_stays_as_it_is_channels_first_from_a_given_start():
    def capped(activations, most):
        return jnp.minimum(activations["same"].mean(), most)

    bounds = np.array([0.05, 1e9], np.float32)  # each step brightens the image by 1/75
    recipe = PLAIN.replace(steps=20, rest=Rest(patience=3), optimizer=deferred(optax.sgd, 1.0))
    start = np.zeros((3, 5, 5), np.float32)
    result = jaxviz.visualize(mirror_channels_first(), obj.function(capped, bounds), recipe, start=start, frames=6)
    brightness = np.array([[0, 4, 4, 4, 4, 4], [0, 4, 8, 12, 16, 20]]) / 75
    expected = np.broadcast_to(brightness[..., None, None, None], result.frames.shape)
    np.testing.assert_allclose(result.frames, expected, atol=1e-6)
    np.testing.assert_array_equal(result.frames[:, -1], result.images)


@pytest.mark.parametrize("frames", [1, 0, -2, 9, [0, 2], 2.5])
def test_refusals(frames):
    unchecked = inspect.unwrap(jaxviz.visualize)  # without checks of types, as outside the tests
    with pytest.raises(JaxvizError) as refusal:
        unchecked(network(), ONE, PLAIN, frames=frames)
    assert str(refusal.value) == f"frames of {frames}: give a whole number, 2 or more, and at most 8 for 7 steps"
