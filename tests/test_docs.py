"""The code on the pages of the documentation runs as it stands."""

import re

import pytest
from conftest import ROOT
from PIL import Image

PAGE = ROOT / "docs" / "your-model.md"
SCALING = ROOT / "docs" / "scaling.md"
OWN = ROOT / "docs" / "write-your-own-objective.md"
BLOCKS = re.findall(r"^## (.*?)\n.*?```python\n(.*?)```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", [block for _, block in BLOCKS], ids=[heading for heading, _ in BLOCKS])
def test_python_blocks_run(block, capsys):
    exec(block, {})
    printed = capsys.readouterr().out
    assert printed in PAGE.read_text()
    assert "jaxviz.visualize(" in block


def test_there_is_one_for_each_door():
    doors = ["jaxviz.from_linen(", "jaxviz.from_nnx(", "jaxviz.from_function(", "with_preprocessing("]
    assert len(BLOCKS) == PAGE.read_text().count("```python\n") == len(doors)
    assert all(door in block for door, (_, block) in zip(doors, BLOCKS, strict=True))


def test_pages_that_are_linked_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text())
    assert links
    assert all((PAGE.parent / link).exists() for link in links)


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", SCALING.read_text(), re.DOTALL))
def test_scaling_blocks_run(block):
    exec(block, {})


def test_the_page_on_objectives_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text, names = OWN.read_text(), {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
        assert capsys.readouterr().out in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own_objective.json", "own_objective.png"]
    assert (OWN.parent / "images" / "own_objective.png").is_file()


def test_the_page_on_the_vocabulary_runs_from_top_to_bottom(capsys):
    page = ROOT / "docs" / "vocabulary.md"
    text, names = page.read_text(), {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
        assert capsys.readouterr().out in text


def test_the_page_on_notebooks_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "notebooks.md"
    text, names = page.read_text(), {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
        assert capsys.readouterr().out in text
    made = ["ascent.gif", "ascent.html", "ascent.npz", "ascent.png", "pictures"]
    assert sorted(path.name for path in tmp_path.iterdir()) == made
    # The picture on the page is what its blocks make, but for the last digits of another processor.
    with Image.open("ascent.png") as ours, Image.open(ROOT / "docs" / "images" / "ascent.png") as shipped:
        assert (ours.size, ours.n_frames) == (shipped.size, shipped.n_frames)
    assert (ROOT / "docs" / "images" / "ascent.png").stat().st_size < 300_000


@pytest.mark.parametrize("room", ["objectives", "parameterizations", "transforms", "penalties"])
def test_the_page_on_the_vocabulary_names_all_there_is(room):
    import importlib
    import inspect

    text = (ROOT / "docs" / "vocabulary.md").read_text()
    module = importlib.import_module(f"jaxviz.{room}")
    helpers = {"Objective", "Indices", "fold_key", "Transform", "Penalty", "Parameterization", "check_start", "several"}
    helpers |= {"Field", "Squash", "Sigmoid", "Clip", "Colours", "Separate", "magnitude_of", "Chain"}
    for name in set(module.__all__) - helpers:
        assert f"`{name}" in text or f", {name}" in text, name
        assert inspect.isfunction(getattr(module, name)) or inspect.isclass(getattr(module, name))
