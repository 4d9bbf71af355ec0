import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import relative_difference

import jaxviz
from jaxviz import objectives as obj
from jaxviz.values.errors import JaxvizError


class Block(nn.Module):
    features: int

    @nn.compact
    def __call__(self, x, train):
        y = nn.Conv(self.features, (3, 3), padding=((0, 2), (1, 1)), kernel_dilation=2)(x)
        y = nn.relu(nn.BatchNorm(use_running_average=not train)(y))
        self.sow("intermediates", "rectified", y)
        return y[:, :3, :3] + nn.Conv(self.features, (2, 2), (2, 2), use_bias=False)(x)[:, :3, :3]


class Network(nn.Module):
    """A typical network: blocks, a layer that is called twice, groups, dropout, and a softmax at the end."""

    @nn.compact
    def __call__(self, x, train):
        x = nn.relu(nn.Conv(4, (3, 3), padding="VALID")(x))
        x = Block(6)(x, train)
        grouped = nn.Conv(6, (3, 3), feature_group_count=2, name="twice")
        x = nn.tanh(grouped(nn.tanh(grouped(x))))
        x = nn.ConvTranspose(5, (3, 3), strides=(2, 2), transpose_kernel=True)(x)
        x = nn.Dropout(0.5, deterministic=not train)(x.mean((1, 2)))
        return nn.softmax(nn.Dense(3)(x))


SHAPE = (8, 8, 2)
IMAGES = np.random.default_rng(0).random((2, *SHAPE), np.float32)


def variables_of(module, seed=0, shape=SHAPE, **keywords):
    """The variables of init, with different numbers in every layer."""
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), jnp.ones((1, *shape)), **keywords))
    leaves, structure = jax.tree.flatten(shapes)
    rng = np.random.default_rng(seed)
    return jax.tree.unflatten(structure, [rng.uniform(0.1, 0.9, leaf.shape).astype(np.float32) for leaf in leaves])


@pytest.fixture(scope="module")
def network():
    return jaxviz.from_linen(Network(), variables_of(Network(), train=False), SHAPE, train=False)


def test_layers(network):
    assert [(layer.name, layer.description, layer.output_shape) for layer in network.layers] == [
        ("Conv_0", "Conv (before relu)", (6, 6, 4)),
        ("Block_0/Conv_0", "Conv", (4, 4, 6)),
        ("Block_0/BatchNorm_0", "BatchNorm (before relu)", (4, 4, 6)),
        ("Block_0/rectified", "relu", (4, 4, 6)),
        ("Block_0/Conv_1", "Conv", (3, 3, 6)),
        ("Block_0", "Block", (3, 3, 6)),
        ("twice", "Conv (before tanh)", (3, 3, 6)),
        ("twice#2", "Conv (before tanh)", (3, 3, 6)),
        ("ConvTranspose_0", "ConvTranspose", (6, 6, 5)),
        ("Dropout_0", "Dropout", (5,)),
        ("Dense_0", "Dense", (3,)),
        ("output", "Network", (3,)),
    ]
    assert (network.output, network.logits) == ("output", "Dense_0")
    assert (network.canvas.low, network.canvas.high, network.canvas.shape) == (0, 1, SHAPE)


def test_equals_linen(network):
    expected, left = Network().apply(
        network.variables, IMAGES, train=False, capture_intermediates=True, mutable=["intermediates"]
    )
    found, left = network(IMAGES), left["intermediates"]
    assert relative_difference(found["output"], expected) < 1e-5
    assert relative_difference(found["Conv_0"], left["Conv_0"]["__call__"][0]) < 1e-5
    assert relative_difference(found["twice"], left["twice"]["__call__"][0]) < 1e-5
    assert relative_difference(found["twice#2"], left["twice"]["__call__"][1]) < 1e-5
    assert relative_difference(found["Block_0/Conv_1"], left["Block_0"]["Conv_1"]["__call__"][0]) < 1e-5
    assert relative_difference(found["Block_0/rectified"], left["Block_0"]["rectified"][0]) < 1e-5
    assert relative_difference(found["ConvTranspose_0"], left["ConvTranspose_0"]["__call__"][0]) < 1e-5


@pytest.mark.parametrize(
    "name", ["Conv_0", "Block_0/Conv_1", "twice", "twice#2", "ConvTranspose_0", "Dense_0", "Block_0"]
)
def test_a_channel_alone_equals_the_whole(network, name):
    channels = jnp.arange(network.layer(name).channels)

    def score(image, index, whole):
        def question(activations):
            picked = activations[name][..., index] if whole else activations.channel(name, index)
            return jnp.mean(picked**2)

        return network.ask(image, question)

    both = [
        jax.jit(jax.vmap(jax.value_and_grad(lambda image, index, whole=whole: score(image, index, whole)), (None, 0)))
        for whole in (False, True)
    ]
    (scores, gradients), (whole_scores, whole_gradients) = (function(IMAGES[0], channels) for function in both)
    assert relative_difference(scores, whole_scores) < 1e-5
    assert relative_difference(gradients, whole_gradients) < 1e-5


LAYERS = [
    (nn.Conv(3, (3, 2), strides=(2, 1)), (7, 6, 2)),
    (nn.Conv(3, (3, 3), padding="CIRCULAR"), (6, 6, 2)),
    (nn.Conv(3, (3, 3), padding=1, kernel_dilation=(2, 1), use_bias=False), (7, 6, 2)),
    (nn.Conv(3, (3, 3), input_dilation=2, padding=1), (5, 5, 2)),
    (nn.Conv(4, (3, 3), feature_group_count=4, precision="highest"), (5, 5, 4)),
    (nn.Conv(3, 3, padding="CAUSAL"), (8, 2)),
    (nn.Conv(3, (2, 2, 2), padding="VALID"), (4, 4, 4, 2)),
    (nn.Conv(3, (3, 3), conv_general_dilated=jax.lax.conv_general_dilated), (5, 5, 2)),
    (nn.ConvTranspose(3, (3, 3), strides=(2, 2), padding="CIRCULAR"), (4, 4, 2)),
    (nn.ConvTranspose(3, 4, use_bias=False), (8, 2)),
    (nn.Dense(3, use_bias=False), (4, 2)),
]


@pytest.mark.parametrize(
    ("layer", "shape"), LAYERS, ids=lambda case: case if isinstance(case, tuple) else type(case).__name__
)
def test_every_setting_of_the_layers_that_are_sliced(layer, shape):
    module = nn.Sequential([layer, lambda x: x.mean(tuple(range(1, x.ndim - 1)))])
    variables = variables_of(module, shape=shape)
    model = jaxviz.from_linen(module, variables, shape)
    assert model.layers[0].name == "layers_0"
    image = jnp.asarray(np.random.default_rng(1).random(shape, np.float32))
    expected = layer.apply({"params": variables["params"]["layers_0"]}, image[None])[0]

    @jax.jit
    def both(image):
        def question(activations):
            alone = jax.vmap(lambda index: activations.channel("layers_0", index), out_axes=-1)
            return activations["layers_0"], alone(jnp.arange(layer.features))[..., 0, :]

        return model.ask(image, question)

    whole, parts = both(image)
    assert relative_difference(whole, expected) < 1e-5
    assert relative_difference(parts, expected) < 1e-5


def test_convolutions_are_computed_as_suits_the_device(network):
    read = jax.jit(lambda image: network.module.read(network.variables, image).values)
    for platform, count in (("cpu", 1), ("tpu", 6)):  # on a CPU the transposed one alone
        lowered = jax.export.export(read, platforms=[platform])(IMAGES[0])
        assert lowered.mlir_module().count("stablehlo.convolution") == count


def flops(model, question):
    """Returns the operations of a score and its gradient, as the compiler counts them."""
    score = jax.value_and_grad(lambda image, index: model.ask(image, lambda activations: question(activations, index)))
    return jax.jit(score).lower(IMAGES[0], jnp.int32(1)).compile().cost_analysis()["flops"]


def test_a_channel_alone_costs_less(network):
    alone = flops(network, lambda activations, index: activations.channel("Conv_0", index).sum())
    whole = flops(network, lambda activations, index: activations["Conv_0"][..., index].sum())
    assert alone < 0.5 * whole


def test_layers_above_cost_nothing(network):
    class Stem(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Conv(4, (3, 3), padding="VALID")(x)

    alone = {"params": {"Conv_0": network.variables["params"]["Conv_0"]}}
    stem = jaxviz.from_linen(Stem(), alone, SHAPE)
    assert [layer.name for layer in stem.layers] == ["Conv_0"]  # and no output besides

    def question(activations, index):
        return activations.channel("Conv_0", index).sum()

    assert flops(network, question) == flops(stem, question)


def test_visualizing_again_traces_nothing(counting):
    def made(seed):
        return jaxviz.from_linen(Network(), variables_of(Network(), seed, train=False), SHAPE, train=False)

    jaxviz.visualize(made(0), obj.channel("Block_0/Conv_0", [0, 1]), steps=2)
    models = [made(seed) for seed in (0, 1)]
    before = len(counting)
    for model in models:
        jaxviz.visualize(model, obj.channel("Block_0/Conv_0", [4, 2]), steps=2)
    assert len(counting) == before
    jaxviz.visualize(models[0], obj.channel("Conv_0", 0), steps=2)
    assert len(counting) > before  # checks that the counter works


def test_a_list_of_layers():
    """Linen's Sequential holds a list, and has no hash of its own."""

    def made():
        return nn.Sequential([nn.Conv(4, (3, 3)), nn.relu, nn.Conv(3, (3, 3))])

    first, second = (jaxviz.from_linen(made(), variables_of(made()), SHAPE) for _ in range(2))
    assert first.module == second.module
    assert hash(first.module) == hash(second.module)
    assert first.module != jaxviz.from_linen(nn.Conv(4, (3, 3)), variables_of(nn.Conv(4, (3, 3))), SHAPE).module
    assert [layer.name for layer in first.layers] == ["layers_0", "layers_2"]
    assert jaxviz.visualize(first, obj.channel("layers_2"), steps=3).images.shape == (3, *SHAPE)


class Several(nn.Module):
    @nn.compact
    def encode(self, x):
        hidden = nn.Dense(4)(x.reshape(1, -1))
        return {"hidden": nn.relu(hidden), "size": jnp.int32(4)}, nn.log_softmax(nn.Dense(3)(hidden))


def test_a_method_that_gives_several_things():
    variables = jax.jit(lambda: Several().init(jax.random.key(0), jnp.ones((1, *SHAPE)), method="encode"))()
    model = jaxviz.from_linen(Several(), variables, SHAPE, method="encode", logits="Dense_1")
    assert [layer.name for layer in model.layers] == ["Dense_0", "output/0/hidden", "Dense_1", "output/1"]
    assert (model.output, model.logits) == ("output/1", "Dense_1")
    again = jaxviz.from_linen(Several(), variables, SHAPE, method="encode", output="output/0/hidden")
    assert (again.output, again.logits) == ("output/0/hidden", "output/0/hidden")


@pytest.mark.parametrize("transform", [nn.remat, nn.jit])
def test_lifted_transforms(transform):
    class Lifted(nn.Module):
        @nn.compact
        def __call__(self, x):
            return transform(nn.Conv)(4, (3, 3), name="inner")(x).mean((1, 2))

    model = jaxviz.from_linen(Lifted(), variables_of(Lifted()), SHAPE)
    whole = jax.jit(lambda image: model.ask(image, lambda activations: activations["inner"]))(IMAGES[0])
    part = jax.jit(lambda image: model.ask(image, lambda activations: activations.channel("inner", jnp.int32(2))))(
        IMAGES[0]
    )
    np.testing.assert_allclose(part, whole[..., 2:3], rtol=1e-5)


def test_layers_that_are_scanned_are_computed_whole():
    class Step(nn.Module):
        @nn.compact
        def __call__(self, x, _):
            return nn.tanh(nn.Conv(2, (3, 3))(x)), None

    class Scanned(nn.Module):
        kept: tuple[str, ...]

        @nn.compact
        def __call__(self, x):
            over = dict.fromkeys(self.kept, 0)
            steps = nn.scan(Step, variable_axes=over, split_rngs={"params": True}, length=3)
            return steps(name="steps")(x, None)[0].mean((1, 2))

    hidden, scanned = Scanned(("params",)), Scanned(("params", "intermediates"))
    variables = variables_of(scanned)
    assert [layer.name for layer in jaxviz.from_linen(hidden, variables, SHAPE).layers] == ["output"]
    model = jaxviz.from_linen(scanned, variables, SHAPE)
    assert model.layer("steps/Conv_0").output_shape == (3, 1, 8, 8, 2)  # one a step
    whole = model(IMAGES)["steps/Conv_0"]
    part = jax.jit(
        lambda image: model.ask(image, lambda activations: activations.channel("steps/Conv_0", jnp.int32(1)))
    )
    np.testing.assert_allclose(part(IMAGES[0]), whole[0][..., 1:], rtol=1e-5)


class NeedsMore(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.BatchNorm(use_running_average=not train)(nn.Conv(3, (3, 3))(x))
        return nn.Dropout(0.5, deterministic=not train)(x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": True}, "it changes its own variables; pass what switches training off, such as train=False"),
        ({}, "missing 1 required positional argument: 'train'"),
        ({"train": [False]}, "from_linen cannot pass on {'train': [False]}: unhashable type: 'list'"),
        ({"train": False, "method": "forward"}, "forward"),
        ({"train": False, "input_shape": (8, 8, 3)}, "variables or input_shape are another network's"),
        ({"train": False, "input_shape": (8, 0, 2)}, "input_shape (8, 0, 2): give the shape of one image"),
        ({"train": False, "channel_axis": 1}, "channel_axis 1: give -1 where the image's channels are last"),
        ({"train": False, "without": "batch_stats"}, "give all variables that init returned"),
        ({"train": False, "without": "params"}, "give all variables that init returned"),
        ({"train": False, "output": "Dense_0"}, "unknown layer 'Dense_0'; this model has Conv_0, BatchNorm_0"),
        ({"train": False, "logits": "conv_0"}, "unknown layer 'conv_0' (did you mean 'Conv_0'?)"),
        ({"train": False, "preprocessing": "bgr"}, "unknown preprocessing 'bgr'"),
    ],
)
def test_refusals(change, message):
    variables = variables_of(NeedsMore(), train=False)
    settings = {"input_shape": SHAPE} | change
    variables.pop(settings.pop("without", None), None)
    with pytest.raises(JaxvizError) as refusal:
        jaxviz.from_linen(NeedsMore(), variables, **settings)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_random_numbers_are_refused():
    with pytest.raises(JaxvizError, match="it draws random numbers; pass what switches training off"):
        jaxviz.from_linen(nn.Dropout(0.5, deterministic=False), {}, SHAPE)


def test_unknown_layers_are_named(network):
    with pytest.raises(JaxvizError, match="unknown layer 'Conv_9'"):
        jaxviz.visualize(network, obj.channel("Conv_9"))
    with pytest.raises(JaxvizError, match="unknown layer 'nothing'"):
        jaxviz.visualize(network, lambda activations: activations["nothing"].sum())
