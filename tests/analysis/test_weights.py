import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.analysis import attribution_between, weights_between, weights_to
from jaxviz.values.errors import JaxvizError


class Stack(nn.Module):
    """A strided convolution, batch normalization, relu6, a depthwise convolution, max-pooling, a convolution."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(4, (3, 3), name="first")(x))
        self.sow("intermediates", "seen", x)
        x = nn.BatchNorm(use_running_average=True, name="norm")(nn.Conv(6, (3, 3), (2, 2), name="second")(x))
        x = nn.relu6(x)
        x = nn.Conv(6, (3, 3), feature_group_count=6, name="third")(x)
        x = nn.max_pool(x, (2, 2), (2, 2))
        return nn.Conv(2, (1, 1), name="fourth")(x)


@pytest.fixture(scope="module")
def stack():
    module = Stack()
    variables = module.init(jax.random.key(0), jnp.ones((1, 16, 16, 2)))
    variables = {name: part for name, part in variables.items() if name != "intermediates"}
    norm = variables["params"]["norm"]
    variables["params"]["norm"] = {"scale": norm["scale"] * 3.0, "bias": norm["bias"] + 1.0}
    variables["batch_stats"]["norm"]["var"] = variables["batch_stats"]["norm"]["var"] * 4.0
    return jaxviz.from_linen(module, variables, (16, 16, 2))


def kernel(model, name):
    return np.asarray(model.variables["params"][name]["kernel"])


def test_of_adjacent_layers_they_are_the_kernel_with_what_normalizes_it(stack):
    found = weights_between(stack, "seen", "norm")
    assert found.is_linear
    expected = np.moveaxis(kernel(stack, "second"), -1, 0) * 3.0 / np.sqrt(4.0 + 1e-5)
    np.testing.assert_allclose(found.kernel, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.weights, expected.sum((1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.excitation + found.inhibition, found.weights, rtol=1e-4, atol=1e-5)
    assert (found.excitation >= 0).all()
    assert (found.inhibition <= 0).all()


def test_a_depthwise_kernel_reads_its_own_channel(stack):
    found = weights_between(stack, "norm", "third", units=[4, 1])
    assert found.is_linear  # relu6 is passed by
    for row, unit in enumerate((4, 1)):
        expected = np.zeros((3, 3, 6), np.float32)
        expected[..., unit] = kernel(stack, "third")[..., 0, unit]
        np.testing.assert_allclose(found.kernel[row], expected, rtol=1e-4, atol=1e-6)


def test_expanded_weights_are_the_product_of_the_kernels_on_the_way(stack):
    found = weights_between(stack, "seen", "third")
    second = kernel(stack, "second") * 3.0 / np.sqrt(4.0 + 1e-5)
    third = kernel(stack, "third")[..., 0, :]
    expected = np.zeros((6, 7, 7, 4), np.float32)  # three steps of two pixels, each three pixels wide
    for down, across in itertools.product(range(3), range(3)):
        part = third[down, across][:, None, None, None] * np.moveaxis(second, -1, 0)
        expected[:, 2 * down : 2 * down + 3, 2 * across : 2 * across + 3] += part
    assert found.is_linear
    np.testing.assert_allclose(found.kernel, expected, rtol=1e-3, atol=1e-5)


def test_max_pooling_is_averaged_over_what_it_lets_through(stack):
    found = weights_between(stack, "third", "fourth")
    assert not found.is_linear
    assert found.kernel.shape == (2, 2, 2, 6)
    np.testing.assert_allclose(found.weights, kernel(stack, "fourth")[0, 0].T, rtol=1e-4, atol=1e-6)
    again = weights_between(stack, "third", "fourth", key=jax.random.key(0))
    np.testing.assert_array_equal(again.kernel, found.kernel)


def test_classes_are_those_before_the_softmax():
    model = jaxviz.default_model()
    found = weights_between(model, "dense_2", "dense_3", units=[3, 5])
    expected = np.asarray(model.variables["params"]["dense_3"]["kernel"]).T[[3, 5]]
    np.testing.assert_allclose(found.weights, expected, rtol=1e-4, atol=1e-6)


def test_weights_to_a_class_are_those_between_its_layers(stack):
    model = jaxviz.default_model()
    found = weights_to(model, obj.class_logit(3), "dense_1")
    np.testing.assert_allclose(
        found, weights_between(model, "dense_1", "dense_3", units=3).weights[0], rtol=1e-3, atol=1e-5
    )
    inner = weights_to(stack, obj.neuron("norm", 2), "seen")
    np.testing.assert_allclose(inner, weights_between(stack, "seen", "norm", units=2).weights[0], rtol=1e-4, atol=1e-5)


def test_on_images_attribution_takes_their_place(stack):
    images = np.random.default_rng(0).random((3, 16, 16, 2), dtype=np.float32)
    found = attribution_between(stack, "norm", "third", images, units=[2])
    activations = np.clip(np.asarray(stack(images)["norm"]), 0, 6)
    assert found.shape == (1, 6)
    assert np.flatnonzero(found[0]).tolist() == [2]
    # A linear map without a bias: gradient times activation sums to the unit's mean, where no relu cuts in.
    third, bias = np.asarray(stack(images)["third"])[..., 2], stack.variables["params"]["third"]["bias"][2]
    inside = (np.asarray(stack(images)["norm"])[..., 2] < 6).all()
    assert inside
    assert activations.min() >= 0
    np.testing.assert_allclose(found[0, 2], third.mean() - bias, rtol=1e-3)


def test_layers_in_the_wrong_order(stack):
    with pytest.raises(JaxvizError, match="does not depend on layer 'third'; name a layer before"):
        weights_between(stack, "third", "seen")
