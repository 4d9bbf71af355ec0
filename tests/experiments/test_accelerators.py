import jax
import jax.numpy as jnp
import pytest

import jaxviz
from experiments import accelerators


def forward(kernel, image):
    return {"dense": jax.nn.relu(image.ravel() @ kernel)}


def small():
    return jaxviz.from_function(forward, jnp.ones((144, 4)), (12, 12, 1)), "dense"


def test_a_turned_view_costs_a_tpu_little(monkeypatch, capsys):
    pytest.importorskip("libtpu")
    devices, recipe = accelerators.topology("v5e:2x2", 1), jaxviz.recipes.PRESETS["tf-keras-vis"]
    turned, plain = (
        accelerators.account(*small(), recipe.replace(transforms=transforms), devices, 4)
        for transforms in (recipe.transforms, ())
    )
    assert turned.bytes < 10 * plain.bytes  # 75 MB for 1.6 when pixels were gathered
    monkeypatch.setitem(accelerators.NETWORKS, "small", small)
    accelerators.main(["--networks", "small", "--recipes", "seed", "--devices", "2"])
    assert "measured by the compiler, not by a clock" in capsys.readouterr().out


def test_devices_that_the_topology_has_not():
    pytest.importorskip("libtpu")
    with pytest.raises(jaxviz.JaxvizError, match=r"^devices of 9: v5e:2x2 has 4$"):
        accelerators.topology("v5e:2x2", 9)
