"""Recurrent layers, and layers at every place of a sequence, equal Keras, from either of its formats."""

import json

import jax
import keras
import numpy as np
import pytest
from keras import layers
from keras_reference import compare, compare_channels, randomize

import jaxviz
from jaxviz import ModelFileError

pytestmark = pytest.mark.usefixtures("hardly_optimized")
FIRST = {"data_format": "channels_first"}
ALL = {"return_sequences": True}
BACK = {"go_backwards": True}
CASES = {
    (6, 4): {
        "simple": layers.SimpleRNN(3),
        "simple_all": layers.SimpleRNN(3, activation="relu", use_bias=False, **ALL, **BACK),
        "lstm": layers.LSTM(3),
        "lstm_all": layers.LSTM(4, activation="softsign", recurrent_activation="hard_sigmoid", **ALL),
        "lstm_back": layers.LSTM(2, use_bias=False, unroll=True, **BACK),
        "gru": layers.GRU(3),
        "gru_all": layers.GRU(2, activation=None, **ALL),
        "gru_before": layers.GRU(3, reset_after=False, **ALL, **BACK),
        "gru_before_bare": layers.GRU(3, reset_after=False, use_bias=False),
        "gru_bare": layers.GRU(3, use_bias=False, recurrent_activation="hard_sigmoid"),
        "both": layers.Bidirectional(layers.LSTM(3)),
        "both_all": layers.Bidirectional(layers.GRU(2, **ALL)),
        "both_sum": layers.Bidirectional(layers.SimpleRNN(3, **ALL), merge_mode="sum"),
        "both_ave": layers.Bidirectional(layers.LSTM(3, use_bias=False), merge_mode="ave"),
        "both_mul": layers.Bidirectional(
            layers.GRU(3, **ALL), merge_mode="mul", backward_layer=layers.LSTM(3, **ALL, **BACK)
        ),
        "each_dense": layers.TimeDistributed(layers.Dense(3, activation="softmax")),
        "each_relu": layers.TimeDistributed(layers.ReLU()),
    },
    (4, 6, 5, 2): {
        "conv_lstm": layers.ConvLSTM2D(3, 3),
        "conv_lstm_all": layers.ConvLSTM2D(2, (3, 2), strides=(2, 1), padding="same", **ALL),
        "conv_lstm_back": layers.ConvLSTM2D(
            2, 2, dilation_rate=2, activation="relu", recurrent_activation="hard_sigmoid", use_bias=False, **BACK
        ),
        "conv_lstm_first": layers.ConvLSTM2D(3, 2, padding="same", **ALL, **FIRST),
        "both": layers.Bidirectional(layers.ConvLSTM2D(2, 2)),
        "each_conv": layers.TimeDistributed(layers.Conv2D(3, 2, activation="relu")),
        "each_conv_first": layers.TimeDistributed(layers.Conv2D(3, 2, **FIRST)),
        "each_norm": layers.TimeDistributed(layers.BatchNormalization()),
        "each_pool": layers.TimeDistributed(layers.MaxPooling2D(2)),
        "each_flat": layers.TimeDistributed(layers.Flatten()),
    },
    (5, 7, 2): {"conv_lstm_1d": layers.ConvLSTM1D(2, 3, **ALL)},
}


@pytest.fixture(scope="module", params=CASES, ids=str)
def network(request):
    """A network with a case in each of its branches."""
    image = layers.Input(request.param)
    for name, layer in CASES[request.param].items():
        layer.name = name
    outputs = [layer(image) for layer in CASES[request.param].values()]
    return randomize(keras.Model(image, outputs))


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning")
def test_layers_equal_keras_and_files_are_the_same(network, tmp_path):
    ours = jaxviz.from_keras(network)
    compare(network, ours)
    compare_channels(ours)
    for name in ("all.keras", "all.h5"):
        network.save(tmp_path / name)
        read = jaxviz.keras.load(tmp_path / name)
        assert read.layers == ours.layers
        jax.tree.map(np.testing.assert_array_equal, read.variables, ours.variables)


def test_what_is_learned_and_what_comes_before_its_activation_function():
    image = layers.Input((6, 4))
    wrapped = layers.TimeDistributed(layers.Dense(3, activation="relu"), name="each")(image)
    pooled = layers.TimeDistributed(layers.ReLU(), name="relu")(wrapped)
    model = keras.Model(image, layers.LSTM(2, dropout=0.2, recurrent_dropout=0.2, name="lstm")(pooled))
    ours = jaxviz.from_keras(model)
    images = np.random.default_rng(0).uniform(size=(2, 6, 4)).astype(np.float32)
    np.testing.assert_allclose(ours(images)["lstm"], model(images, training=False), atol=1e-6)
    assert [(layer.name, layer.learned, layer.channels) for layer in ours.layers] == [
        ("each", True, 3),
        ("relu", False, 3),
        ("lstm", True, 2),
    ]
    assert ours.layer("each").preactivation == "each/preactivation"
    made = jaxviz.visualize(ours, jaxviz.objectives.channel("lstm"), "plain", steps=3)
    assert np.isfinite(made.images).all()
    assert (made.images != made.starts).any()


@pytest.mark.parametrize(
    ("layer", "changes", "message"),
    [
        (layers.LSTM(2), {"stateful": True}, "layer 'it' (LSTM): stateful=True is not supported"),
        (layers.GRU(2), {"time_major": True}, "layer 'it' (GRU): time_major=True is not supported"),
        (
            layers.Bidirectional(layers.LSTM(2)),
            {"merge_mode": None},
            "layer 'it' (Bidirectional): merge_mode None is not supported; concat, sum, ave and mul are",
        ),
        (
            layers.Bidirectional(layers.LSTM(2)),
            {"layer": {"class_name": "RNN", "config": {"trainable": True}}},
            "layer 'it' (Bidirectional): it wraps a RNN; SimpleRNN, LSTM, GRU, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D are "
            "supported",
        ),
        (
            layers.TimeDistributed(layers.Dense(2)),
            {"layer": {"class_name": "Strange", "config": {"trainable": True}}},
            "layer 'it' (TimeDistributed): it wraps a Strange, which is not supported there",
        ),
        (
            layers.TimeDistributed(layers.Dense(2)),
            {"layer": keras.Sequential([layers.Input((4,)), layers.Dense(1)]).get_config()},
            "layer 'it' (TimeDistributed): the layer that it wraps is missing",
        ),
    ],
)
def test_what_is_refused(layer, changes, message, tmp_path):
    layer.name = "it"
    model = keras.Sequential([layers.Input((6, 4)), layer])
    config = json.loads(model.to_json())
    config["config"]["layers"][1]["config"] |= changes
    model.save_weights(tmp_path / "it.weights.h5")
    with pytest.raises(ModelFileError) as error:
        jaxviz.keras.load(tmp_path / "it.weights.h5", architecture=config)
    assert str(error.value) == message


def test_masks_are_refused():
    masked = keras.Sequential([layers.Input((6, 4)), layers.Masking(), layers.LSTM(2)])
    with pytest.raises(ModelFileError, match=r"layer 'masking\w*' is a Masking, which is not supported"):
        jaxviz.from_keras(masked)
    looked_up = keras.Sequential([layers.Input((6,)), layers.Embedding(5, 3, mask_zero=True), layers.LSTM(2)])
    with pytest.raises(ModelFileError, match="mask_zero is not supported"):
        jaxviz.from_keras(looked_up)


def test_files_before_keras_3_do_not_describe_the_layer_that_reads_backward(tmp_path):
    model = keras.Sequential([layers.Input((4, 2)), layers.Bidirectional(layers.SimpleRNN(2), name="both")])
    config = json.loads(model.to_json())
    del config["config"]["layers"][1]["config"]["backward_layer"]
    model.save_weights(tmp_path / "both.weights.h5")
    ours = jaxviz.keras.load(tmp_path / "both.weights.h5", architecture=config)
    images = np.random.default_rng(0).uniform(size=(2, 4, 2)).astype(np.float32)
    np.testing.assert_allclose(ours(images)["both"], model(images), atol=1e-6)
