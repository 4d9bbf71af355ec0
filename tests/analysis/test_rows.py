"""Rows are the same in memory and in a file, and however they were added."""

import numpy as np
import pytest

from jaxviz.analysis import rows as module
from jaxviz.analysis.rows import Rows
from jaxviz.values.errors import JaxvizError

NUMBERS = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)


@pytest.fixture(params=[1 << 20, 100], ids=["memory", "file"])
def rows(request, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 16)
    made = Rows(3, in_memory=request.param)
    for some in (NUMBERS[:10], NUMBERS[10:11], NUMBERS[11:11], NUMBERS[11:]):
        made.add(some)
    return made


def test_blocks_hold_all_rows_in_order(rows):
    blocks = list(rows.blocks())
    assert len(rows) == 60
    assert [first for first, _ in blocks] == [0, 16, 32, 48]
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), NUMBERS)


def test_some_are_taken(rows):
    some = np.array([0, 3, 15, 16, 40, 59])
    np.testing.assert_array_equal(rows.take(some), NUMBERS[some])


def test_means_of_groups_do_not_depend_on_the_blocks(rows):
    groups = np.random.default_rng(1).integers(-1, 4, 60)
    whole = [NUMBERS[groups == group].mean(axis=0, dtype=np.float64).astype(np.float32) for group in range(4)]
    np.testing.assert_array_equal(rows.means(groups, 4), whole)


def test_rows_are_added_after_they_were_read(rows):
    list(rows.blocks())
    rows.add(NUMBERS[:2])
    np.testing.assert_array_equal(rows.take(np.array([59, 60, 61])), NUMBERS[[59, 0, 1]])


def test_a_full_disk_is_named(rows, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rows._file, "write", full)
    with pytest.raises(JaxvizError, match=r"cannot hold 744 bytes of activations \(.*No space left .*set TMPDIR"):
        rows.add(NUMBERS[:2])
