"""Files that must be refused, with one line that names the layer or part at fault."""

import json
import os
import zipfile

import h5py
import numpy as np
import pytest

import jaxviz
from jaxviz.keras.config import parsing as configs
from jaxviz.values.errors import ModelFileError


@pytest.fixture
def file(tmp_path):
    """A small valid model file, open for damage."""
    path = tmp_path / "model.h5"
    conv = {"name": "conv", "filters": 2, "kernel_size": [3, 3], "batch_input_shape": [None, 6, 6, 1]}
    dense = {"name": "dense", "units": 3, "activation": "softmax"}
    entries = [
        {"class_name": "Conv2D", "config": conv},
        {"class_name": "Flatten", "config": {"name": "flat"}},
        {"class_name": "Dense", "config": dense},
    ]
    arrays = {
        "conv": {"conv/kernel:0": np.ones((3, 3, 1, 2)), "conv/bias:0": np.zeros(2)},
        "dense": {"dense/kernel:0": np.ones((32, 3)), "dense/bias:0": np.zeros(3)},
    }
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": entries}})
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"conv", b"flat", b"dense"]
        for layer in ("conv", "flat", "dense"):
            group = weights.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in arrays.get(layer, {})]
            for name, array in arrays.get(layer, {}).items():
                group[name] = array.astype(np.float32)
    return path


def damage(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def reconfigure(path, change):
    def edit(file):
        config = json.loads(file.attrs["model_config"])
        change(config, [entry["config"] for entry in config["config"]["layers"]])
        file.attrs["model_config"] = json.dumps(config)

    damage(path, edit)


def refusal(path) -> str:
    with pytest.raises(ModelFileError) as error:
        jaxviz.keras.load(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_file_is_valid_before_it_is_damaged(file):
    model = jaxviz.keras.load(file)
    np.testing.assert_allclose(model(np.ones((1, 6, 6, 1)))["conv"], np.full((1, 4, 4, 2), 9.0))


def test_missing(tmp_path):
    assert refusal(tmp_path / "none.h5") == f"no such file: {tmp_path / 'none.h5'}"


def test_not_hdf5(tmp_path):
    (tmp_path / "page.h5").write_text("<html>")
    assert "page.h5 is not HDF5 but a web page or other markup; give a file that Keras saved" in refusal(
        tmp_path / "page.h5"
    )


def test_truncated(file):
    os.truncate(file, os.path.getsize(file) // 2)
    assert "is damaged: " in refusal(file)


def test_weights_alone(file):
    damage(file, lambda f: f.attrs.__delitem__("model_config"))
    assert "holds weights but no architecture; give one as architecture=" in refusal(file)


def test_architecture_that_is_not_json(file):
    damage(file, lambda f: f.attrs.__setitem__("model_config", "{"))
    assert "its model_config is not JSON" in refusal(file)


@pytest.mark.parametrize("config", ["[]", "{}", '{"class_name": "Sequential", "config": {"layers": []}}', "3"])
def test_architecture_that_is_none(file, config):
    damage(file, lambda f: f.attrs.__setitem__("model_config", config))
    assert "model.h5" in refusal(file)


def test_nan_is_named_by_layer(file):
    damage(file, lambda f: f["model_weights/dense/dense/kernel:0"].__setitem__((0, 0), np.nan))
    assert "'model_weights/dense/dense/kernel:0' holds 1 values that are NaN or infinite" in refusal(file)


def test_all_misfits_are_listed(file):
    def change(f):
        del f["model_weights/conv/conv/bias:0"]
        f["model_weights/conv/conv/bias:0"] = np.zeros(5, np.float32)
        f["model_weights/dense"].attrs["weight_names"] = [b"dense/kernel:0"]

    damage(file, change)
    message = refusal(file)
    assert "layer 'conv': bias is (5,), not (2,)" in message
    assert "layer 'dense' lacks its bias (3,)" in message


def test_an_unknown_weight_is_refused(file):
    def change(f):
        f["model_weights/conv/conv/extra:0"] = np.zeros(2, np.float32)
        names = [b"conv/kernel:0", b"conv/bias:0", b"conv/extra:0"]
        f["model_weights/conv"].attrs["weight_names"] = names

    damage(file, change)
    assert "layer 'conv' has no place for 'conv/extra:0' (2,)" in refusal(file)


def test_unknown_layers_are_refused_by_name(file):
    reconfigure(file, lambda config, _: config["config"]["layers"][1].__setitem__("class_name", "Capsule"))
    assert (
        "layer 'flat' is a Capsule, which is not supported; give what it computes: custom={'Capsule': module}"
        in refusal(file)
    )
    assert len(refusal(file)) < 250  # the classes that are supported are not listed


def test_all_that_must_be_given_is_named_at_once(file):
    def change(config, layers):
        code = ["4wEAAAA=", None, None]
        for number in range(2):
            layer = {"class_name": "Lambda", "config": {"name": f"cut{number}", "function": code}}
            config["config"]["layers"].insert(1, layer)
        config["config"]["layers"][3]["class_name"] = "Capsule"
        layers[2]["activation"] = "l1_distance"

    reconfigure(file, change)
    assert refusal(file) == (
        "layer 'cut1' (Lambda): it holds Python code, which is not run; give what it computes: "
        "custom={'cut1': function}, or custom={'Lambda': function} for every Lambda, called with the activations of "
        "one image: (4, 4, 2); so must be given 'cut0' (Lambda), 'flat' (Capsule), 'dense' (l1_distance)"
    )
    custom = {"Lambda": lambda x: 2 * x, "Capsule": lambda x: x.reshape(-1), "l1_distance": abs}
    model = jaxviz.keras.load(file, custom=custom)
    image = np.full((6, 6, 1), -1, np.float32)
    np.testing.assert_allclose(model(image[None])["dense"], np.full((1, 3), 4 * 9 * 32))


def test_what_no_layer_is_for_is_refused(file):
    custom = {"conv1": abs, "flat": np.ravel, "Lambda": abs}
    message = "custom has 'conv1', 'Lambda', but no layer, class or function of this network has these names; did you "
    message += "mean 'conv'?"
    with pytest.raises(ModelFileError) as error:
        jaxviz.keras.load(file, custom=custom)
    assert str(error.value) == message
    with pytest.raises(ModelFileError, match="custom has 'softmax', but no layer, class or function"):
        jaxviz.keras.load(file, custom={"softmax": abs})  # a function of Keras's own


def test_a_named_function_is_given_by_its_name(file):
    reconfigure(file, lambda _, layers: layers[0].__setitem__("activation", "l1_distance"))
    assert refusal(file) == (
        "layer 'conv' (Conv2D): unknown activation 'l1_distance'; give it: custom={'l1_distance': function}, called "
        "with the array of one image"
    )
    model = jaxviz.keras.load(file, custom={"l1_distance": abs})
    np.testing.assert_allclose(model(np.full((1, 6, 6, 1), -1, np.float32))["conv"], np.full((1, 4, 4, 2), 9))
    named = {"name": "flat", "function": "mirror", "function_type": "function", "module": "theirs"}
    reconfigure(file, lambda config, _: config["config"]["layers"][1].update(class_name="Lambda", config=named))
    assert refusal(file).endswith("; so must be given 'flat' (mirror)")
    with pytest.raises(
        ModelFileError, match=r"layer 'flat' \(Lambda\): it names the function 'mirror', which is not run"
    ):
        jaxviz.keras.load(file, custom={"l1_distance": abs})


@pytest.mark.parametrize(
    ("layer", "setting", "value", "message"),
    [
        (0, "padding", "causal", "layer 'conv' (Conv2D): padding 'causal' is not supported; valid and same are"),
        (0, "filters", -2, "layer 'conv' (Conv2D): filters is -2, not a positive whole number"),
        (0, "filters", 10**12, "layer 'conv' (Conv2D): filters is 1000000000000"),
        (0, "kernel_size", [3], "layer 'conv' (Conv2D): kernel_size is [3], not two positive whole numbers"),
        (0, "kernel_size", [9, 9], "layer 'conv' does not fit what it is given"),
        (0, "use_bias", "false", "layer 'conv' (Conv2D): use_bias is 'false', neither true nor false"),
        (1, "name", "dense/preactivation", "is reserved"),
        (1, "name", "", "has a layer without a name"),
        (0, "activation", "snake", "layer 'conv' (Conv2D): unknown activation 'snake'"),
        (0, "data_format", "sideways", "layer 'conv' (Conv2D): data_format is 'sideways'"),
        (0, "batch_input_shape", [None, None, None, 1], "(224, 224, 1) was taken; give input_shape"),
        (0, "batch_input_shape", None, "(224, 224, 1) was taken; give input_shape"),
        (
            0,
            "batch_input_shape",
            [None, 0, 6, 1],
            "shape [None, 0, 6, 1]; lengths of 1 to 65535 are needed",
        ),
        (2, "units", None, "layer 'dense' (Dense): its setting 'units' is missing"),
        (2, "name", "conv", "two layers called conv"),
    ],
)
def test_settings_out_of_range(file, layer, setting, value, message):
    reconfigure(file, lambda _, settings: settings[layer].__setitem__(setting, value))
    assert message in refusal(file)


@pytest.mark.parametrize("config", [[1], None, 3])
def test_settings_that_are_none(file, config):
    reconfigure(file, lambda whole, _: whole["config"]["layers"][1].__setitem__("config", config))
    assert "a layer's 'config' is no table of settings" in refusal(file)


@pytest.mark.parametrize("padding", [1.5, [None, 1], [["a", "b"], [1, 1]], [1, 2, 3]])
def test_padding_that_is_none(file, padding):
    def change(config, _):
        config["config"]["layers"][1] = {"class_name": "ZeroPadding2D", "config": {"name": "pad", "padding": padding}}

    reconfigure(file, change)
    assert "layer 'pad' (ZeroPadding2D): padding is" in refusal(file)


def test_line_breaks_in_names_do_not_break_the_message(file):
    reconfigure(file, lambda config, _: config["config"]["layers"][1].__setitem__("class_name", "Two\nlines"))
    assert "layer 'flat' is a Two lines" in refusal(file)


@pytest.mark.parametrize("names", [7, h5py.Empty("f4"), [b"\xff\xfe"]])
def test_lists_of_names_that_are_none(file, names):
    damage(file, lambda f: f["model_weights"].attrs.__setitem__("layer_names", names))
    assert "model.h5" in refusal(file)


def test_a_weight_that_is_empty(file):
    def change(f):
        del f["model_weights/conv/conv/bias:0"]
        f["model_weights/conv/conv/bias:0"] = h5py.Empty("f4")

    damage(file, change)
    assert "'model_weights/conv/conv/bias:0' is empty" in refusal(file)


def test_a_layer_called_input(file):
    reconfigure(file, lambda _, settings: settings[1].__setitem__("name", "input"))
    damage(file, lambda f: f["model_weights"].attrs.__setitem__("layer_names", [b"conv", b"dense"]))
    assert [layer.name for layer in jaxviz.keras.load(file).layers] == ["conv", "input", "dense"]


def test_models_without_a_graph_are_refused(file):
    reconfigure(file, lambda config, _: config.__setitem__("class_name", "MyModel"))
    assert "holds a MyModel; a Sequential or functional model is needed" in refusal(file)


def test_links_to_elsewhere_are_not_followed(file, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.ones((3, 3, 1, 2), np.float32)

    def change(f):
        del f["model_weights/conv/conv/kernel:0"]
        f["model_weights/conv/conv/kernel:0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "secret")

    damage(file, change)
    assert "'model_weights/conv/conv/kernel:0' is a link to elsewhere, which is not followed" in refusal(file)


def test_external_storage_is_not_followed(file, tmp_path):
    (tmp_path / "raw").write_bytes(bytes(72))

    def change(f):
        del f["model_weights/conv/conv/kernel:0"]
        f.create_dataset(
            "model_weights/conv/conv/kernel:0", (3, 3, 1, 2), "f4", external=[(str(tmp_path / "raw"), 0, 72)]
        )

    damage(file, change)
    assert "'model_weights/conv/conv/kernel:0' stores its numbers in another file, which is not read" in refusal(file)


def test_bombs_are_not_unpacked(file):
    def change(f):
        del f["model_weights/conv/conv/kernel:0"]
        f.create_dataset("model_weights/conv/conv/kernel:0", (1 << 20, 1 << 16), "f4", chunks=(1 << 10, 1 << 10))

    damage(file, change)
    assert "'model_weights/conv/conv/kernel:0' claims 274,877,906,944 bytes and stores 0" in refusal(file)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("model.h5", b"", "is not HDF5 but empty"),
        ("model.h5", b"random", "is not HDF5; give a file that Keras saved"),
        (
            "model.h5",
            b"version https://git-lfs.github.com/spec/v1\n",
            "is not HDF5 but a Git LFS pointer; fetch the file",
        ),
        (
            "model.pkl",
            b"\x80\x04\x95",
            "is not HDF5 but a pickle, as PyTorch and joblib write; unpacking one runs code",
        ),
        ("model.pt", b"\x80\x02\x8a", "is not HDF5 but a pickle"),
        ("model.h5.gz", b"\x1f\x8b\x08", "is not HDF5 but gzip; unpack it first"),
        ("model.tflite", b"\x1c\0\0\0TFL3", "is not HDF5 but TensorFlow Lite"),
        ("model", b"\x1c\0\0\0TFL3", "is not HDF5 but TensorFlow Lite"),
        ("model.onnx", b"\x08\x07\x12", "is not HDF5 but ONNX"),
        ("saved_model.pb", b"\x08\x01", "is not HDF5 but a TensorFlow graph"),
        ("model.json", b' {"class_name": "Sequential"}', "is not HDF5 but JSON; it may be an architecture"),
    ],
)
def test_other_kinds_of_file(name, data, message, tmp_path):
    (tmp_path / name).write_bytes(data)
    assert refusal(tmp_path / name).startswith(f"{tmp_path / name} {message}")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["archive/data.pkl", "archive/version"], "is a PyTorch file"),
        (["x.npy", "y.npy"], "is NumPy arrays (.npz)"),
        (["model/saved_model.pb"], "is a zipped TensorFlow SavedModel"),
        (["readme"], "is a zip archive without a config.json"),
        (["config.json", "model.weights.npz"], "holds no model.weights.h5"),
    ],
)
def test_other_kinds_of_archive(entries, message, tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name in entries:
            archive.writestr(name, "{}")
    assert message in refusal(path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "is a directory without an HDF5 file of weights and a JSON file of an architecture"),
        (["saved_model.pb", "variables"], "is a TensorFlow SavedModel; load it in TensorFlow and save it as"),
        (["checkpoint", "ckpt.index"], "is a TensorFlow checkpoint"),
        (["_CHECKPOINT_METADATA"], "is an Orbax checkpoint; load the model first"),
        (["model.json", "group1-shard1of1.bin"], "is a TensorFlow.js model"),
    ],
)
def test_other_kinds_of_directory(names, message, tmp_path):
    for name in names:
        (tmp_path / name).touch()
    assert message in refusal(tmp_path)


def test_a_directory_whose_parts_are_no_files(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.weights.h5").mkdir()
    assert "model.weights.h5 is no file" in refusal(tmp_path)
    os.rmdir(tmp_path / "model.weights.h5")
    os.mkfifo(tmp_path / "model.weights.h5")  # a reader of it would wait
    assert "model.weights.h5 is no file" in refusal(tmp_path)


def test_any_extension_and_a_user_block(file, tmp_path):
    (tmp_path / "model").write_bytes(file.read_bytes())
    assert len(jaxviz.keras.load(tmp_path / "model").layers) == 3
    with h5py.File(tmp_path / "block.h5", "w", userblock_size=1024) as target, h5py.File(file) as source:
        for name in source:
            source.copy(name, target)
        target.attrs.update(source.attrs)
    assert len(jaxviz.keras.load(tmp_path / "block.h5").layers) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "is not JSON"),
        ('{"a":' * 500 + "1" + "}" * 500, "is nested more than 200 deep"),
        ('{"a": "\\ud800"}', r"holds text that cannot be written: '\ud800'"),
        ('{"a": [' + "0," * 2_000_000 + "0]}", "has more than 2,000,000 values"),
        ("[1, 2]", "describes no model"),
    ],
)
def test_architectures_out_of_bounds(text, message):
    with pytest.raises(ModelFileError) as error:
        configs.parse(text, "here")
    assert str(error.value) == f"here {message}"


def test_an_architecture_encoded_twice():
    assert configs.parse(json.dumps(json.dumps({"class_name": "Sequential"})), "here") == {"class_name": "Sequential"}
    assert configs.parse(b'\xef\xbb\xbf{"a": 1}', "here") == {"a": 1}


def test_an_architecture_that_holds_none(file, tmp_path):
    damage(file, lambda f: f.attrs.__delitem__("model_config"))
    with pytest.raises(
        ModelFileError, match="holds no architecture either; give a Keras JSON or a file of a whole model"
    ):
        jaxviz.keras.load(file, architecture=file)
    with pytest.raises(ModelFileError, match="no such file: nowhere"):
        jaxviz.keras.load(file, architecture="nowhere")


def test_hdf5_that_keras_did_not_write(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as other:
        other["x_train"] = np.zeros(3)
    assert "data.h5 is HDF5 but holds no weights that Keras wrote" in refusal(tmp_path / "data.h5")
