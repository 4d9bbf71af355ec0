"""Wiring: inputs by name; the strongest weights against what a channel adds to a unit in Keras."""

import flax.linen as nn
import jax
import keras
import numpy as np
import pytest
from keras import layers
from keras_reference import randomize

import jaxviz
from jaxviz.networks.wiring import inputs_of, strongest
from jaxviz.values.errors import JaxvizError

# Target -> the layer whose channels it should name, the layer whose numbers are changed to see it. Between these two
# stands nothing that changes numbers.
BRANCHES = {
    "conv": ("stem", "stem"),
    "grouped": ("stem", "stem"),
    "depthwise": ("stem", "stem"),
    "single": ("stem", "stem"),
    "after_single": ("single", "single_relu"),
    "separable": ("stem", "stem"),
    "transposed": ("stem", "stem"),
    "spectral": ("stem", "stem"),
    "einsum": ("stem", "stem"),
    "row": ("stem", "stem"),
    "dense": ("stem", "pool"),
    "turned": ("stem", "stem"),
    "sequence": ("stem", "stem"),
    "columns": ("stem", "stem"),
    "grouped_columns": ("as_columns", "as_columns"),
    "padded": ("stem", "stem"),
    "enlarged": ("stem", "enlarge"),
    "pooled": ("stem", "mean"),
    "after_sum": ("sum", "sum"),
    "after_join": ("join", "join"),
    "after_norm": ("norm", "norm"),
    "last": ("dense", "dense_relu"),
}


def branches():
    """A network with one stem and every way in which a layer may read it."""
    image = layers.Input((8, 8, 2), name="image")
    x = layers.Conv2D(6, 3, name="stem")(image)  # [6, 6, 6]
    conv = layers.Conv2D(4, 3, name="conv")(x)
    layers_of_x = [
        layers.Conv2D(9, 3, groups=3, name="grouped"),
        layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
        layers.SeparableConv2D(4, 3, depth_multiplier=2, name="separable"),
        layers.Conv2DTranspose(4, 3, strides=2, name="transposed"),
        layers.SpectralNormalization(layers.Conv2D(4, 3), name="spectral"),
        layers.EinsumDense("abcd,ed->abce", (None, None, 5), name="einsum"),
        layers.Dense(5, name="row"),
    ]
    single = layers.DepthwiseConv2D(3, name="single")(x)
    single_relu = layers.ReLU(name="single_relu")(layers.BatchNormalization(name="single_norm")(single))
    pool = layers.MaxPooling2D(name="pool")(layers.Activation("tanh")(layers.BatchNormalization()(x)))
    dense = layers.Dense(7, name="dense")(layers.Dropout(0.5)(layers.Flatten(name="flat")(pool)))
    dense_relu = layers.LeakyReLU(name="dense_relu")(layers.BatchNormalization()(dense))
    as_columns = layers.Reshape((6, 36), name="as_columns")(x)
    total = layers.Add(name="sum")([x, layers.Conv2D(6, 1, name="branch")(x)])
    join = layers.Concatenate(name="join")([x, total])
    outputs = [layer(x) for layer in layers_of_x] + [
        conv,
        layers.Conv2D(3, 1, name="after_single")(single_relu),
        layers.Dense(4, name="turned")(layers.Flatten()(layers.Permute((3, 1, 2))(x))),
        layers.Conv1D(4, 3, name="sequence")(layers.Reshape((36, 6))(x)),
        layers.Conv1D(4, 3, name="columns")(as_columns),
        layers.Conv1D(4, 3, groups=2, name="grouped_columns")(as_columns),
        layers.Conv2D(4, 3, name="padded")(layers.ZeroPadding2D(1)(x)),
        layers.Conv2D(4, 3, name="enlarged")(layers.UpSampling2D(2, name="enlarge")(x)),
        layers.Dense(4, name="pooled")(layers.GlobalAveragePooling2D(name="mean")(x)),
        layers.Conv2D(4, 3, name="after_sum")(total),
        layers.Conv2D(4, 3, name="after_join")(join),
        layers.Conv2D(4, 3, name="after_norm")(layers.LayerNormalization(name="norm")(x)),
        layers.Dense(3, name="last")(dense_relu),
    ]
    return keras.Model(image, outputs)


def _zeros(_, shape, dtype=None):
    return np.zeros(shape, dtype)


@pytest.fixture(scope="module", autouse=True)
def _no_draws():
    """Keras compiles a draw for each shape of kernel; here they are drawn afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.initializers.VarianceScaling, "__call__", _zeros)
        yield


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    model = randomize(branches())
    path = tmp_path_factory.mktemp("wiring") / "model.h5"
    model.save(path)
    return model, jaxviz.keras.load(path)


def basis(shape):
    """Returns zeros, then for each number of an array the array in which it alone is 1."""
    size = int(np.prod(shape))
    return np.concatenate([np.zeros((1, size)), np.eye(size)]).reshape(-1, *shape).astype(np.float32)


def effects(model, targets):
    """Returns target -> what each number of a layer adds to it in Keras, ``[*the layer's shape, *the target's]``.

    Args:
      model: a Keras model.
      targets: target -> the layer.
    """
    parts = {
        through: [target for target, layer in targets.items() if layer == through] for through in {*targets.values()}
    }

    def run():
        found = {}
        for through, ends in parts.items():
            start = model.get_layer(through).output
            outputs = keras.Model(start, [model.get_layer(end).output for end in ends])(basis(start.shape[1:]))
            found |= {
                end: (y[1:] - y[0]).reshape(*start.shape[1:], *y.shape[1:])
                for end, y in zip(ends, outputs if isinstance(outputs, list) else [outputs], strict=True)
            }
        return found

    return {end: np.asarray(y, np.float64) for end, y in jax.jit(run)().items()}


def ranked(by_channel, count):
    """Ranks channels, given the derivatives ``[units, positions, channels]``."""
    lengths, sums = np.sqrt(np.square(by_channel).sum(1)), by_channel.sum(1)
    order = np.argsort(-lengths, axis=1)[:, :count]
    return order, np.take_along_axis(np.sign(sums) * lengths, order, 1)


def check(found, source, by_channel, count):
    channels, weights = ranked(np.asarray(by_channel, np.float64), count)
    assert found.layer == source
    np.testing.assert_array_equal(found.channels, channels)
    np.testing.assert_allclose(found.weights, weights, rtol=1e-4)


def test_the_strongest_are_what_moves_a_unit_most(network):
    model, ours = network
    own = {"grouped": 2, "depthwise": 1, "single": 1, "grouped_columns": 18}
    for target, added in effects(model, {target: through for target, (_, through) in BRANCHES.items()}).items():
        read = model.get_layer(BRANCHES[target][1]).output.shape[1:]
        channels = read[-1]
        if target == "transposed":  # an output reads some taps of the kernel, but an input goes through all of them
            by_channel = added[3, 3].reshape(channels, -1, added.shape[-1]).T
        else:
            middle = tuple(side // 2 for side in added.shape[len(read) : -1])
            at_one_position = np.moveaxis(added, -1, 0)[(..., *middle)]
            by_channel = at_one_position.reshape(len(at_one_position), -1, channels)
        count = min(own.get(target, channels), 20)
        check(strongest(ours, target, 20), BRANCHES[target][0], by_channel, count)
        assert strongest(ours, target, 1).channels.shape == (len(by_channel), 1)


def test_inputs_skip_what_is_no_layer(network):
    found = inputs_of(network[1])
    assert (found["stem"], found["conv"], found["last"]) == ((), ("stem",), ("dense_relu",))
    assert (found["sum"], found["join"]) == (("stem", "branch"), ("stem", "sum"))
    assert list(found) == [layer.name for layer in network[1].layers]


class Block(nn.Module):
    @nn.compact
    def __call__(self, x):
        y = nn.relu(nn.Conv(3, (3, 3))(x))
        return nn.relu(nn.BatchNorm(use_running_average=True)(nn.Conv(3, (1, 1))(y)) + x)


class Residual(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Conv(3, (3, 3))(x)
        x = Block()(x)
        x = Block()(x)
        return nn.Dense(2)(x.mean((1, 2)))


def test_the_inputs_of_a_flax_module():
    image = jax.ShapeDtypeStruct((1, 6, 6, 1), np.float32)
    variables = jax.tree.map(
        lambda leaf: np.ones(leaf.shape), jax.eval_shape(Residual().init, jax.random.key(0), image)
    )
    ours = jaxviz.from_linen(Residual(), variables, (6, 6, 1))
    assert inputs_of(ours) == {
        "Conv_0": (),
        "Block_0/Conv_0": ("Conv_0",),
        "Block_0/Conv_1": ("Block_0/Conv_0",),
        "Block_0/BatchNorm_0": ("Block_0/Conv_1",),
        "Block_0": ("Conv_0", "Block_0/BatchNorm_0"),
        "Block_1/Conv_0": ("Block_0",),
        "Block_1/Conv_1": ("Block_1/Conv_0",),
        "Block_1/BatchNorm_0": ("Block_1/Conv_1",),
        "Block_1": ("Block_0", "Block_1/BatchNorm_0"),
        "Dense_0": ("Block_1",),
    }
    found = strongest(ours, "Dense_0")  # the mean between them keeps channels apart; every weight is 1
    assert found.layer == "Block_1"
    np.testing.assert_array_equal(found.channels, [[0, 1, 2]] * 2)
    np.testing.assert_array_equal(found.weights, np.ones((2, 3)))


def _named(variables, image):
    a = image * variables
    return {"constant": np.ones(3, np.float32), "a": a, "b": a.sum((0, 1)) + 1}


def test_layers_of_which_nothing_is_known(network, mnist):
    assert all(strongest(network[1], name) is None for name in ("stem", "pool", "sum", "norm", "single_norm"))
    function = jaxviz.from_function(_named, 2.0, (4, 4, 1))
    assert inputs_of(function) == {"constant": (), "a": (), "b": ("a",)}
    assert strongest(function, "b") is None
    both = jaxviz.ensemble({"a": mnist, "b": mnist})
    assert set(inputs_of(both).values()) == {()}
    assert strongest(both, "a/dense_1") is None


def test_wrong_arguments(mnist):
    with pytest.raises(JaxvizError, match="unknown layer 'dense_9'"):
        strongest(mnist, "dense_9")
    with pytest.raises(JaxvizError, match="count 0: give how many channels, 1 or more"):
        strongest(mnist, "dense_1", 0)


def test_the_shipped_network(mnist):
    sources = {layer.name: found and found.layer for layer in mnist.layers for found in [strongest(mnist, layer.name)]}
    assert {name: source for name, source in sources.items() if source} == {
        "conv2d_2": "conv2d_1",
        "conv2d_3": "conv2d_2",
        "conv2d_4": "conv2d_3",
        "dense_1": "conv2d_4",
        "dense_2": "dense_1",
        "dense_3": "dense_2",
    }
    kernel = np.asarray(mnist.variables["params"]["dense_1"]["kernel"]).reshape(-1, 64, 1024)
    found = strongest(mnist, "dense_1", 64)
    assert found.channels.dtype == np.int32
    np.testing.assert_allclose(
        np.abs(found.weights[7]), np.linalg.norm(kernel[:, found.channels[7], 7], axis=0), rtol=1e-5
    )


def test_channels_first(tmp_path):
    first = {"data_format": "channels_first"}
    image = layers.Input((2, 7, 8))
    x = layers.Conv2D(6, 3, name="stem", **first)(image)
    conv = layers.Conv2D(4, 3, groups=2, name="conv", **first)(x)
    relu = layers.ReLU(name="relu")(conv)
    flat = layers.Flatten(data_format="channels_first")(relu), layers.Flatten(data_format="channels_last")(relu)
    model = keras.Model(image, [layers.Dense(5, name=name)(each) for name, each in zip("ab", flat, strict=True)])
    randomize(model).save(tmp_path / "model.h5")
    ours = jaxviz.keras.load(tmp_path / "model.h5")
    added = effects(model, {"a": "relu", "b": "relu", "conv": "stem"})
    for name in "ab":
        check(strongest(ours, name), "conv", added[name].reshape(4, -1, 5).T, 4)
    check(strongest(ours, "conv"), "stem", added["conv"][..., 1, 1].reshape(6, -1, 4).T, 3)


def test_models_within_models_and_shared_layers(tmp_path):
    image = layers.Input((8, 8, 4))
    shared = layers.Conv2D(4, 3, padding="same", activation="relu", name="shared")
    inside = keras.Sequential([layers.Input((8, 8, 4)), layers.ReLU(), layers.Conv2D(5, 3, name="a")], name="inner")
    outputs = layers.Concatenate(name="both")([inside(shared(image * 0.5)), inside(shared(shared(image)))])
    path = tmp_path / "model.keras"
    randomize(keras.Model(image, outputs)).save(path)
    ours = jaxviz.keras.load(path)
    found = inputs_of(ours)
    assert found["both"] == ("inner", "inner/1")
    sources = {layer.name: found and found.layer for layer in ours.layers for found in [strongest(ours, layer.name)]}
    wanted = {name: source for name, source in sources.items() if source}
    assert sorted(wanted) == ["inner/a", "inner/a/1", "shared/2"]
    assert wanted["inner/a"] != wanted["inner/a/1"]
    assert set(wanted.values()) <= {"shared", "shared/1", "shared/2"}


def test_a_dense_layer_that_reads_the_image(tmp_path):
    model = keras.Sequential([layers.Input((4, 4, 2)), layers.Rescaling(2.0), layers.Flatten(), layers.Dense(3)])
    model.save(tmp_path / "model.h5")
    ours = jaxviz.keras.load(tmp_path / "model.h5")
    assert all(strongest(ours, layer.name) is None for layer in ours.layers)
