"""Weights assigned by name, by order and by shape; Keras writes the files, and values are compared."""

import h5py
import keras
import numpy as np
import pytest
from conftest import OTHERS
from keras import layers

from jaxviz.keras.files import read
from jaxviz.keras.weights.matching import Wanted, match
from jaxviz.keras.weights.stored import NamedWeights, NumberedWeights, StoredModel, WeightGroup
from jaxviz.values.errors import ModelFileError


def wanted_of(model, parent=""):
    """Returns a Keras model's wanted arrays, and the values that it should get."""
    wanted, expected = [], {}
    for layer in model.layers:
        scope = f"{parent}/{layer.name}" if parent else layer.name
        kind = type(layer).__name__
        if isinstance(layer, keras.Model):
            inner, arrays = wanted_of(layer, scope)
            wanted += [Wanted(scope=scope, kind=kind, parent=parent), *inner]
            expected |= arrays
            continue
        arrays = {name_of(layer, weight): np.asarray(weight) for weight in layer.weights}
        weights = tuple((name, array.shape) for name, array in arrays.items())
        wanted.append(Wanted(scope=scope, kind=kind, weights=weights, parent=parent))
        if arrays:
            expected[scope] = arrays
    return wanted, expected


def name_of(layer, weight):
    for part in ("query", "key", "value", "output"):
        if getattr(layer, f"_{part}_dense", None) and any(
            weight is w for w in getattr(layer, f"_{part}_dense").weights
        ):
            return f"{part}_dense/{weight.name}"
    return weight.name


def sequential():
    return keras.Sequential(
        [
            layers.Input((9, 9, 2)),
            layers.Conv2D(3, 3),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Conv2D(3, 3, use_bias=False),
            layers.BatchNormalization(scale=False),
            layers.PReLU(shared_axes=[1, 2]),
            layers.DepthwiseConv2D(3),
            layers.SeparableConv2D(4, 3),
            layers.Flatten(),
            *[layers.Dense(4) for _ in range(12)],  # a two-digit count
        ]
    )


def functional():
    """Nested models, layers of one class in two branches, named against their order."""
    inner = keras.Sequential(
        [layers.Input((4, 4, 3)), layers.Conv2D(3, 1), layers.BatchNormalization(), layers.Conv2D(3, 1)], name="inner"
    )
    x = image = layers.Input((6, 6, 1))
    right, left = layers.Conv2D(3, 3, name="conv2d_1")(x), layers.Conv2D(3, 3, name="conv2d")(x)
    shared = layers.Conv2D(3, 1, name="shared")
    x = layers.Add()([shared(left), shared(right)])
    deeper = keras.Model(image2 := layers.Input((4, 4, 3)), layers.BatchNormalization()(inner(image2)), name="deeper")
    x = layers.Reshape((16, 3))(deeper(x))
    x = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    return keras.Model(image, layers.Dense(3)(x))


NETWORKS = {"sequential": sequential, "functional": functional}


def build(name):
    model = NETWORKS[name]()
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(size=weight.shape) for weight in model.get_weights()])
    return model


def compare(found, expected):
    assert found.keys() == expected.keys()
    for scope, arrays in expected.items():
        assert found[scope].keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[scope][name], array, f"{scope} {name}")


@pytest.mark.parametrize("extension", [".h5", ".keras", ".weights.h5"])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_keras_writes(name, extension, tmp_path):
    model = build(name)
    path = tmp_path / f"model{extension}"
    (model.save_weights if "weights" in extension else model.save)(path)
    wanted, expected = wanted_of(model)
    compare(match(read(path), wanted), expected)


@pytest.mark.parametrize("extension", [".h5", ".weights.h5"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network_built_again_in_one_session(name, extension, tmp_path):
    model, again = build(name), build(name)  # Keras continues its count: conv2d_7, batch_normalization_9, …
    path = tmp_path / f"model{extension}"
    (model.save_weights if "weights" in extension else model.save)(path)
    wanted, _ = wanted_of(again)
    stored = read(path)
    compare(match(stored, wanted), dict(zip(wanted_of(again)[1], wanted_of(model)[1].values(), strict=True)))


def test_a_nested_model_that_is_frozen_in_part(tmp_path):
    def build_frozen():
        model = build("functional")
        inner = model.get_layer("deeper").get_layer("inner")
        inner.layers[0].trainable = False  # which moves its weights to the end
        return model

    model = build_frozen()
    model.save(tmp_path / "model.h5")
    stored = read(tmp_path / "model.h5")
    wanted, expected = wanted_of(model)
    compare(match(stored, wanted), expected)
    with pytest.raises(ModelFileError, match=r"layer 'deeper' has no place for 'inner/.*; layer 'deeper/inner/"):
        match(stored, wanted_of(build_frozen())[0])  # with other names, nothing shows which weights were frozen


def stored(weights):
    return StoredModel(path="file", config=None, weights=weights, backend="", keras_version="")


def named(**layers):
    return stored(NamedWeights(layers=layers))


def group(*arrays, name="", **children):
    return WeightGroup(name=name, variables={str(n): array for n, array in enumerate(arrays)}, children=children)


def numbered(**children):
    return stored(NumberedWeights(root=group(**children)))


def kernel(value, *shape):
    return np.full(shape or (2, 2), value, np.float32)


def dense(scope, *shapes, parent=""):
    return Wanted(scope=scope, kind="Dense", weights=(("kernel", *(shapes or [(2, 2)])),), parent=parent)


def numbers(found):
    return {scope: float(arrays["kernel"].flat[0]) for scope, arrays in found.items()}


def refusal(file, wanted):
    with pytest.raises(ModelFileError) as error:
        match(file, wanted)
    return str(error.value).removeprefix("file: its weights do not fit its architecture: ")


NORMALIZATION = ["gamma", "beta", "moving_mean", "moving_variance"]
SEPARABLE = ["depthwise_kernel", "pointwise_kernel", "bias"]


@pytest.mark.parametrize(
    ("kind", "asked", "names"),
    [
        ("Conv2D", ["kernel", "bias"], "c_W c_b"),
        ("Conv2D", ["kernel", "bias"], "c_1_1/kernel:0 c_1_1/bias:0"),
        ("Conv2D", ["kernel", "bias"], "c/kernel_1:0 c/bias_1:0"),
        ("Dense", ["kernel", "bias"], "param_0 param_1"),
        ("Dense", ["kernel", "bias"], "Variable:0 Variable_1:0"),
        ("BatchNormalization", NORMALIZATION, "c_gamma c_beta c_running_mean c_running_std"),
        ("DepthwiseConv2D", ["kernel", "bias"], "c/depthwise_kernel:0 c/bias:0"),
        ("SeparableConv2D", SEPARABLE, "c/depthwise_kernel:0 c/pointwise_kernel:0 c/bias:0"),
        ("SeparableConv2D", SEPARABLE, "c_depthwise_kernel c_pointwise_kernel c_b"),
        ("Embedding", ["embeddings"], "c_W"),
        ("PReLU", ["alpha"], "c_alphas"),
    ],
)
def test_every_generation_s_names(kind, asked, names):
    arrays = {name: kernel(place) for place, name in enumerate(names.split())}
    wanted = Wanted(scope="c", kind=kind, weights=tuple((name, (2, 2)) for name in asked))
    orders = [arrays, dict(reversed(arrays.items()))] if names.startswith("c") else [arrays]
    for order in orders:  # names that decide do so in any order
        found = match(named(c=order), [wanted])["c"]
        assert [float(found[name][0, 0]) for name in asked] == list(range(len(asked)))


def test_other_names_go_by_order():
    file = named(dense_2={"dense_2_W": kernel(1)}, dropout={}, dense_3={"dense_3_W": kernel(2)})
    assert numbers(match(file, [dense("dense_1"), dense("dense_2")])) == {"dense_1": 1, "dense_2": 2}


def test_an_order_that_names_contradict():
    file = named(a={"a/kernel:0": kernel(1)}, b={"b/kernel:0": kernel(2)})
    assert numbers(match(file, [dense("b"), dense("a")])) == {"a": 1, "b": 2}
    assert "the file has 'b' where the architecture has 'c'" in refusal(file, [dense("b"), dense("c")])


def test_all_that_does_not_fit_is_listed_at_once():
    file = named(a={"a/kernel:0": kernel(1, 3, 3), "a/extra:0": kernel(1)}, c={"c/kernel:0": kernel(2)})
    assert set(refusal(file, [dense("a"), dense("b"), dense("d")]).split("; ")) == {
        "layer 'a': kernel is (3, 3), not (2, 2)",
        "layer 'a' has no place for 'a/extra:0' (2, 2)",
        "layer 'b' lacks its kernel (2, 2)",
        "layer 'c' has no place for 'c/kernel:0' (2, 2)",
        "layer 'd' lacks its kernel (2, 2)",
    }


def test_one_of_several_shapes():
    file = named(a={"a_W": kernel(1, 4, 1, 3, 3)})
    assert match(file, [dense("a", (3, 3, 1, 4), (4, 1, 3, 3))])["a"]["kernel"].shape == (4, 1, 3, 3)
    assert refusal(file, [dense("a", (2, 2), (2, 3))]) == "layer 'a': kernel is (4, 1, 3, 3), not (2, 2) or (2, 3)"


def test_counters_that_step_by_two_and_lists_of_2_12():
    several = {"dense": kernel(1), "dense_10": kernel(4), "dense_2": kernel(2), "dense_4": kernel(3)}
    lists = group(**{name: group(array) for name, array in several.items()})
    file = numbered(_layer_checkpoint_dependencies=lists, layers=group(dense=group()))
    assert numbers(match(file, [dense(name) for name in "wxyz"])) == {"w": 1, "x": 2, "y": 3, "z": 4}


def test_noted_names_go_before_the_order():
    lists = group(dense=group(kernel(1), name="b"), dense_1=group(kernel(2), name="a"))
    assert numbers(match(numbered(layers=lists), [dense("a"), dense("b")])) == {"a": 2, "b": 1}
    assert numbers(match(numbered(layers=lists), [dense("a"), dense("c")])) == {"a": 1, "c": 2}


def test_groups_that_are_called_as_the_layers():
    lists = group(top=group(kernel(1)), bottom=group(kernel(2)))
    assert numbers(match(numbered(layers=lists), [dense("bottom"), dense("top")])) == {"bottom": 2, "top": 1}
    assert numbers(match(numbered(top=group(kernel(1))), [dense("top")])) == {"top": 1}


def test_a_model_inside_a_wrapper():
    file = numbered(functional=group(layers=group(dense=group(kernel(1)))))
    assert numbers(match(file, [dense("a")])) == {"a": 1}


def test_groups_that_do_not_fit():
    wanted = [dense("a"), dense("b")]
    assert refusal(numbered(layers=group(dense=group(kernel(1)))), wanted) == "layer 'b' lacks its kernel (2, 2)"
    file = numbered(layers=group(dense=group(kernel(1), kernel(2)), dense_1=group(kernel(3)), conv2d=group(kernel(4))))
    assert set(refusal(file, wanted).split("; ")) == {
        "layer 'conv2d' has no place for '0' (2, 2)",
        "layer 'a' has no place for '1' (2, 2)",
    }
    twice = numbered(layers=group(dense=group(kernel(1))), _layers=group(dense=group(kernel(2))))
    assert "it has layers in layers and in _layers" in refusal(twice, [dense("a")])


def test_random_states_are_no_weights():
    state = group(kernel(0, 2))
    lists = group(dense=group(kernel(1), seed_generator=state), dropout=group(seed_generator=state))
    assert numbers(match(numbered(layers=lists), [dense("a")])) == {"a": 1}
    file = named(a={"a/kernel": kernel(1), "a/seed_generator/seed_generator_state": kernel(0, 2)})
    assert numbers(match(file, [dense("a")])) == {"a": 1}


def test_many_mismatches_are_counted():
    message = refusal(named(), [dense(f"dense_{n}") for n in range(250)])
    assert message.endswith("; and 150 more")


def test_backslashes_are_paths(tmp_path):
    with h5py.File(tmp_path / "model.weights.h5", "w") as file:
        file["_layer_checkpoint_dependencies\\dense/vars/0"] = kernel(1)
        file["_layer_checkpoint_dependencies\\dense_2/vars/0"] = kernel(2)
        file.create_group("vars")
    assert numbers(match(read(tmp_path / "model.weights.h5"), [dense("a"), dense("b")])) == {"a": 1, "b": 2}


def test_the_layout_before_keras_1(tmp_path):
    with h5py.File(tmp_path / "weights.hdf5", "w") as file:
        file.attrs["nb_layers"] = 12
        for layer in (11, 2, 0):
            file[f"layer_{layer}/param_0"] = kernel(layer)
        file.create_group("layer_1")
    wanted = [dense(name) for name in "abc"]
    assert numbers(match(read(tmp_path / "weights.hdf5"), wanted)) == {"a": 0, "b": 2, "c": 11}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_other_precisions(dtype, tmp_path):
    model = keras.Sequential([layers.Input((3,)), layers.Dense(2, dtype=dtype)])
    model.save(tmp_path / "model.keras")
    wanted, expected = wanted_of(model)
    found = match(read(tmp_path / "model.keras"), wanted)
    [scope] = expected
    np.testing.assert_array_equal(found[scope]["kernel"], expected[scope]["kernel"].astype(np.float32))


def test_tf_keras_s_weights():
    """One file stores the weights by name, the other by number, for the same network."""
    if not OTHERS.exists():
        pytest.skip("other people's files are not here")
    named, numbered = read(OTHERS / "tf_keras_mixed.h5"), read(OTHERS / "tf_keras_mixed.keras")
    assert named.keras_version == "2.21.0"
    assert isinstance(numbered.weights, NumberedWeights)
    wanted = wanted_by(numbered.config["config"]["layers"], "", named.weights.layers)
    found = match(named, wanted)
    assert len(found) == 11
    assert set(found["stem/stem_bn"]) == set(NORMALIZATION)
    compare(match(numbered, wanted), found)


def wanted_by(entries, parent, stored):
    """Returns the wanted arrays of a config's layers, from the names and shapes of a file's arrays."""
    wanted = []
    for entry in entries:
        name, scope = entry["config"]["name"], f"{parent}/{entry['config']['name']}".lstrip("/")
        inner = entry["config"].get("layers", [])
        arrays = {} if inner else stored.get(parent or name, {})
        weights = tuple(
            (key.partition(":")[0].split("/")[-1], array.shape) for key, array in arrays.items() if f"{name}/" in key
        )
        wanted.append(Wanted(scope=scope, kind=entry["class_name"], weights=weights, parent=parent))
        wanted += wanted_by(inner, scope, stored)
    return wanted
