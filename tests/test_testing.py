"""The check of objectives: conforming objectives pass, and each violation is named."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_networks import mirror, network

import jaxviz
from jaxviz import objectives as obj
from jaxviz.testing import check_objective
from jaxviz.values.errors import JaxvizError


def test_a_batch_conforms():
    found = check_objective(obj.channel("conv"), network(), other=obj.channel("conv", [3, 2, 1, 0]))
    assert found.labels == ("conv:0", "conv:1", "conv:2", "conv:3")
    assert found.group == 1
    # A linear unit, whose random image is that of the key: the score there is the layer's own.
    image = jax.random.uniform(jax.random.key(0), (4, 1, 6, 6, 2))[:, 0]
    own = np.diagonal(np.asarray(network()(image)["conv"]).mean((1, 2)))
    np.testing.assert_allclose(found.before, own, rtol=1e-4, atol=1e-6)
    # 8 steps of 0.1 along a gradient made of mean square 1 raise it by 0.8 of the gradient's length, times sqrt(72).
    rise = [
        np.sqrt(72) * np.linalg.norm(jax.grad(lambda x, one=one: network().ask(x, one))(image[0])) for one in _rows()
    ]
    np.testing.assert_allclose(found.after - found.before, 0.8 * np.array(rise), rtol=1e-3)


def _rows():
    return [obj.channel("conv", row).resolve(network()).one() for row in range(4)]


def test_groups_and_functions_conform():
    assert check_objective(obj.diversity("relu", group=3), network()).group == 3
    assert check_objective(lambda activations: activations["dense"][0], network()).labels == ("<lambda>",)
    assert len(check_objective(obj.channel("conv", [0] * 9), network()).before) == 4


def test_the_default_model_is_at_hand(mnist, monkeypatch):
    monkeypatch.setattr(jaxviz.testing, "default_model", network)
    assert check_objective(obj.channel("relu", 1)).labels == ("relu:1",)


@partial(jax.tree_util.register_dataclass, data_fields=["index"], meta_fields=["how"])
@dataclasses.dataclass(frozen=True)
class Own(obj.Objective):
    """A unit of the dense layer, broken in a way that its field says."""

    index: object
    how: object = None

    def __call__(self, activations):
        score = activations["dense"][self.index]
        if self.how == "vector":
            return score[None]
        if self.how == "whole number":
            return score.astype(int)
        if self.how == "batch":
            return odd_in_a_batch(score)
        if self.how == "raises":
            raise IndexError("no such thing")
        if self.how == "falls":
            return falling(score)
        return score

    def resolve(self, model):
        if self.how == "no resolve":
            raise KeyError("lost")
        if self.how == "resolves to nothing":
            return None
        if self.how == "no axis":
            return self
        return Own(np.atleast_1d(self.index), self.how() if callable(self.how) else self.how)

    def layers(self):
        return ("dense",)

    def labels(self):
        if self.how == "no labels":
            raise AttributeError("labels")
        if self.how == "numbers":
            return [1]
        if self.how == "one label":
            return ["own"]
        if self.how == "many labels":
            return ["own:0", "own:1"]
        return [f"own:{index}" for index in np.atleast_1d(self.index)]


@jax.custom_batching.custom_vmap
def _one_more_in_a_batch(score):
    return score


_one_more_in_a_batch.def_vmap(lambda size, batched, score: (score + 1, batched[0]))
odd_in_a_batch = jax.custom_vjp(_one_more_in_a_batch)
odd_in_a_batch.defvjp(lambda score: (_one_more_in_a_batch(score), None), lambda _, slope: (slope,))


@jax.custom_jvp
def falling(score):
    return score


falling.defjvp(lambda primals, tangents: (primals[0], -tangents[0]))


@jax.custom_jvp
def crooked(score):
    return score


crooked.defjvp(lambda primals, tangents: (primals[0], tangents[0] * jnp.nan))


class Anew:
    """A value that equals only itself."""


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (obj.channel("none"), "objective Channel does not resolve: unknown layer 'none'"),
        (
            lambda activations: activations["dense"],
            r"objective <lambda> does not resolve: .* gives \(3,\), not one number",
        ),
        (Own(0, "no resolve"), "objective Own does not resolve: KeyError: 'lost'"),
        (Own(0, "resolves to nothing"), "objective Own resolves to NoneType, not to an Objective"),
        (Own(0, "no labels"), "objective Own has no labels: AttributeError: labels"),
        (Own(0, "numbers"), r"objective Own has the labels \(1,\); give a text for each of its batch"),
        (Own([0, 1], "one label"), r"objective Own has 1 labels, and leaves of shapes \(2,\); give each leaf"),
        (Own(0, "many labels"), "objective Own has 2 labels for a batch of 1"),
        (Own(np.int32(0), "no axis"), r"objective Own has 1 labels, and leaves of shapes \(\); give each leaf"),
        (Own(0, "vector"), r"objective own:0 gives \(1,\) of float32, not one number of a float type"),
        (Own(0, "whole number"), r"objective own:0 gives \(\) of int32, not one number of a float type"),
        (
            Own(0, "raises"),
            r"the objective fails in __call__, line \d+ of test_testing.py, `raise .*`: IndexError: no such thing",
        ),
        (Own(0, "falls"), "objective own:0 does not grow along its gradient"),
        (Own([0, 1], "batch"), "objective own:0 gives another score in a batch than alone, by"),
        (Own(0, Anew), "objective own:0 is traced again for an equal objective or other numbers"),
        (
            lambda activations: 0 * jnp.sum(activations["dense"]),
            "objective <lambda> has a gradient of 0 at a random image",
        ),
        (lambda activations: crooked(activations["dense"][0]), "not finite at a random image, in 72 of 72 values"),
    ],
)
def test_what_fails_is_named(objective, message):
    with pytest.raises(JaxvizError, match=message) as caught:
        check_objective(objective, network())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda a: jnp.log(a["same"].mean()), "scores -inf at a flat image of 0, the canvas's lowest value"),
        (
            lambda a: jnp.linalg.norm(a["same"]),
            "not finite at a flat image of 0, the canvas's lowest value, in 75 of 75",
        ),
        (lambda a: a["same"].std(), "a gradient that is not finite at a flat image of 0"),
        (lambda a: -jnp.sqrt(jnp.abs(a["same"][0, 0, 0] - 0.5)), "not finite at a flat image of 0.5, its middle value"),
    ],
)
def test_flat_images(objective, message):
    with pytest.raises(JaxvizError, match=message):
        check_objective(objective, mirror())


def test_others_as_many():
    with pytest.raises(JaxvizError, match="objective conv:0 and the other are 1 and 4; give as many"):
        check_objective(obj.channel("conv", 0), network(), other=obj.channel("conv"))


def test_static_numbers_are_traced_again():
    with pytest.raises(JaxvizError, match="make its numbers leaves of the tree"):
        check_objective(Own(0, 1), network(), other=Own(0, 2))


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda activations: activations["conv"][..., 99].mean(), "index 99 is out of bounds for axis 2 with size"),
        (
            obj.function(
                lambda activations, index: activations["conv"][..., index].mean(), np.array([0, 1, 2, 3, 0, 80])
            ),
            "index 80 is out of bounds for axis 2 with size",
        ),
        (
            lambda activations: activations.channel("conv", 99).mean(),
            "channel 99 of 'conv' is out of range; there are 0 to",
        ),
    ],
)
def test_an_index_beyond_a_layer_is_told(objective, message):
    with pytest.raises(JaxvizError, match=message):
        check_objective(objective, network())
