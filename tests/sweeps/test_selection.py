"""Which layers are swept, and why others are not."""

import json
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from command_line import run

import jaxviz


class Ordinary(nn.Module):
    """Two convolutions with functional activations, and a linear dense layer, as Flax's own examples write them."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(4, (3, 3), name="a")(x))
        x = nn.relu(nn.Conv(5, (3, 3), name="b")(nn.max_pool(x, (2, 2), (2, 2))))
        return nn.Dense(3, name="c")(x.mean((1, 2)))


class Activated(nn.Module):
    """A convolution whose activation function is a module of its own."""

    @nn.compact
    def __call__(self, x):
        x = Relu(name="after")(nn.Conv(4, (3, 3), name="conv")(x))
        return nn.Dense(3, name="dense")(x.mean((1, 2)))


class Relu(nn.Module):
    def __call__(self, x):
        return nn.relu(x)


def model_of(module, shape=(8, 8, 1)):
    return jaxviz.from_linen(module, module.init(jax.random.key(0), jnp.ones((1, *shape))), shape)


@pytest.fixture(scope="module")
def ordinary():
    return model_of(Ordinary())


def test_every_convolution_and_dense_layer_of_a_flax_network_is_swept(ordinary, tmp_path):
    done = jaxviz.sweep(ordinary, tmp_path, steps=2)
    assert done.manifest.swept == ("a", "b", "c")
    assert done.complete
    assert [layer.kind for layer in done.layers] == ["Conv (before relu)", "Conv (before relu)", "Dense"]
    assert repr(done) == f"Sweep({tmp_path}: 12 units of 3 layers, recipe plain-quick)"


def test_units_are_shown_after_their_activation_where_a_layer_gives_it(tmp_path):
    model = model_of(Activated())
    done = jaxviz.sweep(model, tmp_path, steps=2, diversity=2)
    assert done.manifest.swept == ("after", "dense")
    assert done.left_out == {"conv": "shown after its activation function, in after"}
    told = json.loads((tmp_path / "sweep.json").read_text())
    assert told["left_out"] == done.left_out
    named = jaxviz.sweep(model, tmp_path, steps=2, layers="conv", diversity=2)
    assert (named.manifest.swept, named.left_out) == (("conv", "after", "dense"), {})


def test_what_is_left_out_of_a_keras_network_is_named_with_the_reason(tiny, tmp_path):
    done = jaxviz.sweep(tiny, tmp_path, layers=["first", "classes"], steps=1)
    assert done.left_out == {
        "norm": "no weights of its own",
        "rectified": "no weights of its own",
        "pool": "no weights of its own",
        "second": "not asked for",
        "flat": "no channels",
    }
    half = jaxviz.sweep(tiny, tmp_path, steps=1, stop=lambda: True)
    assert repr(half) == f"Sweep({tmp_path}: 7 of 13 units of 3 layers, recipe plain-quick)"


def test_a_keras_activation_layer_shows_the_layer_before_it(tmp_path):
    import keras

    layers = [
        keras.layers.Input((8, 8, 1)),
        keras.layers.Conv2D(4, 3, name="first"),
        keras.layers.ReLU(name="rectified"),
        keras.layers.Conv2D(4, 3, name="second"),
        keras.layers.Activation("tanh", name="squashed"),
        keras.layers.Flatten(name="flat"),
        keras.layers.Dense(3, name="scores"),
        keras.layers.Softmax(name="classes"),
    ]
    keras.Sequential(layers).save(tmp_path / "a.keras")
    done = jaxviz.sweep(jaxviz.keras.load(tmp_path / "a.keras"), tmp_path / "s", steps=1)
    assert done.manifest.swept == ("rectified", "squashed", "classes")
    assert done.manifest.classes == ("classes",)
    assert done.left_out == {
        "first": "shown after its activation function, in rectified",
        "second": "shown after its activation function, in squashed",
        "flat": "no channels",
        "scores": "shown after its activation function, in classes",
    }
    assert [layer.strongest and layer.strongest.layer for layer in done.layers] == [None, "rectified", "squashed"]


def test_all_layers_of_a_function_are_swept(tmp_path):
    def network(variables, image):
        rows = image[..., 0] @ variables
        return {"rows": rows, "sums": rows.sum(0), "whole": rows.sum()}

    model = jaxviz.from_function(network, jnp.ones((4, 3)), (4, 4, 1))
    done = jaxviz.sweep(model, tmp_path, steps=1, diversity=2)
    assert done.manifest.swept == ("rows", "sums")
    assert done.left_out == {"whole": "no channels"}


def test_images_that_differ_need_positions(tmp_path):
    model = jaxviz.from_function(lambda _, image: {"sums": image.sum((0, 1))}, jnp.ones(()), (4, 4, 2))
    done = jaxviz.sweep(model, tmp_path, steps=1, diversity=2)
    assert done.left_out == {"sums diversity": "no layer before it has positions"}
    assert done.complete


def test_the_command_line_says_what_is_left_out(monkeypatch, capsys, tmp_path, ordinary, tiny):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jaxviz.keras, "load", lambda *_, **__: {"a.h5": ordinary, "b.h5": tiny}[Path(_[0]).name])
    for name in ("a.h5", "b.h5"):
        (tmp_path / name).touch()
    _, out, _ = run(monkeypatch, capsys, "sweep", "a.h5", "--steps", 1, "--out", "a")
    assert out.splitlines()[1:] == ["shown before the activation function, whose output cannot be read: a, b"]
    _, out, _ = run(monkeypatch, capsys, "sweep", "b.h5", "--steps", 1, "--out", "b")
    assert out.splitlines()[1:] == [
        "not swept (no weights of its own): norm, rectified, pool",
        "not swept (no channels): flat",
    ]
    _, out, _ = run(monkeypatch, capsys, "sweep", "b.h5", "--steps", 1, "--out", "b", "--json")
    assert json.loads(out)["left_out"]["flat"] == "no channels"
