import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.recipes import default_for


def mean(shape, **settings):
    return jaxviz.from_function(
        lambda _, image: {"mean": jnp.tanh(image.mean(keepdims=True).reshape(1))}, np.zeros(1), shape, **settings
    )


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ((28, 28, 1), "jaxviz"),
        ((16, 63, 1), "jaxviz"),
        ((15, 28, 1), "plain"),
        ((28, 28, 28, 1), "plain"),
        ((28, 1), "plain"),
        ((32, 32, 3), "plain"),
        ((63, 224, 3), "plain"),
        ((64, 64, 3), "photographs"),
        ((64, 64, 1), "photographs"),
        ((128, 2), "signals"),
        ((64, 64, 64, 1), "signals"),
        ((16, 64, 64, 1), "plain"),
    ],
)
def test_the_canvas_decides(shape, name):
    quick = {"jaxviz": "quick"}.get(name, f"{name}-quick")
    assert (default_for(mean(shape)).name, default_for(mean(shape), quick=True).name) == (name, quick)
    whole, half = (default_for(mean(shape), quick=quick) for quick in (False, True))
    assert half.steps * half.views == whole.steps * whole.views // 2


def test_channels_may_be_first():
    assert default_for(mean((3, 64, 64), channel_axis=0)).name == "photographs"
    assert default_for(mean((64, 64, 3), channel_axis=0)).name == "plain"


@pytest.mark.parametrize("shape", [(64, 64, 4), (64, 2)])
def test_the_provenance_says_which(shape):
    made = jaxviz.visualize(mean(shape), obj.channel("mean"), steps=2)
    assert made.provenance["recipe"] == default_for(mean(shape)).name
    assert made.images.shape == (1, *shape)
