import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxviz.penalties import L1, TotalVariation
from jaxviz.recipes.schedules import at_step
from jaxviz.transforms import Chain, Jitter, Noise, RandomResizedCrop, Sometimes
from jaxviz.values.deferral import Steps, deferred
from jaxviz.values.errors import JaxvizError

FALLING = deferred(optax.linear_schedule, 1.0, 0.0, Steps())


def test_numbers_follow_their_schedule():
    noise = Noise(normal=FALLING, uniform=0.25)
    for step, expected in ((0, 1.0), (5, 0.5), (10, 0.0), (99, 0.0)):
        now = at_step(noise, step, 10)
        np.testing.assert_allclose(now.normal, expected, atol=1e-6)
        assert now.uniform == 0.25
    assert at_step(noise, 5, 20).normal == 0.75  # it stretches
    assert noise.normal is FALLING


def test_settings_without_schedules_are_themselves():
    about = np.ones((2, 2, 1), np.float32)
    for setting in (Noise(0.1), Chain((Jitter(1), Sometimes(Noise(0.1)))), L1(1.0, about=about)):
        assert at_step(setting, 3, 10) is setting

    def mine(key, image):
        return image

    assert at_step(mine, 3, 10) is mine
    assert at_step(Chain((mine, Noise(FALLING))), 5, 10).transforms == (mine, Noise(0.5))


def test_schedules_inside_other_settings():
    jitter = Jitter(2)
    whole = Chain((jitter, Sometimes(Noise(FALLING), probability=FALLING), Chain((Noise(FALLING),))))
    now = at_step(whole, 4, 10)
    assert now.transforms[0] is jitter
    np.testing.assert_allclose(now.transforms[1].probability, 0.6, atol=1e-6)
    np.testing.assert_allclose(now.transforms[1].transform.normal, 0.6, atol=1e-6)
    np.testing.assert_allclose(now.transforms[2].transforms[0].normal, 0.6, atol=1e-6)


def test_a_traced_step():
    """Numbers of a step are traced, so no check may read their values."""
    settings = (
        RandomResizedCrop(FALLING, FALLING, deviation=FALLING),
        TotalVariation(FALLING),
        L1(FALLING, about=FALLING),
    )

    @jax.jit
    def numbers(step):
        crop, variation, norm = (at_step(setting, step, 8) for setting in settings)
        return jnp.stack([crop.low, crop.high, crop.deviation, variation.weight, norm.weight, norm.about])

    np.testing.assert_allclose(numbers(2), np.full(6, 0.75), rtol=1e-6)


@pytest.mark.parametrize(("share", "steps", "count"), [(1, 7, 7), (0.5, 8, 4), (0.5, 1, 1), (0, 9, 1), (0.25, 10, 2)])
def test_shares_of_the_steps(share, steps, count):
    assert Steps(share).of(steps) == count


def test_what_steps_are_called_and_refused():
    assert str(Steps()) == "steps"
    assert str(Steps(0.5)) == "0.5*steps"
    for share in (-0.1, 1.5, float("nan")):
        with pytest.raises(JaxvizError, match=r"Steps\(.*\): give a share of all steps, from 0 to 1"):
            Steps(share)


def test_steps_deep_inside_of_arguments():
    """Warm-up and cool-down: schedules and bounds in tuples."""
    rising = deferred(optax.linear_schedule, 0.0, 1.0, Steps(0.5))
    both = deferred(optax.join_schedules, (rising, FALLING), boundaries=(Steps(0.5),))
    assert both == deferred(optax.join_schedules, (rising, FALLING), boundaries=(Steps(0.5),))
    assert hash(both) == hash(dataclasses.replace(both))
    schedule = both.build(20)
    np.testing.assert_allclose([schedule(step) for step in (0, 5, 10, 20)], [0, 0.5, 1, 0.5], rtol=1e-6)
    assert str(both) == (
        "join_schedules((linear_schedule(0.0, 1.0, 0.5*steps), linear_schedule(1.0, 0.0, steps)),"
        " boundaries=(0.5*steps))"
    )


def test_how_calls_are_shown():
    assert str(deferred(optax.nadam, 1.0)) == "adam(1.0)"  # optax makes it of adam
    assert str(deferred(optax.apply_if_finite, deferred(optax.sgd, 0.1), 3)) == "apply_if_finite(sgd(0.1), 3)"
    assert str(deferred(optax.scale_by_learning_rate, optax.cosine_decay_schedule)).endswith("(cosine_decay_schedule)")
