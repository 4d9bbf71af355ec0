"""A model of tf_keras in memory equals tf_keras; run where it is installed."""

import warnings

import numpy as np
import pytest

import jaxviz

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's own
    tf_keras = pytest.importorskip("tf_keras")


@pytest.mark.filterwarnings("ignore")
def test_a_live_model_of_tf_keras_equals_it():
    layers = tf_keras.layers
    image = layers.Input((9, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    x = tf_keras.Sequential([layers.DepthwiseConv2D(3, name="depthwise"), layers.BatchNormalization()], name="block")(x)
    x = layers.Add(name="sum")([x, x])
    x = layers.GlobalAveragePooling2D(name="mean")(layers.MaxPooling2D(name="pooled")(x))
    model = tf_keras.Model(image, layers.Dense(5, activation="softmax", name="classes")(x))
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.2, 1.0, weight.shape).astype(np.float32) for weight in model.get_weights()])
    ours = jaxviz.from_keras(model)
    images = random.random((2, 9, 8, 3), np.float32)
    names = ["first", "block", "sum", "pooled", "mean", "classes"]
    expected = tf_keras.Model(image, [model.get_layer(name).output for name in names[2:]])(images)
    found = ours(images)
    assert [layer.name for layer in ours.layers if layer.name in names] == names
    for name, array in zip(names[2:], expected, strict=True):
        np.testing.assert_allclose(found[name], array, atol=1e-5, rtol=1e-5, err_msg=name)
    assert ours.logits != ours.output, "the logits of the softmax are known"
