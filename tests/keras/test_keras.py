"""Every supported layer against Keras itself, on the JAX backend."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from conftest import OTHERS, relative_difference
from keras import layers

import jaxviz
from jaxviz.keras.default import default_path

BOUND = 1e-5  # of the layer's largest output

NETWORKS = {
    "strides": [layers.Conv2D(5, 3, strides=2), layers.Conv2D(4, (3, 2), strides=(1, 3), padding="same")],
    "same": [layers.Conv2D(5, 4, padding="same", activation="relu"), layers.Conv2D(4, 3, padding="same", strides=2)],
    "dilation": [layers.Conv2D(5, 3, dilation_rate=2, padding="same"), layers.Conv2D(4, 2, dilation_rate=(3, 1))],
    "groups": [layers.Conv2D(6, 3, padding="same"), layers.Conv2D(4, 3, groups=2, activation="tanh")],
    "no bias": [layers.Conv2D(5, 3, use_bias=False), layers.Flatten(), layers.Dense(3, use_bias=False)],
    "pooling": [layers.MaxPooling2D(), layers.Conv2D(5, 1), layers.AveragePooling2D((3, 2), strides=1)],
    "pooling same": [layers.MaxPooling2D(3, strides=2, padding="same"), layers.AveragePooling2D(3, padding="same")],
    "global maximum": [layers.Conv2D(5, 3), layers.GlobalMaxPooling2D(), layers.Dense(4)],
    "global average": [layers.Conv2D(5, 3), layers.GlobalAveragePooling2D(keepdims=True), layers.Flatten()],
    "batch normalization": [layers.Conv2D(5, 3), layers.BatchNormalization(epsilon=0.01), layers.Activation("relu")],
    "batch normalization, bare": [layers.BatchNormalization(center=False, scale=False), layers.Conv2D(3, 3)],
    "batch normalization of units": [layers.Flatten(), layers.Dense(6), layers.BatchNormalization(), layers.ReLU()],
    "inert": [
        layers.Dropout(0.5),
        layers.SpatialDropout2D(0.5),
        layers.GaussianNoise(1.0),
        layers.GaussianDropout(0.5),
        layers.AlphaDropout(0.5),
        layers.ActivityRegularization(0.1),
    ],
    "shapes": [
        layers.ZeroPadding2D(((1, 2), (0, 3))),
        layers.Reshape((-1, 6)),
        layers.Flatten(),
        layers.Reshape((3, -1)),
    ],
    "rectifiers": [
        layers.ReLU(max_value=0.8, negative_slope=0.1, threshold=0.2),
        layers.LeakyReLU(negative_slope=0.2),
        layers.ELU(0.7),
        layers.Softmax(),
    ],
    "softmax over rows": [layers.Softmax(axis=1)],
    "dense on pixels": [layers.Dense(4, activation="relu"), layers.Dense(5, activation="softmax")],
}
ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh",
    "tanh_shrink",
]
for name in ACTIVATIONS:
    NETWORKS[f"activation {name}"] = [layers.Conv2D(4, 2, activation=name), layers.Activation(name)]


def save_and_compare(model, path, bound=BOUND):
    """Sets every variable to random values, saves, loads, and compares all layers' outputs with Keras's."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        low = 0.5 if "variance" in variable.path else -0.5
        if "seed" not in variable.path:
            variable.assign(rng.uniform(low, 1.0, variable.shape))
    model.save(path)
    ours = jaxviz.keras.load(path)
    images = rng.uniform(-1, 1, (2, *model.input_shape[1:])).astype(np.float32)
    reference = keras.tree.flatten(keras.Model(model.inputs[0], [layer.output for layer in model.layers])(images))
    assert [layer.name for layer in ours.layers] == [layer.name for layer in model.layers]
    activations = ours(images)
    for layer, expected in zip(ours.layers, reference, strict=True):
        assert layer.output_shape == expected.shape[1:]
        assert relative_difference(activations[layer.name], expected) < bound, layer
    return ours


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_equals_keras(name, tmp_path):
    copies = [layer.__class__.from_config(layer.get_config()) for layer in NETWORKS[name]]
    model = keras.Sequential([layers.Input((9, 10, 4)), *copies])
    save_and_compare(model, tmp_path / "model.h5")


def test_channels_first(tmp_path):
    first = {"data_format": "channels_first"}
    model = keras.Sequential(
        [
            layers.Input((3, 11, 12)),
            layers.ZeroPadding2D((1, 2), **first),
            layers.Conv2D(6, 3, strides=(2, 1), padding="same", activation="relu", **first),
            layers.BatchNormalization(axis=1),
            layers.MaxPooling2D(2, **first),
            layers.Conv2D(4, 2, groups=2, **first),
            layers.AveragePooling2D(2, **first),
            layers.Flatten(**first),
            layers.Dense(3, activation="softmax"),
        ]
    )
    ours = save_and_compare(model, tmp_path / "model.h5")
    assert ours.canvas.channel_axis == 0
    assert [layer.channels for layer in ours.layers] == [3, 6, 6, 6, 4, 4, None, 3]
    for layer in ours.layers[1:6]:
        result = jaxviz.visualize(ours, jaxviz.objectives.channel(layer.name), steps=3)
        whole = ours(result.images)[layer.name]
        for index in range(layer.channels):
            np.testing.assert_allclose(result.final_scores[index], whole[index, index].mean(), rtol=1e-4, atol=1e-6)
        assert jaxviz.figures.collage(result) is not None


@pytest.mark.parametrize(
    ("tail", "logits"),
    [
        ([layers.Dense(3, activation="softmax", name="d"), layers.Dropout(0.5)], "d/preactivation"),
        ([layers.Dense(3, activation="sigmoid", name="d")], "d/preactivation"),
        ([layers.Dense(3, name="d"), layers.Activation("sigmoid")], "d"),
        ([layers.Dense(3, name="d"), layers.Softmax()], "d"),
        ([layers.Dense(3, name="d")], "d"),
    ],
)
def test_logits_and_probabilities(tail, logits, tmp_path):
    copies = [layer.__class__.from_config(layer.get_config()) for layer in tail]
    ours = save_and_compare(keras.Sequential([layers.Input((5,)), layers.Dense(4), *copies]), tmp_path / "model.h5")
    assert ours.logits == logits
    image = jnp.linspace(-1, 1, 5)
    output = ours(image[None])[ours.output][0]
    expected = output if ours.logits != ours.output else jax.nn.softmax(output)
    for index in range(3):
        probability = ours.ask(image, jaxviz.objectives.class_probability(index).resolve(ours).one())
        np.testing.assert_allclose(probability, expected[index], rtol=1e-5)


def test_batch_normalization_across_the_channels(tmp_path):
    first = {"data_format": "channels_first"}
    model = keras.Sequential(
        [layers.Input((2, 6, 6)), layers.Conv2D(3, 3, **first), layers.BatchNormalization(name="bn")]
    )
    ours = save_and_compare(model, tmp_path / "model.h5")
    result = jaxviz.visualize(ours, jaxviz.objectives.channel("bn"), steps=2)
    whole = ours(result.images)["bn"]
    np.testing.assert_allclose(result.final_scores, [whole[k, k].mean() for k in range(3)], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(28, 28), (30,)])
def test_inputs_that_are_no_images_are_drawn(shape, tmp_path):
    model = keras.Sequential([layers.Input(shape), layers.Flatten(), layers.Dense(4, name="d")])
    ours = save_and_compare(model, tmp_path / "model.h5")
    result = jaxviz.visualize(ours, jaxviz.objectives.channel("d"), steps=2)
    assert result.images.shape == (4, *shape)
    assert len(jaxviz.figures.collage(result).axes[0].texts) == 4


def test_linen_names_are_keras_names(tiny):
    assert set(tiny.variables["params"]) == {"first", "norm", "second", "classes"}
    assert set(tiny.variables["params"]["first"]) == {"kernel", "bias"}
    assert set(tiny.variables["batch_stats"]["norm"]) == {"mean", "var"}


def test_the_default_model_equals_keras(mnist, digits):
    reference = keras.models.load_model(default_path(), compile=False)
    images, labels = digits[0][:64], digits[1]
    outputs = keras.Model(reference.inputs[0], [layer.output for layer in reference.layers])(images)
    activations = mnist(images)
    for layer, expected in zip(mnist.layers, outputs, strict=True):
        assert relative_difference(activations[layer.name], expected) < BOUND, layer
    names = [layer.name for layer in mnist.layers]
    assert names[:3] + names[-1:] == ["conv2d_1", "conv2d_2", "max_pooling2d_1", "dense_3"]
    predicted = np.asarray(mnist(digits[0])["dense_3"]).argmax(axis=-1)
    assert (predicted == labels).mean() > 0.99


def test_logits_of_a_separate_softmax_layer(digits):
    path = OTHERS / "deepconcolic_mnist_complicated.h5"
    if not path.exists():
        pytest.skip("other people's files are not here")
    model = jaxviz.keras.load(path)
    assert model.logits == "dense_3"
    logits = model(digits[0][:3])["dense_3"]
    np.testing.assert_allclose(jax.nn.softmax(logits), model(digits[0][:3])[model.output], rtol=1e-4, atol=1e-7)
