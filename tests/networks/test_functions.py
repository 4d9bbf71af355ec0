import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.values.errors import JaxvizError

RNG = np.random.default_rng(0)
WEIGHTS = {
    "kernel": RNG.normal(size=(3, 3, 1, 4)).astype(np.float32),
    "classes": RNG.normal(size=(4, 3)).astype(np.float32),
}
IMAGES = RNG.random((2, 6, 6, 1), np.float32)


def batched(variables, images):
    layout = ("NHWC", "HWIO", "NHWC")
    convolved = jax.lax.conv_general_dilated(images, variables["kernel"], (1, 1), "VALID", dimension_numbers=layout)
    hidden = jax.nn.relu(convolved)
    logits = hidden.mean((1, 2)) @ variables["classes"]
    return {
        "probabilities": jax.nn.softmax(logits),
        "convolved": convolved,
        "hidden": hidden,
        "logits": logits,
        "count": jnp.int32(3),
    }


def single(variables, image):
    named = batched(variables, image[None])
    return {name: value[0] for name, value in named.items() if name != "count"}


def test_layers_are_found_in_the_order_of_computation():
    model = jaxviz.from_function(batched, WEIGHTS, (6, 6, 1), batched=True)
    assert [(layer.name, layer.description, layer.output_shape, layer.channels) for layer in model.layers] == [
        ("convolved", "conv_general_dilated (before relu)", (4, 4, 4), 4),
        ("hidden", "relu", (4, 4, 4), 4),
        ("logits", "dot_general", (3,), 3),
        ("probabilities", "div", (3,), 3),
    ]
    assert (model.output, model.logits) == ("probabilities", "logits")


def test_one_image_or_a_batch_of_them():
    whole = jaxviz.from_function(batched, WEIGHTS, (6, 6, 1), batched=True)
    alone = jaxviz.from_function(single, WEIGHTS, (6, 6, 1), output="probabilities", logits="logits")
    expected = batched(WEIGHTS, IMAGES)
    for name in ("convolved", "hidden", "logits", "probabilities"):
        np.testing.assert_allclose(whole(IMAGES)[name], expected[name], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(alone(IMAGES)[name], expected[name], rtol=1e-5, atol=1e-6)
    images = [jaxviz.visualize(model, obj.class_logit(), steps=3).images for model in (whole, alone)]
    np.testing.assert_allclose(images[0], images[1], rtol=1e-4, atol=1e-5)


def test_a_jitted_function_is_looked_into():
    model = jaxviz.from_function(jax.jit(batched), WEIGHTS, (6, 6, 1), batched=True)
    assert [layer.name for layer in model.layers] == ["convolved", "hidden", "logits", "probabilities"]
    assert model.logits == "logits"


def test_a_channel_is_taken_from_the_whole():
    model = jaxviz.from_function(batched, WEIGHTS, (6, 6, 1), batched=True)
    for name, shape in (("hidden", (4, 4, 1)), ("logits", (1,))):
        part = model.ask(jnp.asarray(IMAGES[0]), lambda activations, name=name: activations.channel(name, jnp.int32(2)))
        assert part.shape == shape
        np.testing.assert_allclose(part[..., 0], model(IMAGES)[name][0][..., 2], rtol=1e-5)


def test_channels_first():
    def network(kernel, image):
        return {"convolved": jax.lax.conv(image[None], kernel, (1, 1), "VALID")[0], "sums": image.sum((1, 2))}

    model = jaxviz.from_function(network, jnp.ones((5, 2, 3, 3)), (2, 6, 7), channel_axis=0)
    assert {layer.name: layer.channels for layer in model.layers} == {"convolved": 5, "sums": 2}
    assert jaxviz.visualize(model, obj.channel("convolved"), steps=1).images.shape == (5, 2, 6, 7)


def test_visualizing_again_traces_nothing(counting):
    def made(scale):
        weights = jax.tree.map(lambda weight: scale * weight, WEIGHTS)
        return jaxviz.from_function(batched, weights, (6, 6, 1), batched=True)

    jaxviz.visualize(made(1.0), obj.channel("hidden", [0, 1]), steps=2)
    models = [made(1.0), made(2.0)]
    before = len(counting)
    for model in models:
        jaxviz.visualize(model, obj.channel("hidden", [3, 2]), steps=2)
    assert len(counting) == before


def test_a_number_has_no_channels():
    model = jaxviz.from_function(lambda _, image: {"mean": image.mean()}, {}, (6, 6, 1))
    assert model.layer("mean").channels is None
    with pytest.raises(JaxvizError, match=r"layer 'mean' \(div\) has no channels to visualize"):
        jaxviz.visualize(model, obj.channel("mean"))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda _, image: image.mean(),
            "the function gives DynamicJaxprTracer, not a mapping; return {layer name: act",
        ),
        (lambda _, image: {}, "the network has no activations of floating point numbers"),
        (lambda _, image: {"count": jnp.int32(3)}, "the network has no activations of floating point numbers"),
        (
            lambda _, image: {"a": image @ jnp.ones((9, 9))},
            "the function <lambda> does not run on an image of shape (6, 6, 1): ",
        ),
        (lambda variables, _: {"a": variables["missing"]}, "an image of shape (6, 6, 1): 'missing'"),
    ],
)
def test_refusals(function, message):
    with pytest.raises(JaxvizError) as refusal:
        jaxviz.from_function(function, {}, (6, 6, 1))
    assert message in str(refusal.value)
