import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import relative_difference
from flax import nnx

import jaxviz
from jaxviz import objectives as obj
from jaxviz.values.errors import JaxvizError

SHAPE = (8, 8, 2)
IMAGES = np.random.default_rng(0).random((2, *SHAPE), np.float32)


class Block(nnx.Module):
    def __init__(self, channels, features, rngs):
        self.conv = nnx.Conv(channels, features, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(features, rngs=rngs)
        self.skip = nnx.Conv(channels, features, (1, 1), use_bias=False, rngs=rngs)

    def __call__(self, x):
        y = nnx.relu(self.norm(self.conv(x)))
        self.sow(nnx.Intermediate, "rectified", y)
        return y + self.skip(x)


class Network(nnx.Module):
    """A typical network: blocks in a list, a layer that is called twice, groups, dropout, and a softmax at the end."""

    def __init__(self, rngs):
        self.stem = nnx.Conv(2, 4, (3, 3), strides=2, padding="VALID", rngs=rngs)
        self.blocks = nnx.List([Block(4, 6, rngs)])
        self.twice = nnx.Conv(6, 6, (3, 3), feature_group_count=2, rngs=rngs)
        self.up = nnx.ConvTranspose(6, 5, (3, 3), strides=(2, 2), transpose_kernel=True, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)
        self.head = nnx.Linear(5, 3, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.stem(x))
        for block in self.blocks:
            x = block(x)
        x = nnx.tanh(self.twice(nnx.tanh(self.twice(x))))
        return nnx.softmax(self.head(self.drop(self.up(x).mean((1, 2)))))


def made(seed=0):
    module = Network(nnx.Rngs(seed))
    module.blocks[0].norm.mean[...] = jnp.linspace(-1, 1, 6)  # as if it had been trained
    module.blocks[0].norm.var[...] = jnp.linspace(0.5, 2, 6)
    return module


@pytest.fixture(scope="module")
def network():
    return jaxviz.from_nnx(made(), SHAPE)


def test_layers(network):
    assert [(layer.name, layer.description, layer.output_shape) for layer in network.layers] == [
        ("stem", "Conv (before relu)", (3, 3, 4)),
        ("blocks/0/conv", "Conv", (3, 3, 6)),
        ("blocks/0/norm", "BatchNorm (before relu)", (3, 3, 6)),
        ("blocks/0/rectified", "relu", (3, 3, 6)),
        ("blocks/0/skip", "Conv", (3, 3, 6)),
        ("blocks/0", "Block", (3, 3, 6)),
        ("twice", "Conv (before tanh)", (3, 3, 6)),
        ("twice#2", "Conv (before tanh)", (3, 3, 6)),
        ("up", "ConvTranspose", (6, 6, 5)),
        ("drop", "Dropout", (5,)),
        ("head", "Linear", (3,)),
        ("output", "Network", (3,)),
    ]
    assert (network.output, network.logits) == ("output", "head")


def test_equals_nnx_in_eval_mode(network):
    module = made()
    module.eval()
    expected, left = nnx.capture(module, nnx.Intermediate, method_outputs=nnx.Intermediate)(IMAGES)
    left, found = nnx.to_pure_dict(left), network(IMAGES)
    assert relative_difference(found["output"], expected) < 1e-5
    assert relative_difference(found["stem"], left["stem"]["__call__"][0]) < 1e-5
    assert relative_difference(found["blocks/0/norm"], left["blocks"][0]["norm"]["__call__"][0]) < 1e-5
    assert relative_difference(found["blocks/0/rectified"], left["blocks"][0]["rectified"][0]) < 1e-5
    assert relative_difference(found["twice#2"], left["twice"]["__call__"][1]) < 1e-5
    assert relative_difference(found["up"], left["up"]["__call__"][0]) < 1e-5


def test_the_module_stays_as_it_is():
    module = made()
    jaxviz.visualize(jaxviz.from_nnx(module, SHAPE), obj.channel("stem", 0), steps=1)
    assert not module.drop.deterministic
    assert not module.blocks[0].norm.use_running_average
    assert type(module.stem) is nnx.Conv
    assert module.stem.conv_general_dilated is jax.lax.conv_general_dilated
    assert not hasattr(module.stem, "__captures__")


@pytest.mark.parametrize("name", ["stem", "blocks/0/skip", "twice", "twice#2", "up", "head", "blocks/0"])
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


def test_a_channel_alone_costs_less_and_layers_above_nothing(network):
    def flops(question):
        score = jax.value_and_grad(lambda image, index: network.ask(image, lambda layers: question(layers, index)))
        return jax.jit(score).lower(IMAGES[0], jnp.int32(1)).compile().cost_analysis()["flops"]

    alone = flops(lambda layers, index: layers.channel("stem", index).sum())
    whole = flops(lambda layers, index: layers["stem"][..., index].sum())
    above = flops(lambda layers, index: layers.channel("blocks/0/conv", index).sum())
    assert alone < 0.5 * whole
    assert whole < 0.5 * above


def test_visualizing_again_traces_nothing(counting):
    jaxviz.visualize(jaxviz.from_nnx(made(), SHAPE), obj.channel("blocks/0/conv", [0, 1]), steps=2)
    model = jaxviz.from_nnx(made(1), SHAPE)
    another = model.replace(variables=nnx.state(made(2)))
    before = len(counting)
    first = jaxviz.visualize(model, obj.channel("blocks/0/conv", [4, 2]), steps=2)
    second = jaxviz.visualize(another, obj.channel("blocks/0/conv", [4, 2]), steps=2)
    assert len(counting) == before
    assert (first.images != second.images).any()


def test_layers_under_transforms():
    class Deep(nnx.Module):
        def __init__(self, rngs):
            @nnx.split_rngs(splits=3)
            @nnx.vmap(in_axes=0, out_axes=0)
            def stacked(rngs):
                return nnx.Conv(2, 2, (3, 3), rngs=rngs)

            self.stack = stacked(rngs)
            self.last = nnx.Conv(2, 3, (3, 3), rngs=rngs)

        def __call__(self, x):
            step = nnx.scan(lambda x, conv: nnx.tanh(conv(x)), in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
            return nnx.remat(lambda last, x: last(x))(self.last, step(x, self.stack))

    model = jaxviz.from_nnx(Deep(nnx.Rngs(0)), SHAPE)
    assert [(layer.name, layer.output_shape) for layer in model.layers] == [
        ("stack", (3, 1, 8, 8, 2)),  # one a step
        ("last", (8, 8, 3)),
    ]
    for name in ("stack", "last"):
        result = jaxviz.visualize(model, obj.channel(name), steps=2)
        assert (result.final_scores != result.scores[:, 0]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_shape": (8, 8, 3)}, "Network does not run on an image of shape (8, 8, 3): "),
        ({"input_shape": (8, 8)}, "Network does not run on an image of shape (8, 8): "),
        ({"input_shape": ()}, "input_shape (): give the shape of one image, such as (28, 28, 1)"),
        ({"method": "forward"}, "has no attribute 'forward'"),
        ({"train": False}, "unexpected keyword argument 'train'"),
        ({"train": [False]}, "from_nnx cannot take {'train': [False]} for this module: unhashable type: 'list'"),
        ({"output": "heads"}, "unknown layer 'heads' (did you mean 'head'?); this model has stem, blocks/0/conv"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(JaxvizError) as refusal:
        jaxviz.from_nnx(made(), **{"input_shape": SHAPE} | change)
    assert message in str(refusal.value)
