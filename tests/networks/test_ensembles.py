import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_networks import SHAPE, mirror, network

import jaxviz
from jaxviz import objectives as obj
from jaxviz.values.errors import JaxvizError

IMAGE = jnp.asarray(np.random.default_rng(0).random(SHAPE), jnp.float32)


def other():
    model = network()
    return model.replace(variables=jax.tree.map(lambda weight: 2 * weight[::-1], model.variables))


def test_its_layers_are_theirs():
    both = jaxviz.ensemble({"a": network(), "b": other()})
    assert [layer.name for layer in both.layers][3:5] == ["a/classes", "b/conv"]
    assert both.layer("b/relu").preactivation == "b/conv"
    assert (both.output, both.logits, both.canvas) == ("a/classes", "a/dense", network().canvas)
    ours = both(IMAGE[None])
    for name, model in (("a", network()), ("b", other())):
        for layer in model.layers:
            theirs = model(IMAGE[None])[layer.name]
            np.testing.assert_allclose(ours[f"{name}/{layer.name}"], theirs, rtol=1e-5, atol=1e-6)


def test_objectives_of_several_models():
    both = jaxviz.ensemble({"a": network(), "b": other()})
    objective = obj.channel("a/conv", [1, 2]) - 0.5 * obj.channel("b/conv", 3)
    expected = network()(IMAGE[None])["conv"][..., 1].mean() - 0.5 * other()(IMAGE[None])["conv"][..., 3].mean()
    np.testing.assert_allclose(both.ask(IMAGE, objective.resolve(both).one()), expected, rtol=1e-5)
    result = jaxviz.visualize(both, objective, "seed", steps=5)
    assert result.labels == ("a/conv:1 - 0.5*b/conv:3", "a/conv:2 - 0.5*b/conv:3")
    assert (result.final_scores > result.scores[:, 0]).all()
    assert jaxviz.visualize(both, obj.class_logit(1), "seed", steps=2).labels == ("logit:1",)


def test_each_sees_the_image_in_its_own_range():
    preprocessing = jaxviz.Preprocessing(low=-1, high=3, function=lambda image: image**2)
    both = jaxviz.ensemble({"a": network(), "b": network().with_preprocessing(preprocessing)})
    assert (both.canvas.low, both.canvas.high) == (0, 1)
    expected = network()(((4 * IMAGE - 1) ** 2)[None])["conv"]
    np.testing.assert_allclose(both(IMAGE[None])["b/conv"], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(both(IMAGE[None])["a/conv"], network()(IMAGE[None])["conv"], rtol=1e-5, atol=1e-6)


def test_in_fewer_bits():
    preprocessing = jaxviz.Preprocessing(low=0, high=255, function=lambda image: image / 255 - np.float32([0.5, 0.4]))
    both = jaxviz.ensemble({"a": network(), "b": other().with_preprocessing(preprocessing)})
    objective = obj.channel("a/conv", 1) + obj.channel("b/conv", 2)
    results = [
        jaxviz.visualize(both, objective, "seed", steps=2, start=IMAGE, precision=precision)
        for precision in ("float32", "bfloat16")
    ]
    assert results[1].scores.dtype == np.float32
    np.testing.assert_allclose(results[1].scores[0, 0], results[0].scores[0, 0], rtol=0.02, atol=0.02)


def test_keras_networks(tiny):
    image = jnp.asarray(np.random.default_rng(5).random(tiny.canvas.shape), jnp.float32)
    scaled = tiny.with_preprocessing("0-255")
    both = jaxviz.ensemble({"a": tiny, "b": scaled})
    mixed = (obj.channel("a/second", 1) + obj.channel("b/second", 2)).resolve(both).one()
    one, two = (obj.channel("second", at).resolve(tiny).one() for at in (1, 2))
    np.testing.assert_allclose(both.ask(image, mixed), tiny.ask(image, one) + tiny.ask(255 * image, two), rtol=1e-4)
    value, gradient = jax.value_and_grad(lambda x: both.ask(x, mixed))(image)
    assert np.isfinite(gradient).all()
    assert np.isfinite(value)


def test_an_equal_one_made_anew_compiles_nothing(counting):
    def run():
        both = jaxviz.ensemble({"a": network(), "b": other()})
        return jaxviz.visualize(both, obj.channel("b/conv", 1), "seed", steps=2)

    first = run()
    counting.clear()
    second = run()
    assert not [event for event in counting if "backend_compile" in event]
    np.testing.assert_array_equal(first.images, second.images)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({}, "an ensemble of no models; give {name: model, …}"),
        ({"a/b": network()}, "a model of the name 'a/b': give a name without '/'"),
        ({"": network()}, "a model of the name '': give a name without '/'"),
        (
            {"a": network(), "b": mirror()},
            "model 'b' takes images of shape (5, 5, 3), and 'a' of (6, 6, 2); load them for one shape",
        ),
        (
            {
                "a": network(),
                "b": network().replace(canvas=dataclasses.replace(network().canvas, channel_axis=0)),
            },
            "and 'a' of (6, 6, 2) with the channels last; load them for one shape",
        ),
    ],
)
def test_refusals(models, message):
    with pytest.raises(JaxvizError) as refusal:
        jaxviz.ensemble(models)
    assert message in str(refusal.value)


def test_unknown_layers():
    both = jaxviz.ensemble({"a": network(), "b": other()})
    with pytest.raises(JaxvizError, match=r"unknown layer 'b/con' \(did you mean 'b/conv'\?\)"):
        obj.channel("b/con").resolve(both)
    with pytest.raises(JaxvizError, match="unknown layer 'conv'"):
        obj.function(lambda activations: activations["conv"].mean()).resolve(both)
