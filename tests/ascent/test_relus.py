import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jaxviz
from jaxviz import objectives as obj
from jaxviz.ascent.relus import redirect_relus
from jaxviz.keras.layers import activations
from jaxviz.layers.convolution import convolve

# Lucid's truth table: the gradient of the loss, the input, the gradient that passes.
TABLE = [(1, -1, 0), (-1, -1, -1), (1, 1, 1), (-1, 1, -1)]


@jax.custom_jvp
def stretched(x):
    """A relu with another derivative of its own."""
    return jnp.maximum(x, 0)


stretched.defjvps(lambda tangent, _, x: tangent * jnp.where(x > 0, 3.0, 0.0))

RELUS = {
    "jax.nn.relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "maximum": lambda x: jnp.maximum(x, 0),
    "maximum, turned around": lambda x: jnp.maximum(0.0, x),
    "capped": lambda x: jnp.minimum(jnp.maximum(x, 0.0), 4.0),
    "in jit": jax.jit(jax.jit(jax.nn.relu)),
    "keras": activations.Rectifier(),
    "keras, capped": activations.Rectifier(largest=6.0),
}
EVERY = pytest.mark.parametrize("relu", RELUS.values(), ids=RELUS)


def pulled(function, x, gradient):
    """Returns a function's input gradient for an output gradient."""
    return jax.vjp(function, jnp.asarray(x, jnp.float32))[1](jnp.asarray(gradient, jnp.float32))[0]


@EVERY
@pytest.mark.parametrize(("gradient", "x", "through"), TABLE)
def test_the_truth_table(relu, gradient, x, through):
    assert pulled(redirect_relus(relu, True), [x], [gradient]) == through


@EVERY
def test_inactive_is_the_usual_gradient_and_values_never_change(relu):
    x = jnp.array([-2.0, -0.0, 0.0, 1.0, 9.0])
    for gradient in (jnp.arange(5.0) - 2, jnp.array([-1.0, 1, -1, 0, 0])):
        np.testing.assert_array_equal(pulled(redirect_relus(relu, False), x, gradient), pulled(relu, x, gradient))
    for active in (True, False):
        np.testing.assert_array_equal(redirect_relus(relu, active)(x), relu(x))


@EVERY
def test_only_where_the_relu_is_dead_as_a_whole(relu):
    """One active unit with a gradient is enough."""
    x, gradient = jnp.array([-1.0, -1.0, 2.0]), jnp.array([-1.0, 1.0, -1.0])
    np.testing.assert_array_equal(pulled(redirect_relus(relu, True), x, gradient), [0, 0, -1])
    # The active unit has no gradient, so the gradient passes through the others.
    gradient = jnp.array([-1.0, 1.0, 0.0])
    np.testing.assert_array_equal(pulled(redirect_relus(relu, True), x, gradient), [-1, 0, 0])


def test_each_image_for_itself():
    def slope(x, active):
        return jax.grad(redirect_relus(lambda x: -jax.nn.relu(x).sum(), active))(x)

    images = jnp.array([[-1.0, 2.0], [-1.0, -2.0], [-3.0, -3.0]])
    found = jax.jit(jax.vmap(slope))(images, jnp.array([True, True, False]))
    np.testing.assert_array_equal(found, [[0, -1], [-1, -1], [0, 0]])


def test_several_relus_one_after_the_other():
    def network(x):
        return -jax.nn.relu(jax.jit(jax.nn.relu)(x) - 1.0).sum()

    x = jnp.array([-1.0, -2.0])
    assert (jax.grad(network)(x) == 0).all()
    np.testing.assert_array_equal(jax.grad(redirect_relus(network, True))(x), [-1, -1])


def test_functions_with_derivatives_of_their_own_keep_them():
    @jax.custom_vjp
    def doubled(x):
        return x

    doubled.defvjp(lambda x: (x, None), lambda _, gradient: (2 * gradient,))

    def network(x):
        return -jax.nn.relu(doubled(x)).sum()

    x = jnp.array([-1.0, -2.0])
    np.testing.assert_array_equal(jax.grad(redirect_relus(network, True))(x), [-2, -2])
    np.testing.assert_array_equal(jax.grad(redirect_relus(network, True))(-x), [-2, -2])
    # A relu with another derivative keeps that derivative wherever it is active.
    np.testing.assert_array_equal(pulled(redirect_relus(stretched, True), [1.0, -1.0], [1.0, -1.0]), [3, 0])
    np.testing.assert_array_equal(pulled(redirect_relus(stretched, True), [-1.0, -1.0], [1.0, -1.0]), [0, -1])


def test_other_maxima_are_left_alone():
    x = jnp.array([-1.0, -2.0])
    for other in (lambda x: jnp.maximum(x, 1.0), lambda x: jnp.maximum(x, x * 0.5 + 3), jax.nn.leaky_relu):
        np.testing.assert_array_equal(pulled(redirect_relus(other, True), x, [-1, -1]), pulled(other, x, [-1, -1]))


def test_a_relu_whose_cap_is_computed_is_left_alone():
    capped = jax.custom_jvp(lambda x, cap: jnp.minimum(jnp.maximum(x, 0.0), cap))
    capped.defjvps(lambda tangent, _, x, cap: tangent, None)
    x = jnp.array([-1.0, -2.0])
    np.testing.assert_array_equal(pulled(redirect_relus(lambda x: capped(x, x.max() + 9), True), x, [-1, 1]), [-1, 1])


def test_any_tree_comes_back():
    found = redirect_relus(lambda x: {"a": x + 1, "b": (jax.nn.relu(x), 2.0)}, True)(jnp.array([-1.0]))
    assert found["a"] == 0
    assert found["b"][0] == 0
    assert found["b"][1] == 2


class LinenNetwork(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Conv(3, (3, 3), bias_init=nn.initializers.constant(-50.0), name="conv")(x)
        return nn.Dense(2, name="dense")(nn.relu(x).mean((-3, -2)))


class NNXNetwork(nnx.Module):
    def __init__(self):
        self.conv = nnx.Conv(1, 3, (3, 3), rngs=nnx.Rngs(0))
        self.conv.bias[...] = jnp.full(3, -50.0)
        self.dense = nnx.Linear(3, 2, rngs=nnx.Rngs(1))

    def __call__(self, x):
        return self.dense(nnx.relu(self.conv(x)).mean((-3, -2)))


def keras_network(tmp_path):
    import keras

    network = keras.Sequential(
        [
            keras.layers.Input((6, 6, 1)),
            keras.layers.Conv2D(3, 3, name="conv"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(2, name="dense"),
        ]
    )
    shapes = [weights.shape for weights in network.get_weights()]
    rng = np.random.default_rng(0)
    network.set_weights([np.full(shape, -50.0) if len(shape) == 1 else rng.normal(size=shape) for shape in shapes])
    network.save(tmp_path / "dead.h5")
    return jaxviz.keras.load(tmp_path / "dead.h5")


def linen_network(tmp_path):
    variables = jax.jit(LinenNetwork().init)(jax.random.key(0), jnp.zeros((1, 6, 6, 1)))
    return jaxviz.from_linen(LinenNetwork(), variables, input_shape=(6, 6, 1))


def nnx_network(tmp_path):
    return jaxviz.from_nnx(NNXNetwork(), input_shape=(6, 6, 1))


def function_network(tmp_path):
    def forward(kernel, image):
        return {"dense": jax.nn.relu(image.ravel() @ kernel - 50.0) @ jnp.array([[1.0, -1.0], [-1.0, 1.0]])}

    return jaxviz.from_function(forward, jnp.ones((36, 2)), (6, 6, 1))


@pytest.mark.parametrize("make", [keras_network, linen_network, nnx_network, function_network])
def test_networks_of_every_kind(make, tmp_path):
    model = make(tmp_path)
    image = jax.random.uniform(jax.random.key(1), (6, 6, 1))

    def loss(image, active, wrap):
        network = functools.partial(model.ask, question=lambda activations: activations["dense"])
        return -(redirect_relus(network, active) if wrap else network)(image)[0]

    slope = jax.jit(jax.value_and_grad(loss), static_argnames="wrap")
    value, usual = slope(image, False, wrap=False)
    assert (usual == 0).all()
    assert (slope(image, False, wrap=True)[1] == 0).all()
    same, redirected = slope(image, True, wrap=True)
    assert same == value
    assert (redirected != 0).any()


def test_a_redirected_program_stays_about_as_small():
    """XLA repeats cheap operations for each reader, and the sums of a depthwise convolution look cheap to it."""
    kernels = jax.random.normal(jax.random.key(0), (3, 5, 5, 1, 8))

    def network(image):
        for kernel in kernels:
            image = jax.nn.relu6(convolve(image, kernel, padding=((2, 2), (2, 2)), groups=8))
        return -image.mean()

    def operations(function):
        climb = jax.jit(lambda image: jax.lax.fori_loop(0, 9, lambda _, at: at - jax.grad(function)(at), image))
        return climb.lower(jnp.zeros((12, 12, 8))).compile().as_text().count(" = ")

    assert operations(redirect_relus(network, True)) < 3 * operations(network)


def test_only_the_nearest_of_a_dead_relu_gets_the_gradient():
    x, weights = jnp.array([[-3.0, -1.0, -0.5], [-2.0, 4.0, -9.0]]), jnp.array([1.0, 2.0, -1.0])

    def slope(x, nearest):
        return jax.grad(redirect_relus(lambda x: -(jax.nn.relu(x) * weights).sum(), True, nearest=nearest))(x)

    # The third would be pushed further down, so it is no candidate.
    np.testing.assert_array_equal(slope(x[0], True), [0, -2, 0])
    np.testing.assert_array_equal(slope(x[0], False), [-1, -2, 0])
    for nearest in (True, False):  # one that is on is enough
        np.testing.assert_array_equal(slope(x[1], nearest), [0, -2, 0])


@pytest.mark.parametrize("recipe", ["jaxviz", "quick"])
@pytest.mark.parametrize(("layer", "number"), [("conv2d_1", 2), ("conv2d_3", 26)])
def test_the_defaults_draw_filters_that_answer_only_to_rare_patterns(mnist, recipe, layer, number):
    made = {
        redirect: jaxviz.visualize(
            mnist, obj.channel(layer, [number]), jaxviz.recipes.find(recipe).replace(redirect=redirect)
        )
        for redirect in jaxviz.recipes.REDIRECTS
    }
    assert made["all"].dead_labels
    assert not made["nearest"].dead_labels
