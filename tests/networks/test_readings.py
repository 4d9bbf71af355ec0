"""What every door to a network refuses: shapes of images that are none, and modules of the other kind."""

import inspect

import flax.linen as nn
import jax.numpy as jnp
import pytest
from flax import nnx

import jaxviz
from jaxviz import JaxvizError
from jaxviz.networks import functions, linen
from jaxviz.networks.readings import model_of

SHAPE = (4, 4, 3)
BATCH = "input_shape (1, 4, 4, 3): leave out the batch axis: (4, 4, 3)"


def averaging(variables, image):
    return {"mean": image.mean() * variables}


def told(door, *arguments, **keywords):
    with pytest.raises(JaxvizError) as refusal:
        door(*arguments, **keywords)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_the_batch_axis_is_no_axis_of_an_image():
    variables = {"params": {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}}
    assert told(jaxviz.from_linen, nn.Dense(2), variables, (1, *SHAPE)) == BATCH
    assert told(jaxviz.from_nnx, nnx.Linear(3, 2, rngs=nnx.Rngs(0)), (1, *SHAPE)) == BATCH
    assert told(jaxviz.from_function, averaging, jnp.ones(()), (1, *SHAPE)) == BATCH


@pytest.mark.parametrize(("shape", "axis"), [((2, 4, 4, 3), -1), ((1, 4, 4, 4), 0), ((1, 4, 4), -1)])
def test_a_volume_is_an_image(shape, axis):
    """Also one whose only channel is first."""
    assert jaxviz.from_function(averaging, jnp.ones(()), shape, channel_axis=axis).canvas.shape == shape


@pytest.mark.parametrize("shape", [64, None, "64", (64.0, 64, 3)])
def test_a_shape_is_several_numbers(shape, monkeypatch):
    for room in (functions, linen):  # without checks of types, as outside the tests
        monkeypatch.setattr(room, "model_of", inspect.unwrap(model_of))
    wanted = f"input_shape {shape!r}: give the shape of one image, such as (28, 28, 1)"
    assert told(inspect.unwrap(jaxviz.from_function), averaging, jnp.ones(()), shape) == wanted
    assert told(inspect.unwrap(jaxviz.from_linen), nn.Dense(2), {"params": {}}, shape) == wanted


def test_a_module_of_the_other_kind_and_a_class():
    from_nnx, from_linen = inspect.unwrap(jaxviz.from_nnx), inspect.unwrap(jaxviz.from_linen)
    wanted = "Dense is a Linen module, which from_linen takes, with its variables"
    assert told(from_nnx, nn.Dense(2), SHAPE) == wanted
    for door, module in ((from_nnx, nnx.Linear), (lambda *given: from_linen(given[0], {}, given[1]), nn.Dense)):
        assert (
            told(door, module, SHAPE) == f"{module.__name__} is a class; give an instance of it, {module.__name__}(…)"
        )
    module = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    assert told(from_linen, module, {}, SHAPE) == "Linear is an NNX module, which from_nnx takes, without variables"
