"""The documentation and the README are true: code runs, commands parse, and links have targets."""

import argparse
import importlib
import re
import types

import jax
import nbformat
import numpy as np
import pytest
import typer
from conftest import ROOT
from pages import NOTEBOOKS, PAGES, blocks, commands, tables, text_of
from PIL import Image

import jaxviz
from experiments import notebooks
from jaxviz import cli

MOST_STEPS = 8  # of any ascent on a page; the printed outputs do not depend on more steps

# The only code on the pages that no test runs.
NOT_RUN = {
    ("scaling.md", "takes two machines"),
    ("keras-files.md", "takes a file of weights"),
    ("gallery.md", "takes half an hour"),
    ("command-line.md", "takes a file networks.py"),
    ("command-line.md", "takes checkpoints of a training"),
    ("scaling.md", "takes several machines"),
}

# The files that pages promise.
LEFT = {
    "README": ["conv2d_3.png", "out"],
    "write-your-own-objective": ["own_objective.json", "own_objective.png"],
    "notebooks": ["ascent.gif", "ascent.html", "ascent.npz", "ascent.png", "pictures"],
    "tutorial": ["patterns"],
}

# Programs that the pages call and that are not ours to test.
IGNORED = {"python3", "pip", "pytest", "ruff", "mypy", "bash", "export", "cd", "mkdocs"}


@pytest.fixture
def few_steps(monkeypatch):
    """Cuts the steps of every ascent but those whose frames are kept, which are as many as the page says."""
    visualize = jaxviz.visualize

    def cut(model, objective, recipe="jaxviz", *, steps=None, **settings):
        wanted = steps if steps is not None else jaxviz.recipes.find(recipe).steps
        most = wanted if "frames" in settings else MOST_STEPS
        return visualize(model, objective, recipe, steps=min(wanted, most), **settings)

    monkeypatch.setattr(jaxviz, "visualize", cut)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A fresh directory with the weights in it, to work in."""
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python_of(page):
    return [block for block in blocks(page) if block.language == "python" and block.reason is None]


@pytest.mark.filterwarnings("ignore:.*left the range:jaxviz.JaxvizWarning")  # as published recipes do
@pytest.mark.parametrize("page", [page for page in PAGES if python_of(page)], ids=lambda page: page.stem)
def test_python_runs_from_top_to_bottom(page, desk, few_steps, capsys):
    names = {"__name__": "__main__"}
    for block in python_of(page):
        exec(compile(block.code, page.name, "exec"), names)
        printed = capsys.readouterr().out
        assert block.output is None or printed == block.output
    if page.stem in LEFT:
        assert sorted(path.name for path in desk.iterdir() if path.name != "weights") == LEFT[page.stem]
    if rows := tables(page, "jaxviz"):
        assert len(rows) > 70
        for idiom, cell in rows:
            for code in re.findall(r"`([^`]+)`", cell):
                try_out(eval(compile(code, idiom, "eval"), names), names["model"])


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.stem)
def test_notebooks_run_and_print_what_they_hold(page, tmp_path):
    stored = nbformat.read(page, as_version=4)
    nbformat.validate(stored)
    done = notebooks.run(stored, tmp_path)
    assert notebooks.texts(done) == notebooks.texts(stored)
    assert sorted(path.name for path in tmp_path.iterdir()) == LEFT.get(page.stem, [])
    assert page.stat().st_size < 400_000  # the pictures in it are small


def try_out(made, model):
    """Checks the value of a right-hand side as far as possible without compiling."""
    key, canvas = jax.random.key(0), model.canvas
    blank = jax.ShapeDtypeStruct(canvas.shape, np.float32)
    if isinstance(made, jaxviz.objectives.Objective):
        assert made.resolve(model).labels()
    elif isinstance(made, jaxviz.parameterizations.Parameterization):
        assert jax.eval_shape(lambda: made.render(made.init(key, canvas), canvas)).shape == canvas.shape
    elif isinstance(made, tuple):
        for one in made:
            try_out(one, model)
    elif type(made).__module__.startswith("jaxviz.transforms"):
        assert jax.eval_shape(made, key, blank).ndim == blank.ndim
    elif type(made).__module__.startswith("jaxviz.penalties"):
        assert jax.eval_shape(made, blank).shape == ()
    else:
        assert made is not None


def test_what_is_not_run():
    found = {(page.name, block.reason) for page in PAGES for block in blocks(page) if block.reason is not None}
    assert found == NOT_RUN


def test_every_block_is_code_or_output():
    assert {block.language for page in PAGES for block in blocks(page)} <= {
        "python",
        "sh",
        "bash",
        "yaml",
        "console",
        "text",
    }


class ParsedError(Exception):
    """Raised when a command line has been parsed."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_are_understood(page, monkeypatch):
    parse_args = argparse.ArgumentParser.parse_args

    def parse(self, *arguments):
        parse_args(self, *arguments)
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    for block in blocks(page):
        for program, *arguments in commands(block) if block.language in ("sh", "bash", "console") else []:
            if program == "jaxviz":
                understand(arguments)
            elif program == "python":
                assert arguments[:1] == ["-m"]
                assert arguments[1].startswith("experiments.")
                monkeypatch.setattr("sys.argv", arguments[1:])
                with pytest.raises(ParsedError):
                    importlib.import_module(arguments[1]).main()
            else:
                assert program in IGNORED, program


def understand(arguments):
    """Parses a ``jaxviz`` command without running it."""
    group = typer.main.get_command(cli.app)
    command = group.commands[arguments[0]]
    command.make_context(arguments[0], arguments[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_and_pictures_that_are_linked_exist(page):
    links = re.findall(
        r"(!?)\[([^\]]*)\]\(([^)#:\s]+)(?:#[^)]*)?\)", re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    )
    for picture, text, target in links:
        assert (page.parent / target).exists(), target
        assert not picture or len(text) > 20  # every picture has an alternative text


def test_the_site_has_every_page():
    nav = re.findall(r"([\w/-]+\.(?:md|ipynb))$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    docs = ROOT / "docs"
    pages = [*docs.rglob("*.md"), *NOTEBOOKS]
    assert sorted(nav) == sorted(str(page.relative_to(docs)) for page in pages)


def test_the_reference_has_every_public_name_once():
    shown = []
    for page in (ROOT / "docs" / "api").glob("*.md"):
        for path in re.findall(r"^::: (jaxviz\.\S+)", page.read_text(), re.MULTILINE):
            home, _, name = path.rpartition(".")
            thing = getattr(importlib.import_module(home), name, None) or importlib.import_module(path)
            shown += (
                [getattr(thing, inside) for inside in thing.__all__] if isinstance(thing, types.ModuleType) else [thing]
            )
    public = {name: getattr(jaxviz, name) for name in jaxviz.__all__}
    for room in [room for room in public.values() if isinstance(room, types.ModuleType)]:
        public |= {f"{room.__name__}.{name}": getattr(room, name) for name in room.__all__}
    found = {id(thing) for thing in shown}
    assert len(found) == len(shown)
    assert [
        name for name, thing in public.items() if id(thing) not in found and not isinstance(thing, types.ModuleType)
    ] == []


def test_the_animation_on_the_page_is_as_long_as_it_says():
    with Image.open(ROOT / "docs" / "images" / "ascent.png") as shipped:
        assert shipped.n_frames == 33
    assert (ROOT / "docs" / "images" / "ascent.png").stat().st_size < 300_000


@pytest.mark.parametrize("room", ["objectives", "parameterizations", "transforms", "penalties"])
def test_the_page_on_the_vocabulary_names_all_there_is(room):
    text = (ROOT / "docs" / "vocabulary.md").read_text()
    helpers = {"Objective", "Indices", "fold_key", "Transform", "Penalty", "Parameterization", "check_start", "several"}
    helpers |= {"Field", "Free", "Squash", "Sigmoid", "Clip", "Colours", "Separate", "magnitude_of", "Chain"}
    for name in set(getattr(jaxviz, room).__all__) - helpers:
        assert f"`{name}" in text or f", {name}" in text, name
