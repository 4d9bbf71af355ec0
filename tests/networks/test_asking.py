import traceback

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_networks import SHAPE, network

import jaxviz
from jaxviz import JaxvizError
from jaxviz import objectives as obj
from jaxviz.networks.layer import unknown_layer
from jaxviz.values.errors import OutOfRangeError, OwnFunctionError, UnknownNameError

pytestmark = pytest.mark.usefixtures("hardly_optimized")


def branching(activations):
    if activations["relu"].mean() > 0:
        return activations["relu"].mean()
    return activations["conv"].mean()


def with_numpy(activations):
    return jnp.float32(np.exp(activations["relu"]).mean())


def masking(activations):
    layer = activations["relu"]
    return layer[layer > 0].sum()


def counting_to(activations):
    return sum(activations["relu"].mean() for _ in range(activations["relu"].argmax()))


def of_a_key(activations):
    return activations["relu"].mean() * {"small": 1}["large"]


def of_two_shapes(activations):
    return jnp.mean(activations["relu"] + activations["relu"][:2, :3])


class Branching(obj.Objective):
    def __call__(self, activations):
        return branching(activations)

    def resolve(self, model):
        return self

    def layers(self):
        return ("relu",)

    def labels(self):
        return ["branching"]


jax.tree_util.register_static(Branching)


@pytest.mark.parametrize(
    ("objective", "line", "reason"),
    [
        (branching, 'branching, line 19 of test_asking.py, `if activations["relu"].mean() > 0:`', "write jnp.where("),
        (Branching(), "branching, line 19 of test_asking.py", "or jax.lax.cond"),
        (obj.channel("relu", 1) + obj.function(branching), "branching, line 19 of test_asking.py", "Python's if"),
        (with_numpy, "with_numpy, line 25 of", "NumPy cannot compute with activations"),
        (masking, "masking, line 30 of", "a mask cannot choose among activations"),
        (counting_to, "counting_to, line 34 of", "range() and item() need a value"),
        (of_a_key, "of_a_key, line 38 of", "KeyError: 'large'"),
        (of_two_shapes, "of_two_shapes, line 42 of", "Error: "),
    ],
)
def test_an_objective_that_fails_names_its_line_and_what_to_write(objective, line, reason):
    with pytest.raises(OwnFunctionError) as refusal:
        jaxviz.visualize(network(), objective, "seed", steps=2)
    told = str(refusal.value)
    assert told.startswith(f"the objective fails in {line}")
    assert reason in told
    cause = refusal.value.__cause__
    assert type(cause).__module__.split(".")[0] in ("jax", "builtins")
    text = "".join(traceback.format_exception(refusal.value))
    assert len(text.splitlines()) < 30
    assert "test_asking.py" in text


@pytest.mark.parametrize(
    ("objective", "told"),
    [
        (lambda activations, other: 0.0, "the objective <lambda>: give a function of activations"),
        (obj.function(branching, np.zeros((2, 1))), "the objective branching: give a function of activations and para"),
    ],
)
def test_a_function_of_other_arguments_is_refused(objective, told):
    with pytest.raises(JaxvizError, match=f"^{told}"):
        jaxviz.visualize(network(), objective, "seed", steps=2)


def test_a_watcher_that_fails_is_no_objective_that_fails():
    def watch(part):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as raised:
        jaxviz.visualize(network(), obj.channel("relu", 1), "seed", steps=2, watch=watch)
    assert not isinstance(raised.value, JaxvizError)


def test_an_index_out_of_range_is_no_other_unit():
    with pytest.raises(OutOfRangeError, match="channel 99 of 'relu' is out of range; there are 0 to 3"):
        jaxviz.visualize(network(), lambda activations: activations.channel("relu", 99).mean(), "seed", steps=2)
    with pytest.raises(JaxvizError, match="channel -1 of 'relu' is out of range"):
        jaxviz.visualize(
            network(), lambda activations: activations.channel("relu", np.int32(-1)).mean(), "seed", steps=2
        )
    inside = jaxviz.visualize(network(), lambda activations: activations.channel("relu", 3).mean(), "seed", steps=2)
    assert np.isfinite(inside.final_scores).all()


def test_activations_are_a_mapping():
    images = np.zeros((1, *SHAPE), np.float32)
    batch = network()(images)
    assert "nowhere" not in batch
    assert batch.get("nowhere") is None
    assert "conv" in batch
    with pytest.raises(KeyError):
        batch["nowhere"]
    seen = {}

    def score(activations):
        seen.update(names=list(activations), has="conv" in activations, none=activations.get("nowhere"))
        return activations["conv"].mean()

    obj.function(score).resolve(network())
    assert seen == {"names": [layer.name for layer in network().layers], "has": True, "none": None}


def test_several_layers_compile_once(counting):
    model, images = network(), np.ones((2, *SHAPE), np.float32)

    def compiled(run):
        before = counting.count("/jax/core/compile/backend_compile_duration")
        run()
        return counting.count("/jax/core/compile/backend_compile_duration") - before

    one = {name: np.asarray(model(images)[name]) for name in ("relu", "conv")}
    found = {}
    assert compiled(lambda: found.update(model.activations(images, ["relu", "conv"]))) == 1
    assert list(found) == ["relu", "conv"]
    for name, array in one.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-6)
    walked = {}
    assert compiled(lambda: walked.update(model(images).items())) == 1
    assert list(walked) == [layer.name for layer in model.layers]
    assert compiled(lambda: dict(model(images))) == 0
    assert compiled(lambda: model.activations(images)) == 0
    with pytest.raises(JaxvizError, match="layers 'conv': give several names"):
        model.activations(images, "conv")
    with pytest.raises(UnknownNameError, match="unknown layer 'nowhere'"):
        model.activations(images, ["nowhere"])


def test_of_many_layers_the_nearest_are_named():
    names = [f"block{number}_conv" for number in range(157)]
    told = str(unknown_layer("block7_conc", names))
    assert told.startswith("unknown layer 'block7_conc'; the nearest of this model's 157 are block7_conv, ")
    assert told.endswith("; model.layers, or jaxviz layers FILE, lists all")
    assert len(told) < 250
    few = str(unknown_layer("conv9", ["conv1", "dense"]))
    assert few == "unknown layer 'conv9' (did you mean 'conv1'?); this model has conv1, dense"
