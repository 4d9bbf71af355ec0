"""Strongest weights of networks that tell no wiring, against those reckoned from the parameters."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jaxviz
from jaxviz.networks.wiring import strongest


class Network(nn.Module):
    """What a layer may read: a normalized, pooled, summed, flattened or mixed one."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.BatchNorm(use_running_average=True, name="norm")(nn.Conv(4, (3, 3), name="stem")(x)))
        x = nn.relu(nn.Conv(6, (3, 3), padding="VALID", name="conv")(nn.max_pool(x, (2, 2), (2, 2))))
        x = nn.silu(nn.Conv(6, (1, 1), feature_group_count=2, name="grouped")(x))
        both = nn.Conv(4, (1, 1), name="after_sum")(x + nn.Conv(6, (1, 1), name="branch")(x))
        mixed = nn.Dense(5, name="after_mixed")(nn.LayerNorm(name="mixed")(x))
        flat = nn.Dense(7, name="flat")(x.reshape(x.shape[0], -1))
        return nn.Dense(3, name="last")(jnp.tanh(flat)) + both.mean() + mixed.mean()


@pytest.fixture(scope="module")
def network():
    module = Network()
    variables = module.init(jax.random.key(0), jnp.ones((1, 10, 10, 2)))
    variables["batch_stats"]["norm"]["mean"] = jnp.array([40.0, -40.0, 0.0, 1.0])  # its relu is then shut, or open
    return jaxviz.from_linen(module, variables, (10, 10, 2))


def lengths(kernel):
    """The length of the weights of each channel to each unit, ``[channels, units]``."""
    return np.sqrt(np.square(np.asarray(kernel).reshape(-1, *kernel.shape[-2:])).sum(0))


@pytest.mark.parametrize(
    ("layer", "source"),
    [("conv", "stem"), ("branch", "grouped"), ("last", "flat"), ("after_mixed", "mixed")],
)
def test_they_are_those_of_the_nearest_channels(network, layer, source):
    found = strongest(network, layer, 3)
    expected = lengths(network.variables["params"][layer]["kernel"])
    assert found.layer == source
    np.testing.assert_array_equal(found.channels, np.argsort(-expected, axis=0, kind="stable")[:3].T)
    np.testing.assert_allclose(np.abs(found.weights), -np.sort(-expected, axis=0)[:3].T, rtol=1e-5)


def test_positions_of_a_channel_count_together(network):
    kernel = network.variables["params"]["flat"]["kernel"]  # [3 * 3 * 6, 7]
    expected = lengths(kernel.reshape(9, 6, 7))
    found = strongest(network, "flat", 6)
    assert found.layer == "grouped"
    np.testing.assert_array_equal(found.channels, np.argsort(-expected, axis=0, kind="stable").T)


def test_a_group_reads_its_own_channels(network):
    found = strongest(network, "grouped")
    assert found.layer == "conv"
    assert [sorted(row) for row in found.channels.tolist()] == [[0, 1, 2]] * 3 + [[3, 4, 5]] * 3


@pytest.mark.parametrize("layer", ["stem", "norm", "after_sum", "mixed"])
def test_where_there_are_none_to_tell(network, layer):
    assert strongest(network, layer) is None


def test_of_a_function_with_its_channels_first():
    draw = np.random.default_rng(0)
    kernels = [jnp.asarray(draw.normal(size=size), jnp.float32) for size in ((4, 3, 3, 3), (5, 4, 3, 3), (2, 5 * 16))]

    def function(kernels, image):
        first = jax.nn.relu(jax.lax.conv(image[None], kernels[0], (1, 1), "VALID"))
        second = jax.lax.conv(first, kernels[1], (1, 1), "VALID")
        return {"first": first[0], "second": second[0], "last": kernels[2] @ second.reshape(-1)}

    model = jaxviz.from_function(function, kernels, (3, 8, 8), channel_axis=0)
    found = strongest(model, "second", 4)
    expected = lengths(np.transpose(kernels[1], (2, 3, 1, 0)))
    assert found.layer == "first"
    np.testing.assert_array_equal(found.channels, np.argsort(-expected, axis=0, kind="stable").T)
    found = strongest(model, "last", 5)
    expected = lengths(np.transpose(np.reshape(kernels[2], (2, 5, 16)), (2, 1, 0)))
    assert found.layer == "second"
    np.testing.assert_array_equal(found.channels, np.argsort(-expected, axis=0, kind="stable").T)


def test_a_sweep_of_an_nnx_network_tells_them(tmp_path):
    rngs = nnx.Rngs(0)
    module = nnx.Sequential(nnx.Conv(1, 4, (3, 3), rngs=rngs), nnx.relu, nnx.Conv(4, 2, (3, 3), rngs=rngs))
    swept = jaxviz.sweep(jaxviz.from_nnx(module, (6, 6, 1)), tmp_path, layers="layers/2", steps=1)
    assert swept.layers[0].strongest.layer == "layers/0"
    assert swept.layers[0].strongest.channels.shape == (2, 4)
    assert swept.layers[0].command(0) == ""  # no command line makes this network
