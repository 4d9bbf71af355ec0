"""The architecture formats of every Keras version, and other people's files in all of them."""

import json

import jax
import numpy as np
import pytest
from conftest import OTHERS, relative_difference

import jaxviz
from jaxviz.keras.assembly.conversion import convert
from jaxviz.keras.config.dialects import canonical
from jaxviz.keras.config.inbound import Reference, read_node
from jaxviz.keras.files import read
from jaxviz.keras.weights.stored import NamedWeights, StoredModel
from jaxviz.values.errors import ModelFileError

BOUND = 1e-5  # of the layer's largest output


def entry(kind, name, *inbound, **settings):
    return {"class_name": kind, "name": name, "config": {"name": name, **settings}, "inbound_nodes": list(inbound)}


def stored(config, arrays=None, version="2.3.1", backend="tensorflow"):
    arrays = {
        layer: {name: np.asarray(array, np.float32) for name, array in here.items()}
        for layer, here in (arrays or {}).items()
    }
    weights = NamedWeights(layers=arrays, backend=backend, keras_version=version)
    return StoredModel(path="file", config=config, weights=weights, backend=backend, keras_version=version)


def functional(*entries, inputs, outputs, kind="Functional"):
    return {
        "class_name": kind,
        "config": {"name": "model", "layers": list(entries), "input_layers": inputs, "output_layers": outputs},
    }


def answer(model, image):
    image = np.asarray(image, np.float32)
    names = [layer.name for layer in model.layers]
    return {
        name: np.asarray(array)
        for name, array in model.ask(
            jax.numpy.asarray(image), lambda asked: {name: asked[name] for name in names}
        ).items()
    }


INPUT = entry("InputLayer", "image", batch_input_shape=[None, 2, 2, 1])


@pytest.mark.parametrize(
    ("node", "arguments", "keywords"),
    [
        ([["a", 0, 0]], (Reference("a", 0, 0),), {}),  # Keras 1
        ([["a", 0, 0, {}]], (Reference("a", 0, 0),), {}),
        ([["a", 0, 0, {}], ["b", 1, 2, {}]], ([Reference("a", 0, 0), Reference("b", 1, 2)],), {}),
        (
            ["a", 0, 0, {"y": ["b", 0, 0], "name": None}],
            (Reference("a", 0, 0),),
            {"y": Reference("b", 0, 0), "name": None},
        ),
        ([["a", 0, 0, {"y": 2.0}]], (Reference("a", 0, 0),), {"y": 2.0}),
        (["_CONSTANT_VALUE", -1, 3.0, {"y": ["a", 0, 0]}], (3.0,), {"y": Reference("a", 0, 0)}),
        (
            {"args": [[{"class_name": "__keras_tensor__", "config": {"keras_history": ["a", 0, 1]}}, 2]], "kwargs": {}},
            ([Reference("a", 0, 1), 2],),
            {},
        ),
        (
            {
                "args": [{"class_name": "__slice__", "config": {"start": 1, "stop": None, "step": 2}}],
                "kwargs": {"z": 1},
            },
            (slice(1, None, 2),),
            {"z": 1},
        ),
    ],
    ids=str,
)
def test_inbound_nodes(node, arguments, keywords):
    assert read_node(node, {"a": 0, "b": 0}) == (arguments, keywords)


@pytest.mark.parametrize("node", [3, None, "a", {"args": 3}, [["a", 0, 0, {}], 7]])
def test_inbound_nodes_that_are_none(node):
    with pytest.raises(ValueError, match=r"its arguments are no list|an argument of it"):
        read_node(node, {"a": 0})


@pytest.mark.parametrize("first_call", [0, 1])
def test_a_model_inside_counts_its_making_or_not(first_call):
    """Keras 2 counts the call by which a model was made, Keras 3 does not."""
    inner = functional(
        entry("InputLayer", "inside", batch_input_shape=[None, 2, 2, 1]),
        entry("ZeroPadding2D", "pad", [["inside", 0, 0, {}]], padding=1),
        inputs=[["inside", 0, 0]],
        outputs=[["pad", 0, 0]],
    )["config"]
    outer = functional(
        INPUT,
        {**entry("Model", "inner", [["image", 0, 0, {}]], [["half", 0, 0, {}]]), "config": inner},
        entry("AveragePooling2D", "half", [["inner", first_call, 0, {}]]),
        entry("Flatten", "flat", [["inner", first_call + 1, 0, {}]]),
        inputs=[["image", 0, 0]],
        outputs=[["flat", 0, 0]],
        kind="Model",
    )
    model = convert(stored(outer))
    assert [layer.name for layer in model.layers] == ["inner/pad", "inner", "half", "inner/pad/1", "inner/1", "flat"]
    assert answer(model, [[[4], [8]], [[0], [0]]])["flat"].sum() == 3.0


def test_functions_of_tensorflow():
    """A hard swish as MobileNetV3 of tf.keras 2.4 has it."""
    config = functional(
        INPUT,
        entry(
            "TFOpLambda",
            "tf.__operators__.add",
            ["image", 0, 0, {"y": 3.0, "name": None}],
            function="__operators__.add",
        ),
        entry("ReLU", "re_lu", [["tf.__operators__.add", 0, 0, {}]], max_value=6.0),
        entry("TFOpLambda", "tf.math.multiply", ["re_lu", 0, 0, {"y": 1 / 6, "name": None}], function="math.multiply"),
        entry("Multiply", "multiply", [["image", 0, 0, {}], ["tf.math.multiply", 0, 0, {}]]),
        entry("TFOpLambda", "tf.nn.relu6", ["multiply", 0, 0, {}], function="nn.relu6"),
        entry(
            "SlicingOpLambda",
            "cut",
            [
                "tf.nn.relu6",
                0,
                0,
                {"slice_spec": [dict.fromkeys(("start", "stop", "step")), {"start": 1, "stop": None, "step": None}]},
            ],
            function="__operators__.getitem",
        ),
        inputs=[["image", 0, 0]],
        outputs=[["cut", 0, 0]],
    )
    model = convert(stored(config, version="2.4.0"))
    image = np.array([[[-4.0], [-1]], [[2], [9]]])
    np.testing.assert_allclose(answer(model, image)["cut"], np.clip(jax.nn.hard_silu(image), 0, 6)[1:], atol=1e-6)
    assert model.layers[-1].output_shape == (1, 2, 1)


def test_unknown_functions_of_tensorflow_are_refused_at_once():
    config = functional(
        INPUT,
        entry("TFOpLambda", "tf.io.read_file", ["image", 0, 0, {}], function="io.read_file"),
        entry("Capsule", "capsule", [["tf.io.read_file", 0, 0, {}]]),
        entry("TFOpLambda", "tf.math.cumsum_1", ["capsule", 0, 0, {}], function="math.cumsum"),
        inputs=[["image", 0, 0]],
        outputs=[["tf.math.cumsum_1", 0, 0]],
    )
    with pytest.raises(ModelFileError) as error:
        convert(stored(config))
    assert str(error.value) == (
        "layer 'tf.io.read_file' (TFOpLambda): tf.io.read_file is not supported; give what it computes: "
        "custom={'tf.io.read_file': function}, called with the activations of one image: (2, 2, 1); so must be given "
        "'capsule' (Capsule), 'tf.math.cumsum_1' (TFOpLambda)"
    )


@pytest.mark.parametrize(
    ("entries", "outputs", "message"),
    [
        (
            [entry("ReLU", "a", [["b", 0, 0, {}]]), entry("ReLU", "b", [["a", 0, 0, {}]])],
            [["a", 0, 0]],
            "a, b cannot be computed",
        ),
        ([entry("ReLU", "a", [["gone", 0, 0, {}]])], [["a", 0, 0]], "a cannot be computed"),
        ([entry("ReLU", "a", [["image", 0, 3, {}]])], [["a", 0, 0]], "output 3 of call 0 of layer 'image' is read"),
        ([entry("ReLU", "a", [["image", 0, 0, {}]])], [["a", 4, 0]], "output 0 of call 4 of layer 'a' is read"),
        ([entry("ReLU", "a", [["image", 0, 0, {}]], 7)], [["a", 0, 0]], "layer 'a': an argument of it is '7'"),
        (
            [entry("ReLU", "a", [["image", 0, 0, {}], ["image", 0, 0, {}]])],
            [["a", 0, 0]],
            "called with 2 activations and takes one",
        ),
        (
            [entry("Add", "a", [["image", 0, 0, {}]]), entry("Concatenate", "b", [["a", 0, 0, {}]], axis=7)],
            [["b", 0, 0]],
            "axis is 7",
        ),
    ],
)
def test_graphs_that_are_none(entries, outputs, message):
    with pytest.raises(ModelFileError, match=message) as error:
        convert(stored(functional(INPUT, *entries, inputs=[["image", 0, 0]], outputs=outputs)))
    assert "\n" not in str(error.value)


def test_models_nested_too_deep_are_refused():
    config = {"class_name": "Sequential", "config": {"layers": [entry("ReLU", "relu", batch_input_shape=[None, 2])]}}
    for _ in range(40):
        config = {"class_name": "Sequential", "config": {"layers": [{**config, "name": "m"}]}}
    with pytest.raises(ModelFileError, match="models are nested more than 30 deep"):
        canonical(config, "2.3.0", "file")


def test_models_that_call_each_other_a_million_times_are_refused():
    config = [entry("ReLU", "relu", batch_input_shape=[None, 2])]
    for _ in range(20):
        config = [{"class_name": "Sequential", "config": {"name": name, "layers": config}} for name in ("a", "b")]
    with pytest.raises(ModelFileError, match="has more than 5,000 calls of layers"):
        canonical({"class_name": "Sequential", "config": {"layers": config}}, "2.3.0", "file")


def test_the_classes_that_keras_applications_define():
    image = entry("InputLayer", "image", batch_input_shape=[None, 2])
    config = functional(
        image,
        entry("LayerScale", "scale", [["image", 0, 0, {}]], projection_dim=2, init_values=1.0),
        entry("StochasticDepth", "depth", [["scale", 0, 0, {}]], drop_path_rate=0.5),
        entry("CustomScaleLayer", "sum", [["image", 0, 0, {}], ["depth", 0, 0, {}]], scale=0.5),
        inputs=[["image", 0, 0]],
        outputs=[["sum", 0, 0]],
    )
    model = convert(stored(config, {"scale": {"scale/gamma:0": [4, 6]}}, version="2.10.0"))
    np.testing.assert_allclose(answer(model, [1.0, 2.0])["sum"], [3.0, 8.0])


def keras_1(layout, activation="hard_sigmoid"):
    """A network in the format of Keras 1: a convolution of Theano's or TensorFlow's layout, and a dense layer."""
    shape = [None, 2, 5, 4] if layout == "th" else [None, 5, 4, 2]
    return {
        "class_name": "Sequential",
        "config": [
            {
                "class_name": "Convolution2D",
                "config": {
                    "name": "conv",
                    "nb_filter": 3,
                    "nb_row": 3,
                    "nb_col": 2,
                    "border_mode": "valid",
                    "subsample": [1, 2],
                    "dim_ordering": layout,
                    "activation": activation,
                    "batch_input_shape": shape,
                    "bias": True,
                },
            },
            {
                "class_name": "BatchNormalization",
                "config": {"name": "norm", "axis": 1 if layout == "th" else 3, "mode": 0, "epsilon": 1e-5},
            },
            {
                "class_name": "MaxPooling2D",
                "config": {
                    "name": "pool",
                    "pool_size": [3, 1],
                    "strides": [1, 1],
                    "border_mode": "same",
                    "dim_ordering": layout,
                },
            },
            {"class_name": "Flatten", "config": {"name": "flat"}},
            {
                "class_name": "Dense",
                "config": {"name": "dense", "output_dim": 2, "activation": "linear", "input_dim": 18},
            },
        ],
    }


@pytest.mark.parametrize("suffix", ["", ":0"])  # Theano's, TensorFlow's
@pytest.mark.parametrize("layout", ["th", "tf"])
def test_keras_1(layout, suffix):
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 2, 2, 3))
    dense, bias = rng.normal(size=(18, 2)), rng.normal(size=3)
    kept = kernel if suffix else kernel[::-1, ::-1]  # Theano's convolution flips the kernel once more
    arrays = {
        "conv": {f"conv_W{suffix}": kept.transpose(3, 2, 0, 1) if layout == "th" else kept, f"conv_b{suffix}": bias},
        "norm": {
            f"norm_gamma{suffix}": [1, 2, 3],
            f"norm_beta{suffix}": [4, 5, 6],
            f"norm_running_mean{suffix}": [0.1, 0.2, 0.3],
            f"norm_running_std{suffix}": [1, 4, 9],
        },
        "dense": {f"dense_W{suffix}": dense, f"dense_b{suffix}": [0, 1]},
    }
    model = convert(stored(keras_1(layout), arrays, "1.1.0", ""))
    image = rng.normal(size=(5, 4, 2))
    given = image.transpose(2, 0, 1) if layout == "th" else image
    found = answer(model, given)
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 2), (0, 1))[:, ::2]  # [3, 2, channels, 3, 2]
    conv = np.einsum("yxcij,ijcf->yxf", windows, kernel) + bias
    conv = np.clip(0.2 * conv + 0.5, 0, 1)  # as hard_sigmoid was then
    norm = (conv - [0.1, 0.2, 0.3]) / np.sqrt(np.array([1, 4, 9]) + 1e-5) * [1, 2, 3] + [4, 5, 6]
    pool = np.stack([norm[:2].max(0), norm.max(0), norm[1:].max(0)])
    ours = {
        name: array.transpose(1, 2, 0) if layout == "th" and array.ndim == 3 else array for name, array in found.items()
    }
    assert relative_difference(ours["conv"], conv) < BOUND
    assert relative_difference(ours["norm"], norm) < BOUND
    assert relative_difference(ours["pool"], pool) < BOUND
    flat = (pool.transpose(2, 0, 1) if layout == "th" else pool).reshape(-1)  # unchanged, for either layout
    assert relative_difference(ours["dense"], flat @ dense + [0, 1]) < BOUND


@pytest.mark.parametrize(("mode", "expected"), [("sum", 5), ("mul", 6), ("max", 3), ("ave", 2.5), ("concat", (2, 3))])
def test_keras_1_merges(mode, expected):
    config = functional(
        entry("InputLayer", "image", batch_input_shape=[None, 1]),
        entry("Activation", "a", [["image", 0, 0]], activation="linear"),
        entry("Dense", "b", [["image", 0, 0]], output_dim=1, activation="linear", bias=False),
        entry("Merge", "merged", [["a", 0, 0], ["b", 0, 0]], mode=mode, concat_axis=-1),
        inputs=[["image", 0, 0]],
        outputs=[["merged", 0, 0]],
        kind="Model",
    )
    model = convert(stored(config, {"b": {"b_W:0": [[1.5]]}}, "1.2.0", ""))
    np.testing.assert_allclose(answer(model, [2.0])["merged"], np.atleast_1d(expected))


def test_keras_1_modes_that_are_code_are_refused():
    config = functional(
        INPUT,
        entry("Merge", "merged", [["image", 0, 0], ["image", 0, 0]], mode="raw_lambda: x"),
        inputs=[["image", 0, 0]],
        outputs=[["merged", 0, 0]],
        kind="Model",
    )
    with pytest.raises(ModelFileError, match="layer 'merged' is a Merge, which is not supported; give"):
        convert(stored(config, version="1.2.0"))


@pytest.mark.parametrize("mode", [1, 2])
def test_keras_1_modes_of_normalization_that_look_at_the_batch_are_refused(mode):
    config = keras_1("tf")
    config["config"][1]["config"]["mode"] = mode
    with pytest.raises(ModelFileError, match=rf"layer 'norm' \(BatchNormalization\): mode {mode} is not supported"):
        convert(stored(config, {}, "1.1.0"))


@pytest.mark.parametrize("said", [{}, {"batch_input_shape": [None, None, None, None]}])
def test_a_sequential_model_that_says_nothing_of_its_input(said):
    """Keras 2 wrote it so when the first call told the shape; the kernel tells the channels."""
    layers = [
        entry("Conv2D", "conv", filters=2, kernel_size=[3, 3], **said),
        entry("GlobalAveragePooling2D", "mean"),
        entry("Dense", "dense", units=1),
    ]
    arrays = {
        "conv": {"conv/kernel:0": np.ones((3, 3, 5, 2)), "conv/bias:0": [0, 0]},
        "dense": {"dense/kernel:0": [[1], [1]], "dense/bias:0": [0]},
    }
    model = convert(stored({"class_name": "Sequential", "config": layers}, arrays))
    assert model.canvas.shape == (224, 224, 5)
    assert convert(
        stored({"class_name": "Sequential", "config": layers}, arrays), input_shape=(9, 8, 5)
    ).canvas.shape == (9, 8, 5)


def expected_of(name):
    path = OTHERS / name
    if not path.exists():
        pytest.skip("other people's files are not here")
    expected = {}
    if (OTHERS / f"{name}.expected.npz").exists():
        with np.load(OTHERS / f"{name}.expected.npz") as arrays:
            expected = dict(arrays)
    return path, expected


@pytest.mark.parametrize(
    "name",
    [
        "deepconcolic_mnist_complicated.h5",
        "devanagari_cnn.hdf5",
        "keras3_mnist_3.3.h5",
        "keras3_mnist_3.9.h5",
        "lenet5_channels_first_99.14.h5",
        "mini_xception_kdef.hdf5",
        "tf_keras_mixed.h5",
        "tf_keras_mixed.keras",
    ],
)
def test_other_peoples_files(name):
    path, expected = expected_of(name)
    compare_with_stored(jaxviz.keras.load(path), expected)


def compare_with_stored(model, expected):
    names = [layer.name for layer in model.layers]
    question = lambda asked: {name: asked[name] for name in names}  # noqa: E731
    found = jax.jit(jax.vmap(lambda image: model.ask(image, question)))(expected["input_0"])
    assert relative_difference(found[model.output], expected["output_0"]) < BOUND
    compared = set()
    for key, array in expected.items():
        kind, _, name = key.partition("/")
        if kind == "layer" and name in found:
            assert relative_difference(found[name], array) < BOUND, key
            compared.add(name)
        if kind == "stat" and name in found:
            ours = np.asarray(found[name])
            figures = np.array([ours.mean(), ours.std(), ours.min(), ours.max()])
            assert np.abs(figures - array).max() < BOUND * np.abs(ours).max(), key
            compared.add(name)
    told = {key.partition("/")[2] for key in expected if "/" in key}
    assert told - compared <= {layer for layer in told if layer not in names}
    assert compared or not told


def correct(model, digits):
    images = digits[0] if model.canvas.channel_axis == -1 else np.moveaxis(digits[0], -1, 1)
    return (np.asarray(model(images)[model.output]).argmax(axis=-1) == digits[1]).mean()


def test_theano_s_kernels_are_flipped(digits):
    import dataclasses

    path, expected = expected_of("lenet5_theano_98.96.h5")
    assert correct(jaxviz.keras.load(path), digits) > 0.98  # the accuracy is a third with the kernels as stored
    # The stored outputs were computed with the kernels as stored, so these are compared too.
    compare_with_stored(convert(dataclasses.replace(read(path), backend="tensorflow")), expected)


@pytest.mark.parametrize(("name", "least"), [("keras121_mnist.h5", 0.97), ("deepconcolic_mnist_complicated.h5", 0.985)])
def test_digits_are_read_as_well_as_the_manifest_says(name, least, digits):
    assert correct(jaxviz.keras.load(expected_of(name)[0]), digits) > least


def test_keras_1_of_theano_for_other_images():
    model = jaxviz.keras.load(expected_of("keras1_cifar_83.62.h5")[0])
    assert model.canvas.shape == (3, 32, 32)
    assert model.layer(model.output).output_shape == (10,)


CONV = {"kernel_size": 3, "activation": "relu"}
ARCHITECTURES = {
    "keras1_weights_only_99.20.h5": (
        (1, 28, 28),
        [
            ("Conv2D", {**CONV, "filters": 32, "data_format": "channels_first"}),
            ("Conv2D", {**CONV, "filters": 32, "data_format": "channels_first"}),
            ("AveragePooling2D", {"data_format": "channels_first"}),
            ("Flatten", {}),
            ("Dense", {"units": 128, "activation": "relu"}),
            ("Dense", {"units": 10, "activation": "softmax"}),
        ],
    ),
    "lenet1_weights_only.h5": (
        (28, 28, 1),
        [
            ("Conv2D", {"filters": 4, "kernel_size": 5, "padding": "same", "activation": "relu"}),
            ("MaxPooling2D", {}),
            ("Conv2D", {"filters": 12, "kernel_size": 5, "padding": "same", "activation": "relu"}),
            ("MaxPooling2D", {}),
            ("Flatten", {}),
            ("Dense", {"units": 10, "activation": "softmax"}),
        ],
    ),
    "weights_only_tf26.h5": (
        (28, 28, 1),
        [
            ("Conv2D", {**CONV, "filters": 32}),
            ("MaxPooling2D", {}),
            ("Conv2D", {**CONV, "filters": 64}),
            ("MaxPooling2D", {}),
            ("Flatten", {}),
            ("Dense", {"units": 10, "activation": "softmax"}),
        ],
    ),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_alone(name, digits):
    path, _ = expected_of(name)
    shape, layers = ARCHITECTURES[name]
    entries = [
        {"class_name": kind, "config": {"name": f"{kind}_{place}", **settings}}
        for place, (kind, settings) in enumerate(layers)
    ]
    entries[0]["config"]["batch_input_shape"] = [None, *shape]
    model = jaxviz.keras.load(path, architecture=json.dumps({"class_name": "Sequential", "config": entries}))
    assert correct(model, digits) > 0.96


def test_weights_of_a_network_with_the_same_layers():
    path, _ = expected_of("devanagari_weights_only.h5")
    model = jaxviz.keras.load(path, architecture=expected_of("devanagari_cnn.hdf5")[0])
    assert model.layer(model.output).output_shape == (46,)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("not_hdf5.h5", "is not HDF5"),
        ("lenet1_weights_only.h5", "holds weights but no architecture"),
        ("weights_only_tf26.h5", "holds weights but no architecture"),
        ("spiking_layers.h5", "Spike"),
    ],
)
def test_other_peoples_files_that_are_refused(name, message):
    if not OTHERS.exists():
        pytest.skip("other people's files are not here")
    with pytest.raises(ModelFileError, match=message) as refusal:
        jaxviz.keras.load(OTHERS / name)
    assert "\n" not in str(refusal.value)
