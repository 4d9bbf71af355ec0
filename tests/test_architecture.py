"""What holds across the modules: the order of the rooms, public names, a light start, and the wheel."""

import ast
import graphlib
import importlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

import jaxviz
from experiments import architecture

ROOMS = architecture.rooms()
IMPORTS = architecture.imports()
MODULES = [*IMPORTS]


def test_every_room_is_on_the_page():
    assert sorted({name.split(".")[0] for name in MODULES}) == sorted(ROOMS)


def test_only_the_public_names_the_entry_and_the_check_of_objectives_lie_flat():
    assert {path.name for path in (ROOT / "jaxviz").iterdir() if path.is_file()} <= {
        "__init__.py",
        "__main__.py",
        "py.typed",
        "testing.py",
    }
    assert len(ROOMS) <= 22


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_down(room):
    below = {*ROOMS[ROOMS.index(room) :]}
    for name in MODULES:
        if name.split(".")[0] == room:
            assert {used.split(".")[0] for used in IMPORTS[name]} <= below, name


def test_files_do_not_import_each_other():
    assert len([*graphlib.TopologicalSorter(IMPORTS).static_order()]) == len(MODULES)


def test_a_module_named_in_a_string_is_an_import(tmp_path):
    file = tmp_path / "asking.py"
    file.write_text('"""jaxviz.cli in prose."""\nimport importlib\nimportlib.import_module("jaxviz.cli.app")\n')
    assert architecture.imports_of(file, MODULES) == {"cli.app"}


def test_the_picture_is_of_this_code():
    drawn = (ROOT / "docs" / "images" / "architecture.svg").read_text()
    assert drawn == architecture.picture(), "run python -m experiments.architecture"


def test_the_engine_knows_no_keras_no_files_and_no_pictures():
    engine = {"ascent.ascent", "ascent.views", "ascent.relus", "networks.model", "networks.readings"}
    engine |= {name for name in MODULES if name.split(".")[0] in ("objectives", "transforms", "penalties", "recipes")}
    for name in engine:
        assert not {used.split(".")[0] for used in IMPORTS[name]} & {"keras", "files", "pictures"}, name


@pytest.mark.parametrize("name", MODULES)
def test_public_names_exist(name):
    module = importlib.import_module(f"jaxviz.{name}".removesuffix(".__init__"))
    source = Path(module.__file__).read_text()
    assert module.__doc__
    assert len(ast.parse(source).body) == 1 or all(hasattr(module, public) for public in module.__all__)


def test_public_face():
    assert all(getattr(jaxviz, name) is not None for name in jaxviz.__all__)
    assert callable(jaxviz.visualize)
    assert callable(jaxviz.deferred)


def test_the_page_names_files_that_exist():
    page = (ROOT / "docs" / "architecture.md").read_text()
    for path in re.findall(r"`((?:jaxviz|tests|docs)/[\w./-]+)`", page):
        assert (ROOT / path).exists(), path


def test_no_tensorflow_and_a_light_start():
    code = (
        "import sys, jaxviz.cli; print(sorted({'jax', 'flax', 'h5py', 'matplotlib', 'tensorflow'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_the_wheel_carries_the_default_model(tmp_path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    [wheel] = tmp_path.glob("jaxviz_optvis-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        kept = {Path(name).name for name in archive.namelist()}
        assert {"index.html", "gallery.css", "main.js", "photographs.json"} <= kept
    code = "import jaxviz; print(jaxviz.__file__); print(len(jaxviz.default_model().layers))"
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    place, count = run.stdout.split()
    assert place.startswith(str(tmp_path / "site"))
    assert count == "14"
