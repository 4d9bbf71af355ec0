"""Graphs: shared layers, models within models, several inputs and outputs, operations, other sizes, custom layers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from conftest import relative_difference
from keras import layers, ops
from keras_reference import BOUND, activations_of, compare, compare_channels, randomize

import jaxviz
from jaxviz.values.errors import JaxvizError, ModelFileError


def saved(model, folder, extension=".h5"):
    path = folder / f"model{extension}"
    randomize(model).save(path)
    return path


def residual():
    """Two inputs, a shared layer, models within models of which one is called twice, two outputs."""
    image, extra = layers.Input((8, 9, 3), name="image"), layers.Input((5,), name="extra")
    shared = layers.Conv2D(4, 3, padding="same", name="shared")
    deepest = keras.Sequential(
        [layers.Input((8, 9, 4)), layers.Conv2D(4, 1, name="a"), layers.ReLU(name="b")], name="c"
    )
    inside = layers.Input((8, 9, 4))
    inner = keras.Model(inside, layers.BatchNormalization(name="norm")(deepest(inside)), name="inner")
    x = shared(image[..., :3] * 0.5)
    y = shared(ops.concatenate([image[..., 1:], image[..., :1]], axis=-1))
    x = layers.Add(name="add")([inner(x), inner(y), x])
    gate = layers.Dense(4, activation="sigmoid", name="gate")(extra)
    x = layers.Multiply(name="gated")([x, layers.Reshape((1, 1, 4))(gate)])
    first = layers.Concatenate(name="first")([x, layers.Average(name="mean")([x, y])])
    second = layers.GlobalAveragePooling2D(name="second")(first)
    return keras.Model([extra, image], [first, second])


@pytest.mark.parametrize(("extension", "given"), [(".h5", None), (".keras", np.linspace(-1, 1, 5))])
def test_a_graph_equals_keras(extension, given, tmp_path):
    model = residual()
    ours = jaxviz.keras.load(saved(model, tmp_path, extension), inputs=None if given is None else {"extra": given})
    extra = np.zeros(5) if given is None else given
    assert ours.canvas.shape == (8, 9, 3)
    assert ours.output == "first"
    image = np.random.default_rng(0).uniform(-1, 1, (8, 9, 3)).astype(np.float32)
    names = ["add", "gate", "gated", "mean", "first", "second"]
    whole = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    expected = whole([extra[None].astype(np.float32), image[None]], training=False)
    found = activations_of(ours, image, names)
    for name, array in zip(names, expected, strict=True):
        assert relative_difference(found[name], array[0]) < BOUND, name
    compare_channels(ours)


def test_the_names_of_a_graph(tmp_path):
    ours = jaxviz.keras.load(saved(residual(), tmp_path))
    names = {layer.name: layer.kind for layer in ours.layers}
    assert {"shared", "shared/1", "inner", "inner/1", "inner/norm", "inner/norm/1", "inner/c/a/1"} <= names.keys()
    assert (names["inner"], names["inner/c"]) == ("Functional", "Sequential")
    assert {"shared", "inner/c/a", "inner/norm", "gate"} == set(ours.variables["params"])
    assert ours.variables["inputs"]["extra"].shape == (5,)


def test_inputs_that_do_not_fit(tmp_path):
    path = saved(residual(), tmp_path)
    with pytest.raises(JaxvizError, match="no input 'other' to be held constant; this network has: extra"):
        jaxviz.keras.load(path, inputs={"other": np.zeros(5)})
    with pytest.raises(JaxvizError, match=r"input 'extra' of shape \(4,\): this network takes \(5\)"):
        jaxviz.keras.load(path, inputs={"extra": np.zeros(4)})


def test_what_nobody_asks_for_is_not_computed(tmp_path):
    image = layers.Input((4, 4, 2))
    x = layers.Conv2D(3, 1, name="below")(image)
    model = keras.Model(image, [layers.ReLU(name="left")(x), layers.Activation("tanh", name="right")(x)])
    asked = []

    def right(x):
        asked.append(x.shape)
        return jnp.tanh(x)

    ours = jaxviz.keras.load(saved(model, tmp_path), custom={"right": right})
    asked.clear()
    ours.ask(jnp.zeros((4, 4, 2)), lambda activations: activations.channel("left", np.array(1)))
    assert not asked
    ours.ask(jnp.zeros((4, 4, 2)), lambda activations: activations["right"])
    assert asked == [(4, 4, 3)]


def test_one_channel_costs_one_channel_where_the_whole_is_not_needed(tmp_path):
    """A channel of a sum needs only that channel of its terms; a convolution needs its whole input."""
    image = layers.Input((4, 4, 2))
    x = layers.Conv2D(6, 1, name="stem")(image)
    y = layers.Conv2D(6, 1, name="branch")(layers.ReLU(name="rectified")(x))
    model = keras.Model(image, layers.Add(name="sum")([x, y]))
    ours = jaxviz.keras.load(saved(model, tmp_path))
    image = jax.ShapeDtypeStruct((4, 4, 2), jnp.float32)
    trace = str(jax.make_jaxpr(lambda image: ours.ask(image, lambda asked: asked.channel("sum", np.array(2))))(image))
    assert "f32[4,4,6]" in trace  # the stem, which the branch reads
    below = str(jax.make_jaxpr(lambda image: ours.ask(image, lambda asked: asked.channel("stem", np.array(2))))(image))
    assert "f32[4,4,6]" not in below


def headed(input_shape):
    return keras.Sequential(
        [
            layers.Input(input_shape),
            layers.Conv2D(4, 3, name="conv"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(3, name="dense", activation="softmax"),
            layers.Dropout(0.5, name="drop"),
        ]
    )


def test_another_size_leaves_out_what_cannot_be_computed(tmp_path):
    path = saved(model := headed((8, 8, 2)), tmp_path)
    ours = jaxviz.keras.load(path, input_shape=(12, 10, 2))
    assert [layer.name for layer in ours.layers] == ["conv", "pool", "flat"]
    assert ours.canvas.shape == (12, 10, 2)
    assert ours.output == "flat"
    assert set(ours.variables["params"]) == {"conv"}
    image = np.random.default_rng(0).normal(size=(12, 10, 2)).astype(np.float32)
    expected = model.get_layer("conv")(image[None])[0]
    assert relative_difference(activations_of(ours, image, ["conv"])["conv"], expected) < BOUND
    with pytest.raises(JaxvizError, match=r"layer 'dense' cannot be computed on \(80,\), for which its weights"):
        ours.ask(jnp.asarray(image), lambda activations: activations["drop"])
    with pytest.raises(JaxvizError, match="unknown layer 'dense'"):
        ours.layer("dense")


def test_a_size_at_which_nothing_is_left(tmp_path):
    path = saved(headed((8, 8, 2)), tmp_path)
    with pytest.raises(JaxvizError, match=r"input_shape \(8, 8, 3\): this network takes \(8, 8, 2\)"):
        jaxviz.keras.load(path, input_shape=(8, 8, 3))
    with pytest.raises(ModelFileError, match="layer 'conv' does not fit what it is given"):
        jaxviz.keras.load(path, input_shape=(2, 2, 2))


def test_sizes_that_the_file_leaves_open(tmp_path):
    model = keras.Sequential([layers.Input((None, None, 2)), layers.Conv2D(4, 3), layers.GlobalMaxPooling2D()])
    path = saved(model, tmp_path)
    assert jaxviz.keras.load(path).canvas.shape == (224, 224, 2)
    ours = jaxviz.keras.load(path, input_shape=(9, 12, 2))
    assert [layer.output_shape for layer in ours.layers] == [(7, 10, 4), (4,)]


def test_sequences_whose_length_is_open(tmp_path):
    path = saved(keras.Sequential([layers.Input((None, 2)), layers.Conv1D(4, 3)]), tmp_path)
    with pytest.raises(JaxvizError, match=r"leaves its input open: \(open, 2\); give input_shape"):
        jaxviz.keras.load(path)
    assert jaxviz.keras.load(path, input_shape=(9, 2)).layers[0].output_shape == (7, 4)


class Twice(layers.Layer):
    """A layer that Keras does not know, with weights."""

    def build(self, shape):
        self.first = self.add_weight(shape=(shape[-1],), name="first")
        self.second = self.add_weight(shape=(shape[-1], 2), name="second")

    def call(self, x):
        return ops.matmul(x * self.first, self.second)


class OurTwice(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = x * self.param("a", nn.initializers.ones_init(), x.shape[-1:])
        return x @ self.param("b", nn.initializers.ones_init(), (x.shape[-1], 2))


@pytest.mark.parametrize("name", ["twice", "Twice"])
@pytest.mark.parametrize("extension", [".h5", ".keras"])
def test_custom_layers(name, extension, tmp_path):
    model = keras.Sequential(
        [
            layers.Input((4, 4, 3)),
            Twice(name="twice"),
            layers.Lambda(lambda x: x[:, 1:] ** 2, name="cut"),
            layers.ReLU(),
        ]
    )
    path = saved(model, tmp_path, extension)
    with pytest.raises(ModelFileError, match="layer 'twice' is a Twice, which is not supported; give what it computes"):
        jaxviz.keras.load(path)
    with pytest.raises(ModelFileError, match=r"layer 'cut' \(Lambda\): it holds Python code, which is not run; give"):
        jaxviz.keras.load(path, custom={name: OurTwice()})
    ours = jaxviz.keras.load(path, custom={name: OurTwice(), "cut": lambda x: x[1:] ** 2})
    compare(model, ours)
    compare_channels(ours)


def test_operations_saved_as_layers(tmp_path):
    image = layers.Input((6, 7, 4))
    x = layers.Conv2D(4, 3, name="conv")(image)
    steps = {
        "scaled": ops.add(2.0 * x, np.arange(4, dtype="float32")),
        "clipped": ops.clip(x, -0.5, 0.5),
        "cut": x[:, 1:3, ::2, None],
        "wide": ops.reshape(x, (-1, 10, 8)),
        "turned": ops.transpose(x, (0, 3, 1, 2)),
        "mean": ops.mean(x, axis=(1, 2), keepdims=True),
        "largest": ops.max(x, axis=-1),
        "stacked": ops.stack([x, -x], axis=1),
        "squeezed": ops.squeeze(ops.expand_dims(x, 1), 1),
        "soft": ops.softmax(x, axis=1),
        "gelu": ops.gelu(x),
        "quotient": ops.sigmoid(x) / (1.0 + ops.abs(x)),
        "product": ops.matmul(x, ops.transpose(x, (0, 1, 3, 2))),
        "einsum": ops.einsum("bhwc,bhwd->bcd", x, x),
        "padded": ops.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0))),
        "relu": keras.activations.relu(x, negative_slope=0.1, max_value=0.7),
    }
    named = [layers.Identity(name=f"is_{name}")(value) for name, value in steps.items()]
    path = saved(model := keras.Model(image, named), tmp_path, ".keras")
    ours = jaxviz.keras.load(path)
    compare(model, ours)
    compare_channels(ours)
    assert {layer.kind for layer in ours.layers} >= {"ops.Add", "ops.GetItem", "ops.Reshape"}


def test_operations_that_mix_images_are_refused(tmp_path):
    image = layers.Input((4, 4, 2))
    path = saved(keras.Model(image, ops.mean(layers.Dense(2)(image), axis=0, keepdims=True)), tmp_path, ".keras")
    with pytest.raises(ModelFileError, match=r"layer 'mean\w*' \(ops.Mean\): axis 0 mixes the images of a batch"):
        jaxviz.keras.load(path)


def test_a_checkpoint_of_a_model_within_a_model(tmp_path):
    ours = jaxviz.keras.load(saved(residual(), tmp_path))
    jaxviz.checkpoints.save(tmp_path / "checkpoint", ours.variables)
    loaded = jaxviz.checkpoints.load(tmp_path / "checkpoint", ours)
    np.testing.assert_array_equal(
        loaded.variables["params"]["inner/c/a"]["kernel"], ours.variables["params"]["inner/c/a"]["kernel"]
    )
