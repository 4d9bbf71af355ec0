import numpy as np
import pytest

from jaxviz import JaxvizError
from jaxviz.ascent import store
from jaxviz.ascent.store import Store


def test_keeps_chunks_whole(tmp_path):
    kept = Store(tmp_path / "run", {"key": "0"})
    assert not kept.has(3)
    kept.write(3, {"image": np.arange(4.0)})
    again = Store(tmp_path / "run", {"key": "0"})
    assert again.has(3)
    np.testing.assert_array_equal(again.read(3)["image"], np.arange(4.0))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["chunk-00003.npz", "run.json"]


def test_refuses_another_run(tmp_path):
    Store(tmp_path, {"key": "0", "steps": "8"})
    with pytest.raises(JaxvizError, match=r"keeps another run: its steps is 8, not 9; give another directory$"):
        Store(tmp_path, {"key": "0", "steps": "9"})
    (tmp_path / "run.json").write_text("[")
    with pytest.raises(JaxvizError, match=r"run\.json is damaged"):
        Store(tmp_path, {"key": "0"})


def test_a_damaged_chunk_is_named_with_the_remedy(tmp_path):
    kept = Store(tmp_path, {})
    (tmp_path / "chunk-00000.npz").write_bytes(b"PK")
    with pytest.raises(JaxvizError, match=r"chunk-00000\.npz .*; delete it, and run again"):
        kept.read(0)


def test_a_chunk_knows_which_one_it_is(tmp_path):
    kept, shapes = Store(tmp_path / "run", {"key": "0"}), {"image": (1,)}
    for chunk in range(3):
        kept.write(chunk, {"image": np.full(1, chunk)})
    kept.path(0).rename(tmp_path / "first")
    kept.path(1).rename(kept.path(0))
    (tmp_path / "first").rename(kept.path(1))
    with pytest.raises(JaxvizError, match=r"chunk-00000\.npz holds chunk 1 of \w+, not chunk 0 of \w+; delete it"):
        kept.read(0)
    other = Store(tmp_path / "other", {"key": "1"})
    other.write(2, {"image": np.full(1, 2)})
    other.path(2).rename(kept.path(2))
    assert [kept.examine(chunk, shapes) for chunk in range(4)] == ["damaged", "damaged", "damaged", "missing"]
    kept.write(2, {"image": np.full(1, 2)})
    assert [kept.examine(chunk, shapes) for chunk in range(4)] == ["missing", "missing", "sound", "missing"]


def test_waits_for_others(tmp_path, monkeypatch):
    kept = Store(tmp_path, {})
    kept.write(0, {"image": np.zeros(1)})
    kept.wait({0: 1})
    glances = iter(range(3))

    def sleep(seconds):
        if next(glances) == 2:
            kept.write(1, {"image": np.zeros(1)})

    monkeypatch.setattr(store.time, "sleep", sleep)
    with kept.alive(1):
        kept.wait({0: 1, 1: 1})


def test_a_process_that_leaves_or_falls_silent_is_noticed(tmp_path, monkeypatch):
    kept = Store(tmp_path, {})
    message = r"^process 1 ended before its work was done: 1 of the 2 chunks are missing; the others are kept in .*"
    kept.write(0, {"image": np.zeros(1)})
    monkeypatch.setattr(store, "_PATIENCE", 0.2)
    with pytest.raises(JaxvizError, match=message):  # it never came
        kept.wait({0: 0, 1: 1})
    (tmp_path / ".alive-1").touch()
    with pytest.raises(JaxvizError, match=message):  # it was killed
        kept.wait({0: 0, 1: 1})
    monkeypatch.setattr(store.time, "sleep", lambda seconds: (tmp_path / ".alive-1").unlink())
    with pytest.raises(JaxvizError, match=message):  # it failed
        kept.wait({0: 0, 1: 1})
