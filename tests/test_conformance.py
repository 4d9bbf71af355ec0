"""Every exported objective with every exported parameterization: a finite gradient, along which the score rises."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES, EXAMPLES
from objective_networks import network

from jaxviz.ascent.views import plain_view
from jaxviz.parameterizations import Separate
from jaxviz.parameterizations.groups import SharedLowResGroup

pytestmark = pytest.mark.usefixtures("hardly_optimized")

GROUP = 3  # images at once, as many as any of the objectives takes


@jax.jit
def graded(model, objective, images):
    def score(images):
        return objective.combine(jax.vmap(lambda image: model.ask(image, objective.read))(images))

    return jax.value_and_grad(score)(images)


def test_every_objective_rises_with_every_parameterization():
    model = network()
    objectives = {name: case.resolve(model).one() for name, (case, _) in CASES.items()}
    for parameterization in EXAMPLES:
        if isinstance(parameterization, Separate | SharedLowResGroup):
            continue  # of several images already
        parameters, seen, pulled = held(parameterization, model.canvas)
        images = seen(parameters)
        for name, objective in objectives.items():
            before, slope = graded(model, objective, images[: objective.group])
            gradient = pulled(parameters, jnp.zeros_like(images).at[: objective.group].set(slope))
            length = float(np.sqrt(sum((np.asarray(leaf) ** 2).sum() for leaf in jax.tree.leaves(gradient))))
            assert np.isfinite(length), (name, parameterization)
            assert length > 0, (name, parameterization)
            rises = (
                graded(model, objective, seen(moved(parameters, gradient, step / length))[: objective.group])[0]
                > before
                for step in (0.1, 0.01, 1e-3, 1e-4)
            )
            assert any(rises), (name, parameterization)


def held(parameterization, canvas):
    """Draws parameters of some images; returns the images, and the map of their gradients to parameters."""

    @jax.jit
    def seen(parameters):
        return jax.vmap(lambda one: plain_view(parameterization.render(one, canvas), canvas))(parameters)

    keys = jax.random.split(jax.random.key(5), GROUP)
    rng = np.random.default_rng(2)
    # A little away from the start, which is one flat image for some: equal images are as aligned as can be.
    parameters = jax.tree.map(
        lambda leaf: leaf + 0.1 * rng.normal(size=leaf.shape).astype(np.float32),
        jax.jit(jax.vmap(lambda key: parameterization.init(key, canvas)))(keys),
    )
    return parameters, seen, jax.jit(lambda parameters, slope: jax.vjp(seen, parameters)[1](slope)[0])


@jax.jit
def moved(parameters, gradient, step):
    return jax.tree.map(lambda leaf, slope: leaf + step * slope, parameters, gradient)
