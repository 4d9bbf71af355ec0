"""Weights without an architecture: with one from another file, into a model, into a Flax module."""

import json
import shutil

import flax.linen as nn
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from conftest import OTHERS, relative_difference
from keras import layers

import jaxviz
from jaxviz.values.errors import ModelFileError


@pytest.fixture(scope="module")
def network():
    model = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Conv2D(4, 3, activation="relu", name="second"),
            layers.Flatten(name="flat"),
            layers.Dense(4, name="hidden"),
            layers.Dense(4, name="classes"),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 1, weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture(scope="module", params=["model.h5", "model.keras", "model.weights.h5"])
def file(request, network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / request.param
    (network.save_weights if "weights" in request.param else network.save)(path)
    return path


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(1).uniform(size=(1, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def expected(network, image):
    return np.asarray(network(image))


@pytest.mark.parametrize("form", ["mapping", "json", "json file", "model file"])
def test_an_architecture_from_elsewhere(form, network, image, expected, tmp_path):
    network.save_weights(tmp_path / "alone.weights.h5")
    text = network.to_json()
    (tmp_path / "architecture.json").write_text(text)
    network.save(tmp_path / "whole.keras")
    given = {
        "mapping": json.loads(text),
        "json": text,
        "json file": tmp_path / "architecture.json",
        "model file": str(tmp_path / "whole.keras"),
    }
    model = jaxviz.keras.load(tmp_path / "alone.weights.h5", architecture=given[form])
    assert relative_difference(model(image)["classes"], expected) < 1e-5


def test_a_directory_of_json_and_weights(network, image, expected, tmp_path):
    network.save(tmp_path / "whole.keras")
    network.save_weights(tmp_path / "model.weights.h5")
    for name in ("config.json", "model.json"):
        directory = tmp_path / name.partition(".")[0]
        directory.mkdir()
        (directory / name).write_text(network.to_json())
        (directory / "model.weights.h5").write_bytes((tmp_path / "model.weights.h5").read_bytes())
        assert relative_difference(jaxviz.keras.load(directory)(image)["classes"], expected) < 1e-5


@pytest.mark.parametrize(
    ("config", "weights"), [("model.json", "model.hdf"), ("net.json", "net.hdf5"), ("config", "checkpoint")]
)
def test_a_directory_s_files_have_any_names(config, weights, network, image, expected, tmp_path):
    network.save_weights(tmp_path / "model.weights.h5")
    directory = tmp_path / "network"
    directory.mkdir()
    (directory / "classes.json").write_text('{"0": "cat"}')
    (directory / "README").touch()
    (directory / config).write_text(network.to_json())
    (tmp_path / "model.weights.h5").rename(directory / weights)
    assert relative_difference(jaxviz.keras.load(directory)(image)["classes"], expected) < 1e-5
    shutil.copy(directory / weights, directory / "other.h5")
    with pytest.raises(ModelFileError, match=r"network has 2 HDF5 files: .*other\.h5; give the weights, and "):
        jaxviz.keras.load(directory)


def test_into_a_model(file, network, image, expected, tmp_path):
    other = keras.models.clone_model(network)
    other.save(tmp_path / "other.keras")
    model = jaxviz.keras.load(tmp_path / "other.keras")
    assert relative_difference(model(image)["classes"], expected) > 0.1
    filled = jaxviz.keras.load_weights(file, into=model)
    assert relative_difference(filled(image)["classes"], expected) < 1e-5
    assert filled.layers == model.layers


class Named(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(4, (3, 3), padding="VALID", name="first")(x))
        x = nn.BatchNorm(use_running_average=True, epsilon=1e-3, name="norm")(x)
        x = nn.relu(nn.Conv(4, (3, 3), padding="VALID", name="second")(x))
        x = nn.Dense(4, name="hidden")(x.reshape(-1))
        return nn.Dense(4, name="classes")(x)


class Counted(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(4, (3, 3), padding="VALID")(x))
        x = nn.BatchNorm(use_running_average=True, epsilon=1e-3)(x)
        x = nn.relu(nn.Conv(4, (3, 3), padding="VALID")(x))
        return nn.Dense(4)(nn.Dense(4)(x.reshape(-1)))


@pytest.mark.parametrize("module", [Named(), Counted()])
def test_into_flax_variables(module, file, image, expected):
    variables = module.init(jax.random.key(0), image[0])
    filled = jaxviz.keras.load_weights(file, into=variables)
    assert jax.tree.map(jnp.shape, filled) == jax.tree.map(jnp.shape, variables)
    assert relative_difference(module.apply(filled, image[0])[None], expected) < 1e-5


def test_counted_modules_of_one_shape_go_by_their_numbers(tmp_path):
    model = keras.Sequential([layers.Input((4,)), *[layers.Dense(4, use_bias=False) for _ in range(12)]])
    model.set_weights([np.full((4, 4), n) for n in range(12)])
    model.save(tmp_path / "model.keras")
    variables = {"params": {f"Dense_{n}": {"kernel": jnp.zeros((4, 4))} for n in range(12)}}
    filled = jaxviz.keras.load_weights(tmp_path / "model.keras", into=variables)["params"]
    assert [float(filled[f"Dense_{n}"]["kernel"][0, 0]) for n in range(12)] == list(range(12))


def test_what_cannot_be_told_apart_is_refused(file):
    variables = Named().init(jax.random.key(0), jnp.ones((8, 8, 3)))
    renamed = {"params": {f"{name}_x": value for name, value in variables["params"].items()}}
    renamed["batch_stats"] = {"norm_x": variables["batch_stats"]["norm"]}
    renamed["params"]["another"] = renamed["params"].pop("classes_x")
    del renamed["params"]["hidden_x"]
    with pytest.raises(ModelFileError, match="has no place for"):
        jaxviz.keras.load_weights(file, into=renamed)
    same = {"params": {name: {"kernel": jnp.zeros((2, 2))} for name in ("left", "right")}}
    stored = keras.Sequential([layers.Input((2,)), *[layers.Dense(2, use_bias=False) for _ in range(2)]])
    stored.save(file.parent / "twins.keras")
    with pytest.raises(
        ModelFileError, match="left, right take weights of the same shapes; give them the names of the file's"
    ):
        jaxviz.keras.load_weights(file.parent / "twins.keras", into=same)


def test_other_people_s_bare_weights(digits):
    """Keras 2 weights with an architecture that Keras 3 wrote, under other names."""
    path = OTHERS / "lenet1_weights_only.h5"
    if not path.exists():
        pytest.skip("other people's files are not here")
    architecture = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(4, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(12, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model = jaxviz.keras.load(path, architecture=architecture.to_json())
    predicted = np.asarray(model(digits[0])[model.output]).argmax(axis=-1)
    assert (predicted == digits[1]).mean() > 0.96


def test_convolutions_of_keras_1_need_an_architecture():
    path = OTHERS / "keras1_weights_only_99.20.h5"
    if not path.exists():
        pytest.skip("other people's files are not here")
    with pytest.raises(ModelFileError, match="is of Keras 1; give its architecture"):
        jaxviz.keras.load_weights(path, into={"params": {"Conv_0": {"kernel": jnp.zeros((3, 3, 1, 32))}}})
