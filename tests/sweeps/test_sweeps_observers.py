"""Sweeps beside which another network tells real images apart by the pictures."""

import dataclasses

import jax
import numpy as np
import pytest

import jaxviz
from jaxviz.reports import Observer
from jaxviz.values.errors import JaxvizError

REAL = np.random.default_rng(0).random((24, 12, 12, 2)).astype(np.float32)
SETTINGS = {"layers": ["first", "classes"], "recipe": "seed", "steps": 2}


@pytest.fixture(scope="module")
def other(tiny):
    """The same network with its weights turned round."""
    variables = jax.tree.map(lambda leaf: leaf[::-1], tiny.variables)
    return dataclasses.replace(tiny, variables=variables)


def test_numbers_of_an_observer(tiny, other, tmp_path):
    observer = Observer(other, ("first", "second"))
    done = jaxviz.sweep(tiny, tmp_path, images=REAL, observer=observer, **SETTINGS)
    found = done.layer("first").report
    assert ((found.interpretability >= 0) & (found.interpretability <= 1)).all()
    assert found.facts["observer"].endswith(": first, second, grid 1")
    assert all(done.layer("classes").report.read_by)  # it has as many classes, and is asked whether it reads them
    written = (done.layer("first").folder() / "units.json").stat().st_mtime_ns
    jaxviz.sweep(tiny, tmp_path, images=REAL, observer=observer, **SETTINGS)
    assert (done.layer("first").folder() / "units.json").stat().st_mtime_ns == written
    done = jaxviz.sweep(tiny, tmp_path, images=REAL, observer=observer, negative=True, **SETTINGS)
    assert not np.isnan(done.layer("first").report.with_negative).any()


def test_an_observer_needs_real_images(tiny, other, tmp_path):
    with pytest.raises(JaxvizError, match="an observer compares real images; give them by images="):
        jaxviz.sweep(tiny, tmp_path, observer=other, **SETTINGS)
