import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz
from jaxviz.networks.cuts import cut
from jaxviz.values.errors import JaxvizError

IMAGE = jax.random.normal(jax.random.key(0), (6, 6, 2))
WEIGHTS = {name: jax.random.normal(jax.random.key(place), (2, 2)) for place, name in enumerate(("a", "b", "c"), 1)}


def straight(variables, image):
    first = image @ variables["a"]
    second = jax.nn.relu(first) @ variables["b"]
    return {"first": first, "second": second, "score": jnp.tanh(second @ variables["c"]).mean((0, 1))}


def turned(variables, image):
    """Keeps its activations channels first, and computes with channels last."""
    first = image @ variables["a"]
    second = jax.nn.relu(first) @ variables["b"]
    return {"first": first.transpose(2, 0, 1), "second": second.transpose(2, 1, 0)}


def score(activations):
    return activations["score"][1]


def test_the_rest_is_what_comes_after():
    model = jaxviz.from_function(straight, WEIGHTS, (6, 6, 2))
    halves = cut(model, "first", score, IMAGE)
    np.testing.assert_allclose(halves.activation, IMAGE @ WEIGHTS["a"], rtol=1e-6)

    def by_hand(first):
        return jnp.tanh(jax.nn.relu(first) @ WEIGHTS["b"] @ WEIGHTS["c"]).mean((0, 1))[1]

    other = halves.activation + 0.5
    np.testing.assert_allclose(halves.rest(other), by_hand(other), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(halves.rest)(other), jax.grad(by_hand)(other), rtol=1e-5, atol=1e-7)


def test_without_activation_functions_the_rest_is_linear_up_to_them():
    model = jaxviz.from_function(straight, WEIGHTS, (6, 6, 2))
    halves = cut(model, "first", lambda activations: activations["second"].sum(), IMAGE, linear=True)
    np.testing.assert_allclose(
        jax.grad(halves.rest)(-jnp.abs(halves.activation)), np.broadcast_to(WEIGHTS["b"].sum(1), (6, 6, 2)), rtol=1e-5
    )


def test_an_activation_in_another_layout_is_put_back_in_its_place():
    model = jaxviz.from_function(turned, WEIGHTS, (6, 6, 2))
    halves = cut(model, "first", lambda activations: activations["second"], IMAGE)
    other = jax.random.normal(jax.random.key(5), (2, 6, 6))
    expected = (jax.nn.relu(other.transpose(1, 2, 0)) @ WEIGHTS["b"]).transpose(2, 1, 0)
    np.testing.assert_allclose(halves.rest(other), expected, rtol=1e-5, atol=1e-6)


class Small(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(4, (3, 3), name="conv")(x))
        x = nn.max_pool(x, (2, 2), (2, 2))
        return nn.Dense(3, name="dense")(x.reshape(len(x), -1))


def test_linen_and_keras_networks_and_one_channel():
    module = Small()
    variables = module.init(jax.random.key(1), IMAGE[None])
    linen = jaxviz.from_linen(module, variables, (6, 6, 2))
    for model, layer, objective in [
        (linen, "conv", jaxviz.objectives.channel("dense", 1)),
        (jaxviz.default_model(), "conv2d_3", jaxviz.objectives.layer_mean("conv2d_4")),
        (jaxviz.default_model(), "max_pooling2d_2", jaxviz.objectives.class_logit(3)),
    ]:
        image = jax.random.uniform(jax.random.key(2), model.canvas.shape)
        one = objective.resolve(model).one()
        halves = cut(model, layer, one, image)
        np.testing.assert_allclose(halves.rest(halves.activation), model.ask(image, one), rtol=1e-5)
        assert float(jnp.abs(jax.grad(halves.rest)(halves.activation)).max()) > 0
        # A small step along the gradient rises as the gradient says.
        gradient = jax.grad(halves.rest)(halves.activation)
        step = 1e-3 * gradient / jnp.linalg.norm(gradient)
        rise = halves.rest(halves.activation + step) - halves.rest(halves.activation)
        np.testing.assert_allclose(rise, jnp.vdot(gradient, step), rtol=0.05)


def test_what_does_not_depend_on_the_layer_is_refused():
    model = jaxviz.from_function(straight, WEIGHTS, (6, 6, 2))
    with pytest.raises(JaxvizError, match="the objective does not depend on layer 'score'; name a layer before those"):
        cut(model, "score", lambda activations: activations["first"].sum(), IMAGE)
