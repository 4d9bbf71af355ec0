import jax
import numpy as np
import pytest
from conftest import ROOT

from jaxviz import checkpoints
from jaxviz.values.errors import JaxvizError


def test_round_trip(tiny, tmp_path):
    checkpoints.save(tmp_path / "new" / "tiny", tiny.variables)
    blank = tiny.replace(variables=jax.tree.map(np.zeros_like, tiny.variables))
    blank = blank.replace(variables=jax.tree.map(jax.numpy.asarray, blank.variables))
    again = checkpoints.load(tmp_path / "new" / "tiny", blank)
    jax.tree.map(np.testing.assert_array_equal, again.variables, tiny.variables)


def test_the_shipped_checkpoint_equals_the_shipped_file(mnist):
    shipped = checkpoints.load(ROOT / "weights" / "mnist_cnn", mnist)
    jax.tree.map(np.testing.assert_array_equal, shipped.variables, mnist.variables)


def test_saving_again_replaces(tiny, tmp_path):
    checkpoints.save(tmp_path / "tiny", jax.tree.map(lambda w: w + 1, tiny.variables))
    checkpoints.save(tmp_path / "tiny", tiny.variables)
    jax.tree.map(np.testing.assert_array_equal, checkpoints.load(tmp_path / "tiny", tiny).variables, tiny.variables)


def test_a_directory_of_other_things_is_not_replaced(tiny, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(JaxvizError, match="exists and is no checkpoint"):
        checkpoints.save(tmp_path, tiny.variables)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_place_that_cannot_be_written(tiny, tmp_path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(JaxvizError, match="cannot write to"):
        checkpoints.save(tmp_path / "file" / "inside", tiny.variables)


def test_refusals(tiny, mnist, tmp_path):
    with pytest.raises(JaxvizError, match="no Orbax checkpoint"):
        checkpoints.load(tmp_path, tiny)
    checkpoints.save(tmp_path / "tiny", tiny.variables)
    with pytest.raises(JaxvizError, match="holds another architecture"):
        checkpoints.load(tmp_path / "tiny", mnist)
