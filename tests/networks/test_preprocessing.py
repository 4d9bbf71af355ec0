import importlib

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import relative_difference

import jaxviz
from jaxviz import objectives as obj
from jaxviz.networks.preprocessing import NAMED, Preprocessing, find
from jaxviz.values.errors import JaxvizError


def sums(variables, image):
    return {"seen": image, "colours": image.sum(axis=(0, 1)) * variables}


@pytest.fixture
def colours():
    """A network that returns its input."""
    return jaxviz.from_function(sums, jnp.ones(()), (4, 5, 3))


PHOTO = np.random.default_rng(0).uniform(0, 255, (2, 4, 5, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "module"),
    [("caffe", "vgg16"), ("caffe", "vgg19"), ("caffe", "resnet"), ("torch", "densenet")]
    + [("-1-1", name) for name in ("resnet_v2", "mobilenet", "mobilenet_v2", "inception_v3", "xception", "nasnet")]
    + [("-1-1", "inception_resnet_v2")]
    + [("0-255", name) for name in ("efficientnet", "efficientnet_v2", "mobilenet_v3", "convnext")],
)
def test_networks_are_given_what_keras_gives_them(colours, name, module):
    keras_preprocess = importlib.import_module(f"keras.applications.{module}").preprocess_input
    model = colours.with_preprocessing(name)
    # A photograph in the model's range; where nothing is converted, the range itself is what Keras makes of 0..255.
    low, high = model.canvas.low, model.canvas.high
    shown = low + (high - low) * PHOTO / 255
    assert relative_difference(model(shown)["seen"], keras_preprocess(PHOTO.copy())) < 1e-5


@pytest.mark.parametrize(
    ("name", "low", "high"), [("0-1", 0, 1), ("0-255", 0, 255), ("-1-1", -1, 1), ("caffe", 0, 255), ("torch", 0, 1)]
)
def test_ranges(colours, name, low, high):
    canvas = colours.with_preprocessing(name).canvas
    assert (canvas.low, canvas.high) == (low, high)
    images = jaxviz.visualize(colours.with_preprocessing(name), obj.channel("colours", 0), steps=20).images
    assert low <= images.min() < images.max() <= high


def test_by_hand(colours):
    image = np.zeros((1, 4, 5, 3), np.float32)
    np.testing.assert_allclose(
        colours.with_preprocessing("caffe")(image)["seen"][0, 0, 0], [-103.939, -116.779, -123.68], rtol=1e-6
    )
    image[..., 0] = 255  # red, which Caffe has last
    np.testing.assert_allclose(
        colours.with_preprocessing("caffe")(image)["seen"][0, 0, 0], [-103.939, -116.779, 131.32], rtol=1e-6
    )
    np.testing.assert_allclose(
        colours.with_preprocessing("torch")(image / 255)["seen"][0, 0, 0],
        [2.2489083, -2.0357143, -1.8044444],
        rtol=1e-6,
    )


def test_channels_first():
    import keras

    model = jaxviz.from_function(sums, jnp.ones(()), (3, 4, 5), channel_axis=0, preprocessing="caffe")
    photo = np.moveaxis(PHOTO, -1, 1)
    expected = keras.applications.vgg16.preprocess_input(photo.copy(), data_format="channels_first")
    assert relative_difference(model(photo)["seen"], expected) < 1e-5


def test_one_takes_the_place_of_another(colours):
    assert colours.with_preprocessing("caffe").with_preprocessing("0-1") == colours.with_preprocessing("0-1")


def test_a_function_of_ones_own(colours):
    model = colours.with_preprocessing(Preprocessing(low=0, high=255, function=lambda image: image / 127.5 - 1))
    np.testing.assert_allclose(model(PHOTO)["seen"], PHOTO / 127.5 - 1, atol=1e-6)
    assert (model.canvas.low, model.canvas.high) == (0, 255)


def test_named_ones_are_compiled_once(colours):
    traces = []

    def counted(variables, image):
        traces.append(1)
        return sums(variables, image)

    for _ in range(2):
        model = jaxviz.from_function(counted, jnp.ones(()), (4, 5, 3), preprocessing="caffe")
        before = len(traces)
        jaxviz.visualize(model, obj.channel("colours", 0), steps=2)
    assert len(traces) == before


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("imagenet", "unknown preprocessing 'imagenet'; give 0-1, 0-255, -1-1, caffe, torch, or a function with"),
        (Preprocessing(function=lambda image: image[:2]), "makes (2, 5, 3) of images of shape (4, 5, 3)"),
        (Preprocessing(function=lambda image: image @ jnp.ones((7, 7))), "fails on an image of shape (4, 5, 3)"),
    ],
)
def test_refusals(colours, chosen, message):
    with pytest.raises(JaxvizError) as refusal:
        colours.with_preprocessing(chosen)
    assert message in str(refusal.value)


def test_colours_are_needed_where_they_are_exchanged():
    with pytest.raises(JaxvizError, match=r"preprocessing 'caffe' makes \(4, 5, 3\) of images of shape \(4, 5, 1\)"):
        jaxviz.from_function(sums, jnp.ones(()), (4, 5, 1), preprocessing="caffe")


@pytest.mark.parametrize("ends", [(1, 1), (1, 0), (0, float("nan")), (0, float("inf"))])
def test_no_range(ends):
    with pytest.raises(JaxvizError, match="low must be below high, and both finite"):
        Preprocessing(low=ends[0], high=ends[1])


def test_find():
    assert find("caffe") is NAMED["caffe"]
    assert find(NAMED["caffe"]) is NAMED["caffe"]
    with pytest.raises(JaxvizError, match=r"or a function with its range: jaxviz.Preprocessing\(low=0, high=255, func"):
        find(jnp.tanh)


def test_a_range_that_nobody_states_is_called_an_assumption(colours):
    assert colours.canvas.is_assumed
    assert repr(colours).startswith("Model(2 layers, 4 x 5 x 3 in 0..1 by assumption; state the range by with_prepro")
    made = jaxviz.visualize(colours, obj.channel("colours", 0), steps=2)
    assert made.provenance["range"] == "0 to 1 is an assumption; state it by preprocessing"
    stated = colours.with_preprocessing("0-1")
    assert not stated.canvas.is_assumed
    assert repr(stated) == "Model(2 layers, 4 x 5 x 3 in 0..1 -> colours)"
    assert "range" not in jaxviz.visualize(stated, obj.channel("colours", 0), steps=2).provenance
    assert not jaxviz.from_function(sums, jnp.ones(()), (4, 5, 1)).canvas.is_assumed
