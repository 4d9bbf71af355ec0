import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz import objectives as obj
from jaxviz.ascent.scoring import seen_score
from jaxviz.recipes.presets import PRESETS
from jaxviz.transforms import Noise, Pad


@pytest.mark.parametrize("redirected", [0, 1])
def test_views_one_after_the_other_give_the_mean_of_each_alone(tiny, redirected):
    recipe = PRESETS["plain"].replace(steps=2, views=1, transforms=(Pad(1), Noise(0.1)), redirect_steps=redirected)
    objective = obj.channel("second", 1).resolve(tiny).one()
    image = jnp.full(tiny.canvas.shape, 0.5) + 0.1 * jax.random.normal(jax.random.key(1), tiny.canvas.shape)
    key, step = jax.random.key(2), jnp.asarray(0)

    def loss(image, key, recipe):
        return -seen_score(tiny, objective, image, key, step, recipe)

    value, gradient = jax.jit(lambda image: jax.value_and_grad(loss)(image, key, recipe.replace(views=3)))(image)
    each = [jax.value_and_grad(loss)(image, own, recipe) for own in jax.random.split(key, 3)]
    np.testing.assert_allclose(value, np.mean([one for one, _ in each]), rtol=1e-5)
    np.testing.assert_allclose(gradient, np.mean([slope for _, slope in each], axis=0), rtol=1e-4, atol=1e-6)
    assert np.any(gradient)
