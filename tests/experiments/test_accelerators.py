import jax
import jax.numpy as jnp
import pytest

import jaxviz
from experiments import accelerators


def forward(kernel, image):
    return {"dense": jax.nn.relu(image.ravel() @ kernel)}


def small():
    return jaxviz.from_function(forward, jnp.ones((144, 4)), (12, 12, 1)), "dense"


@pytest.fixture(autouse=True)
def compiler(monkeypatch):
    """The compiler of TPUs, which ends the process where it meets the flags that the tests set for a CPU's compiler."""
    pytest.importorskip("libtpu")
    jax.jit(jnp.sin)(0.0)  # the CPU's has read them once it has compiled
    monkeypatch.delenv("XLA_FLAGS")


def test_a_turned_view_costs_a_tpu_little(monkeypatch, capsys, tmp_path):
    devices, recipe = accelerators.topology("v5e:2x2", 1), jaxviz.recipes.PRESETS["tf-keras-vis"]
    turned, plain = (
        accelerators.account(*small(), recipe.replace(transforms=transforms), devices, 4)
        for transforms in (recipe.transforms, ())
    )
    assert turned.bytes < 10 * plain.bytes  # 75 MB for 1.6 when pixels were gathered
    monkeypatch.setitem(accelerators.NETWORKS, "small", small)
    call = ["--networks", "small", "--recipes", "seed", "--devices", "2", "--results", str(tmp_path / "results")]
    accelerators.main(call)
    first = capsys.readouterr().out
    assert first.startswith("Measured by the compiler, not by a clock.")
    assert first.splitlines()[-1].startswith("| small | seed | v5e:2x2 | 2 | float32 | 256 | ")
    monkeypatch.setattr(accelerators, "account", lambda *_: pytest.fail("compiled again"))
    accelerators.main(call)
    assert capsys.readouterr().out == first


def test_devices_that_the_topology_has_not():
    with pytest.raises(jaxviz.JaxvizError, match=r"^devices of 9: v5e:2x2 has 4$"):
        accelerators.topology("v5e:2x2", 9)
