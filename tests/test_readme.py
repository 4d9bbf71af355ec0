"""The README's code runs as it stands."""

import re

import pytest
from conftest import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_python_blocks_run(block, tmp_path, monkeypatch):
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(block, names)
    assert names["every"].images.shape == (64, 28, 28, 1)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["conv2d_3.npz", "conv2d_3.png"]


def test_there_is_such_a_block():
    assert len(BLOCKS) == 1


def test_pictures_and_pages_that_are_linked_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert all((ROOT / link).exists() for link in links)
