import jax
import jax.numpy as jnp
import numpy as np
from objective_networks import SHAPE, network

import jaxviz
from jaxviz import objectives as obj

IMAGE = jnp.asarray(np.random.default_rng(0).random(SHAPE), jnp.float32)


def test_of_a_keras_file(tiny):
    found = {layer.name: layer.preactivation for layer in tiny.layers if layer.preactivation}
    assert found == {"rectified": "norm", "second": "second/preactivation", "classes": "classes/preactivation"}
    image = jnp.asarray(np.random.default_rng(5).random(tiny.canvas.shape), jnp.float32)
    whole = tiny.ask(image, lambda a: a["second/preactivation"])
    before = obj.channel("second").before_activation(tiny).resolve(tiny)
    np.testing.assert_allclose(tiny.ask(image, before.one(4)), whole[..., 4].mean(), rtol=1e-5)
    assert before.labels()[4] == "second:4 before activation"
    assert before.layers() == ("second/preactivation",)
    flat = obj.channel("norm", 1)  # nothing but a batch normalization
    same = flat.before_activation(tiny).resolve(tiny).one()
    assert tiny.ask(image, same) == tiny.ask(image, flat.resolve(tiny).one())


def test_of_layers_that_are_an_activation(tmp_path):
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((6,)),
            layers.ReLU(name="of_the_image"),
            layers.Dense(4, name="dense"),
            layers.PReLU(name="prelu"),
            layers.Activation("linear", name="linear"),
            layers.Activation("tanh", name="tanh"),
            layers.Softmax(name="softmax"),
            layers.Activation("glu", name="halved"),
        ]
    )
    model.save(tmp_path / "activations.h5")
    found = {layer.name: layer.preactivation for layer in jaxviz.keras.load(tmp_path / "activations.h5").layers}
    assert {name: before for name, before in found.items() if before} == {
        "prelu": "dense",
        "tanh": "linear",
        "softmax": "tanh",
    }


def test_of_a_function():
    found = {layer.name: layer.preactivation for layer in network().layers}
    assert found == {"conv": None, "relu": "conv", "dense": None, "classes": "dense"}


def test_the_larger_of_two_is_no_activation():
    def larger(variables, image):
        halved = image / 2
        return {"halved": halved, "larger": jnp.maximum(halved, image), "clipped": jnp.maximum(halved, 0.1)}

    model = jaxviz.from_function(larger, {}, SHAPE)
    assert {layer.name: layer.preactivation for layer in model.layers} == {
        "halved": None,
        "larger": None,
        "clipped": "halved",
    }


def test_every_kind_of_objective_reads_before_activations():
    model, names = network(), (("relu", "conv"),)
    conv = model.ask(IMAGE, lambda a: a["conv"])
    other = IMAGE[::-1]
    vector = np.array([1.0, -2.0, 0.5, 3.0])
    cases = [
        (obj.neuron("relu", 2, (1, 1)), obj.neuron("conv", 2, (1, 1))),
        (obj.direction("relu", vector, power=1), obj.direction("conv", vector, power=1)),
        (obj.inversion("relu", other), obj.inversion("conv", other)),
        (obj.caricature("relu", other, power=2), obj.caricature("conv", other, power=2)),
        (obj.channel("relu", 1) - 2 * obj.channel("relu", 2), obj.channel("conv", 1) - 2 * obj.channel("conv", 2)),
        (obj.function(lambda a: a["relu"].min()), obj.function(lambda a: a["conv"].min())),
        (sum(obj.channel("relu", at % 4) for at in range(20)), sum(obj.channel("conv", at % 4) for at in range(20))),
    ]
    for after, before in cases:
        read = after.before_activation(model)
        assert read.names[:1] == names
        found = model.ask(IMAGE, read.resolve(model).one())
        np.testing.assert_allclose(found, model.ask(IMAGE, before.resolve(model).one()), rtol=1e-5, atol=1e-6)
    both = obj.diversity("relu", group=2).before_activation(model).resolve(model)
    assert both.group == 2
    pair = jnp.stack([IMAGE, IMAGE])
    assert both.one().combine(jax.vmap(lambda image: model.ask(image, both.one().read))(pair)) < -0.999
    assert (conv < 0).any()


def test_a_dead_relu_has_a_gradient_before_it():
    model = network()
    dead = model.replace(variables=model.variables | {"conv": -jnp.abs(model.variables["conv"])})
    after = obj.channel("relu", 1)
    slopes = [
        jax.grad(lambda x, objective=objective: dead.ask(x, objective))(IMAGE)
        for objective in (after.resolve(dead).one(), after.before_activation(dead).resolve(dead).one())
    ]
    assert (slopes[0] == 0).all()
    assert (slopes[1] != 0).any()
    result = jaxviz.visualize(dead, obj.channel("relu").before_activation(dead), "seed", steps=2)
    assert not result.dead.any()
