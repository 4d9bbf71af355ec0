"""The weights of layers, as they are found in traced equations."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jaxviz
from jaxviz.networks.kernels import kernel_of
from jaxviz.networks.wiring import strongest, weights_of


class Branched(nn.Module):
    """Convolutions with groups, a residual sum, pooling, and what flattens."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(4, (3, 3), name="first")(x))
        x = nn.max_pool(x, (2, 2), strides=(2, 2))
        x = nn.Conv(6, (3, 3), feature_group_count=2, name="grouped")(x)
        x = nn.silu(nn.BatchNorm(use_running_average=True, name="norm")(x))
        y = nn.Conv(6, (1, 1), name="beside")(x)
        z = nn.Conv(3, (1, 1), name="after_sum")(nn.relu(y + x))
        x = nn.avg_pool(nn.gelu(y), (2, 2)).reshape((x.shape[0], -1))
        return nn.Dense(5, name="dense")(x) + nn.Dense(5, name="mean")(z.mean((1, 2)))


@pytest.fixture(scope="module")
def branched():
    module = Branched()
    variables = module.init(jax.random.key(0), jnp.ones((1, 8, 8, 2)))
    return jaxviz.from_linen(module, variables, (8, 8, 2))


def kernel(model, name):
    return np.asarray(model.variables["params"][name]["kernel"])


@pytest.mark.parametrize("name", ["conv2d_1", "conv2d_2", "conv2d_4", "dense_1", "dense_3"])
def test_it_finds_what_a_keras_network_tells(mnist, name):
    found, told = kernel_of(mnist, name), strongest(mnist, name, 3)
    assert found.layer == (told and told.layer)
    np.testing.assert_array_equal(
        np.moveaxis(found.weights, -1, 0).reshape(found.weights.shape[-1], -1), weights_of(mnist, name)
    )


def test_layers_without_weights_have_none(mnist):
    assert kernel_of(mnist, "max_pooling2d_1") is None
    assert kernel_of(mnist, "flatten_1") is None


def test_of_a_linen_module(branched):
    found = {name: kernel_of(branched, name) for name in ("first", "grouped", "beside", "after_sum", "dense", "mean")}
    for name, one in found.items():
        np.testing.assert_array_equal(one.weights, kernel(branched, name))
    sources = {name: one.layer for name, one in found.items()}
    # What two layers are added to is the channels of neither.
    assert list(sources.values()) == [None, "first", "grouped", None, "beside", "after_sum"]
    assert found["grouped"].groups == 2
    assert found["grouped"].entries.tolist() == [0, 1, 2, 3]
    assert found["dense"].entries.tolist() == [*range(6)] * 9
    assert kernel_of(branched, "norm") is None


def test_the_strongest_weights_of_a_linen_module(branched):
    found = strongest(branched, "grouped", 2)
    lengths = np.linalg.norm(kernel(branched, "grouped").reshape(9, 2, 6), axis=0)
    assert found.channels[:3].tolist() == np.argsort(-lengths[:, :3], axis=0).T.tolist()
    assert found.channels[3:].tolist() == (2 + np.argsort(-lengths[:, 3:], axis=0).T).tolist()
    np.testing.assert_allclose(np.abs(found.weights), -np.sort(-lengths, axis=0).T, rtol=1e-6)
    sums = kernel(branched, "grouped").sum((0, 1))
    np.testing.assert_array_equal(np.sign(found.weights[0]), np.sign(sums[found.channels[0], 0]))


def test_dense_after_flatten_sums_over_positions(branched):
    found = strongest(branched, "dense", 6)
    lengths = np.linalg.norm(kernel(branched, "dense").reshape(-1, 6, 5), axis=0)
    np.testing.assert_array_equal(found.channels, np.argsort(-lengths, axis=0).T)


def test_of_an_nnx_module():
    rngs = nnx.Rngs(0)
    module = nnx.Sequential(
        nnx.Conv(1, 4, (3, 3), rngs=rngs), nnx.relu, nnx.Conv(4, 2, (3, 3), rngs=rngs), lambda x: x.mean((1, 2))
    )
    model = jaxviz.from_nnx(module, (8, 8, 1))
    found = strongest(model, "layers/2", 4)
    assert found.layer == "layers/0"
    lengths = np.linalg.norm(np.asarray(module.layers[2].kernel[...]).reshape(9, 4, 2), axis=0)
    np.testing.assert_array_equal(found.channels, np.argsort(-lengths, axis=0).T)


def test_of_a_function():
    def network(variables, image):
        hidden = jnp.tanh(image @ variables["a"])
        return {"hidden": hidden, "out": variables["b"] @ hidden, "shuffled": variables["b"] @ hidden[::-1]}

    rng = np.random.default_rng(0)
    variables = {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=(2, 4))}
    model = jaxviz.from_function(network, variables, (3,), output="out")
    found = kernel_of(model, "out")
    assert found.layer == "hidden"
    np.testing.assert_allclose(found.weights, variables["b"].T, rtol=1e-6)
    assert kernel_of(model, "shuffled").entries.tolist() == [3, 2, 1, 0]
