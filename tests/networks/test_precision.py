import re
from unittest.mock import Mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.networks.precision import in_precision, usual


def test_the_network_is_bfloat16_and_what_goes_in_and_comes_out_float32(tiny):
    coarse = in_precision(tiny, "bfloat16")
    assert {leaf.dtype for leaf in jax.tree.leaves(coarse.variables)} == {jnp.dtype("bfloat16")}
    image = jnp.zeros(tiny.canvas.shape)
    program = str(jax.make_jaxpr(lambda image: coarse.ask(image, lambda activations: activations["second"]))(image))
    products = [line for line in program.splitlines() if "dot_general" in line]
    assert products
    assert all("bf16[" in line and "f32[" not in line for line in products)
    answer = coarse.ask(image, lambda activations: (activations["second"], activations.channel("second", jnp.array(1))))
    assert [array.dtype for array in answer] == [jnp.float32, jnp.float32]


def test_scores_stay_near(tiny):
    exact = jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=4)
    coarse = jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=4, precision="bfloat16")
    assert coarse.images.dtype == np.float32
    assert coarse.provenance["precision"] == "bfloat16"
    assert (coarse.scores != exact.scores).any()
    # 8 bits of mantissa, and a few sums: some parts in a thousand.
    np.testing.assert_allclose(coarse.scores, exact.scores, rtol=0.03, atol=0.03 * exact.scores.max())


def linen():
    import flax.linen as nn

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(2, name="second")(nn.relu(nn.Conv(3, (3, 3))(x)).mean((1, 2)))

    variables = jax.jit(Network().init)(jax.random.key(0), jnp.zeros((1, 6, 6, 1)))
    return jaxviz.from_linen(Network(), variables, (6, 6, 1))


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
@pytest.mark.parametrize("kind", ["keras", "linen"])
def test_products_have_the_bits_that_were_asked_for(tiny, kind, platform):
    model = tiny if kind == "keras" else linen()

    def precisions(precision):
        coarse = in_precision(model, precision)
        slope = jax.jit(jax.grad(lambda image: coarse.ask(image, lambda activations: activations["second"].sum())))
        module = jax.export.export(slope, platforms=[platform])(jnp.zeros(model.canvas.shape)).mlir_module()
        return set(re.findall(r"precision = \[(\w+), \w+\]|#stablehlo<precision (\w+)>", module))

    assert {name for pair in precisions("float32") for name in pair} - {""} == {"HIGHEST"}
    assert {name for pair in precisions("tensorfloat32") for name in pair} - {""} == {"HIGH"}


def test_scores_of_tensorfloat32_end_in_float32(tiny):
    """On a CPU, which computes products in float32, the images are equal too."""
    exact = jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=4)
    coarse = jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=4, precision="tensorfloat32")
    assert coarse.provenance["precision"] == "tensorfloat32"
    np.testing.assert_allclose(coarse.images, exact.images, rtol=1e-5)
    np.testing.assert_allclose(coarse.final_scores, exact.final_scores, rtol=1e-5)


@pytest.mark.parametrize(
    ("platform", "expected"), [("cpu", "float32"), ("gpu", "tensorfloat32"), ("tpu", "tensorfloat32")]
)
def test_what_an_ascent_uses_if_none_is_named(tiny, monkeypatch, platform, expected):
    monkeypatch.setattr(jax, "local_devices", lambda: [Mock(spec=jax.Device, platform=platform)])
    assert usual() == expected
    monkeypatch.undo()
    monkeypatch.setattr("jaxviz.visualization.entry.usual", lambda: expected)
    assert jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=1).provenance["precision"] == expected


def test_float32_is_the_model_itself(tiny):
    assert in_precision(tiny, "float32") is tiny


def test_unknown(tiny):
    with pytest.raises(
        jaxviz.JaxvizError, match=r"^unknown precision 'half'; there are float32, tensorfloat32, bfloat16$"
    ):
        jaxviz.visualize(tiny, obj.channel("second"), precision="half")
