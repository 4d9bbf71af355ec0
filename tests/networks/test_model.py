"""A model with other variables: they have the shapes of those that it had."""

import copy

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from objective_networks import network, points

import jaxviz
from jaxviz import JaxvizError
from jaxviz.networks.precision import in_precision

SHAPE = (4, 4, 3)
IMAGES = np.random.default_rng(0).random((2, *SHAPE), np.float32)
VARIABLES = {"params": {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}}
LINEN = jaxviz.from_linen(nn.Dense(2), VARIABLES, SHAPE)


def linear(features):
    return nnx.Sequential(nnx.Linear(3, features, rngs=nnx.Rngs(0)))


NNX = jaxviz.from_nnx(linear(2), SHAPE)
STATE = nnx.state(linear(2))


def without(tree, *path):
    smaller = copy.deepcopy(tree)
    place = smaller
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return smaller


@pytest.mark.parametrize(
    ("model", "variables", "told"),
    [
        (LINEN, VARIABLES["params"], "lack 'params/bias'; this model needs an array of shape (2,) there"),
        (LINEN, without(VARIABLES, "params", "kernel"), "lack 'params/kernel'"),
        (LINEN, {"params": VARIABLES["params"] | {"kernel": jnp.ones((4, 2))}}, "have (4, 2) at 'params/kernel'; this"),
        (LINEN, {}, "lack 'params/bias'"),
        (LINEN, None, "lack 'params/bias'"),
        (NNX, nnx.state(linear(5)), "have (5,) at 'layers/0/bias'; this model needs an array of shape (2,) there"),
        (NNX, without(nnx.to_pure_dict(STATE), "layers", 0, "kernel"), "lack 'layers/0/kernel'"),
        (network(), {"conv": network().variables["conv"]}, "lack 'dense'"),
        (points(), jnp.ones((3, 4)), "have (3, 4) at ''; this model needs an array of shape (3, 2) there"),
    ],
)
def test_other_shapes_are_refused(model, variables, told):
    with pytest.raises(JaxvizError) as refusal:
        model.replace(variables=variables)
    assert f"the variables {told}" in str(refusal.value)


@pytest.mark.parametrize(
    ("model", "variables"),
    [
        (LINEN, flax.core.freeze(VARIABLES)),
        (LINEN, VARIABLES | {"batch_stats": {}, "cache": {"more": jnp.ones(7)}}),
        (LINEN, jax.tree.map(np.asarray, VARIABLES)),
        (LINEN, jax.tree.map(lambda leaf: nn.Partitioned(leaf, names=(None,) * leaf.ndim), VARIABLES)),
        (NNX, STATE),
        (NNX, nnx.to_pure_dict(STATE)),
    ],
    ids=["frozen", "more", "NumPy", "boxed", "state", "pure"],
)
def test_equal_shapes_in_another_dress_are_taken(model, variables):
    name = model.output
    assert model.replace(variables=variables)(IMAGES)[name].shape == (2, 4, 4, 2)


def test_inside_a_transformation_and_in_another_precision():
    doubled = jax.jit(lambda leaf: LINEN.replace(variables=VARIABLES | {"params": {"kernel": leaf, "bias": leaf[0]}}))
    assert doubled(jnp.ones((3, 2))).variables["params"]["bias"].shape == (2,)
    coarse = in_precision(LINEN, "bfloat16")
    assert coarse.replace(variables=VARIABLES).variables is VARIABLES
    assert LINEN.replace(variables={}, module=network().module).variables == {}
