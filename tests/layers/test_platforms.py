"""The platform that a program is compiled for decides which form is traced."""

import jax
import jax.numpy as jnp
import pytest

from jaxviz.layers.platforms import by_platform, compiled_for


def formed(x):
    return by_platform(jnp.asarray(x), default=lambda x: x + 1, cpu=lambda x: x + 2, tpu=lambda x: x + 3)


@pytest.mark.parametrize(("platform", "added"), [("cpu", 2), ("gpu", 1), ("tpu", 3)])
def test_only_the_form_of_a_known_platform_is_traced(platform, added):
    with compiled_for(platform):
        assert formed(0.0) == added
        traced = jax.make_jaxpr(lambda x: formed(x))(0.0)  # JAX would keep the trace of a function that it knows
    assert [equation.primitive.name for equation in traced.eqns] == ["add"]


def test_jax_chooses_where_no_platform_is_known():
    assert formed(0.0) == 2
    with compiled_for("tpu"), compiled_for(None):
        jitted = jax.jit(lambda x: formed(x))
        module = jax.export.export(jitted, platforms=["cuda", "tpu"])(jnp.zeros(())).mlir_module()
    assert "1.0" in module
    assert "3.0" in module
    assert "2.0" not in module


def test_a_platform_is_known_only_in_its_block():
    with pytest.raises(ZeroDivisionError), compiled_for("tpu"):
        raise ZeroDivisionError
    assert formed(0.0) == 2
