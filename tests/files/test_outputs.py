import pytest

from jaxviz.files.outputs import staged
from jaxviz.values.errors import JaxvizError


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
    assert list(tmp_path.iterdir()) == []


def test_a_directory_where_a_file_shall_be(tmp_path):
    (tmp_path / "out" / "b.txt").mkdir(parents=True)

    def work():
        with staged(tmp_path / "out") as stage:
            (stage / "a.txt").write_text("a")
            (stage / "b.txt").write_text("b")

    with pytest.raises(JaxvizError, match=r"b.txt is a directory"):
        work()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.txt"]


def test_a_link_to_a_directory(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with staged(tmp_path / "link") as stage:
        (stage / "a.txt").write_text("a")
    assert (tmp_path / "real" / "a.txt").read_text() == "a"


def test_a_name_too_long(tmp_path):
    with pytest.raises(JaxvizError, match="cannot write to"), staged(tmp_path / ("x" * 300)):
        pass


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(JaxvizError, match="is a file; give a directory"), staged(tmp_path / "out"):
        pass
    with pytest.raises(JaxvizError, match="cannot write to"), staged(tmp_path / "out" / "inside"):
        pass
