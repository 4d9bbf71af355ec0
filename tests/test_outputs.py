import pytest

from jaxviz.errors import JaxvizError
from jaxviz.outputs import staged


def test_files_appear_together(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept.txt").write_text("kept")
    (tmp_path / "out" / "a.txt").write_text("old")
    with staged(tmp_path / "out") as stage:
        (stage / "a.txt").write_text("new")
        (stage / "b.txt").write_text("new")
        assert (tmp_path / "out" / "a.txt").read_text() == "old"
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        "kept.txt": "kept",
        "a.txt": "new",
        "b.txt": "new",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(tmp_path, failure):
    def work():
        with staged(tmp_path / "deep" / "out") as stage:
            (stage / "a.txt").write_text("half")
            raise failure

    with pytest.raises(failure):
        work()
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(JaxvizError, match="is a file; give a directory"), staged(tmp_path / "out"):
        pass
    with pytest.raises(JaxvizError, match="cannot write to"), staged(tmp_path / "out" / "inside"):
        pass
