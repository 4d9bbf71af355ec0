"""What holds across the modules."""

import ast
import importlib
import pkgutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

import jaxviz

# Each room may import those above it only.
ROOMS = [
    "errors",
    "displays",
    "deferral",
    "progress",
    "indices",
    "compilation_cache",
    "outputs",
    "arrays",
    "lowerings",
    "convolution",
    "pooling",
    "preprocessing",
    "model",
    "real_images",
    "graphs",
    "readings",
    "wiring",
    "functions",
    "captures",
    "linen",
    "nnx",
    "containers.limits",
    "containers.tree",
    "containers.zips",
    "containers.hdf5",
    "containers.worker",
    "containers.isolated",
    "containers",
    "keras.stored",
    "keras.wanted",
    "keras.weight_names",
    "keras.named_weights",
    "keras.numbered_weights",
    "keras.weights",
    "keras.flat_weights",
    "keras.filling",
    "keras.configs",
    "keras.kinds",
    "keras.layouts",
    "keras.files",
    "keras.graph",
    "keras.inbound",
    "keras.vocabulary",
    "keras.entries",
    "keras.ordering",
    "keras.dialects",
    "keras.families",
    "keras.activations",
    "keras.layers.settings",
    "keras.layers.computation",
    "keras.layers.convolution",
    "keras.layers.dense",
    "keras.layers.elementwise",
    "keras.layers.custom",
    "keras.layers.merging",
    "keras.layers.normalization",
    "keras.layers.operations",
    "keras.layers.tensorflow",
    "keras.layers.pooling",
    "keras.layers.resizing",
    "keras.layers.scaling",
    "keras.layers.shaping",
    "keras.layers.attention",
    "keras.layers.wrappers",
    "keras.layers",
    "keras.inputs",
    "keras.wires",
    "keras.network",
    "keras.forms",
    "keras.assembly",
    "keras.conversion",
    "keras",
    "default",
    "checkpoints",
    "chunks",
    "preactivations",
    "ensembles",
    "objectives.arguments",
    "objectives.labels",
    "objectives.stacking",
    "objectives.base",
    "objectives.keys",
    "objectives.measures",
    "objectives.layered",
    "objectives.layers",
    "objectives.units",
    "objectives.classes",
    "objectives.directions",
    "objectives.references",
    "objectives.groups",
    "objectives.crossing",
    "objectives.functions",
    "objectives",
    "lexing",
    "expressions",
    "quantities",
    "frozen_arrays",
    "resampling",
    "spectra",
    "transforms.transform",
    "transforms.framing",
    "transforms.warping",
    "transforms.filtering",
    "transforms",
    "penalties",
    "parameterizations.parameterization",
    "parameterizations.fields",
    "parameterizations.pixels",
    "parameterizations.fourier",
    "parameterizations.pyramid",
    "parameterizations.cppn",
    "parameterizations.phases",
    "parameterizations.groups",
    "parameterizations.alpha",
    "parameterizations.balls",
    "parameterizations.centred",
    "parameterizations",
    "optimizers",
    "schedules",
    "recipes.recipe",
    "recipes.presets",
    "recipes",
    "views",
    "relus",
    "ascent",
    "precision",
    "store",
    "batches",
    "visualization",
    "measurements",
    "findings",
    "reports",
    "reporting",
    "testing",
    "images",
    "tiles",
    "figures",
    "animations",
    "markup",
    "notebooks",
    "exports",
    "sweeps.manifest",
    "sweeps.locks",
    "sweeps.aspects",
    "sweeps.commands",
    "sweeps.results",
    "sweeps.evidence",
    "sweeps.memory",
    "sweeps.planning",
    "sweeps.runs",
    "sweeps.sweeping",
    "sweeps",
    "galleries.scripts",
    "galleries.sheets",
    "galleries.albums",
    "galleries.belonging",
    "galleries.details",
    "galleries.drawing",
    "galleries.layers",
    "galleries.publication",
    "galleries",
    "benches",
    "cli.interrupts",
    "cli.printing",
    "cli.options",
    "cli.running",
    "cli.watching",
    "cli.layers",
    "cli.convert",
    "cli.visualize",
    "cli.sweep",
    "cli.gallery",
    "cli.report",
    "cli.recipes",
    "cli.bench",
    "cli.app",
    "cli",
]
MODULES = [name.removeprefix("jaxviz.") for _, name, _ in pkgutil.walk_packages(jaxviz.__path__, "jaxviz.")]


def imports_of(room):
    module = importlib.import_module(f"jaxviz.{room}")
    for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "jaxviz":
            inside = node.module.removeprefix("jaxviz").lstrip(".")
            for alias in node.names:
                whole = f"{inside}.{alias.name}".lstrip(".")
                yield whole if whole in ROOMS else inside
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("jaxviz.") for alias in node.names if alias.name.startswith("jaxviz."))


def test_every_room_is_listed():
    assert sorted(MODULES) == sorted(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_down(room):
    assert {used for used in imports_of(room) if used} <= set(ROOMS[: ROOMS.index(room)])


def test_the_engine_knows_no_keras_no_files_and_no_pictures():
    engine = ["model", "lowerings", "convolution", "pooling", "preprocessing", "graphs", "readings", "wiring"]
    engine += ROOMS[ROOMS.index("preactivations") : ROOMS.index("ascent") + 1]
    for room in engine:
        assert not set(imports_of(room)) & {"keras", "default", "checkpoints", "arrays", "outputs", "figures"}


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_exist(room):
    module = importlib.import_module(f"jaxviz.{room}")
    assert all(hasattr(module, name) for name in module.__all__)
    assert module.__doc__


def test_public_face():
    assert all(getattr(jaxviz, name) is not None for name in jaxviz.__all__)
    assert callable(jaxviz.visualize)
    assert callable(jaxviz.deferred)


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
        assert {"index.html", "gallery.css", "main.js"} <= {Path(name).name for name in archive.namelist()}
    code = "import jaxviz; print(jaxviz.__file__); print(len(jaxviz.default_model().layers))"
    environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": "", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    place, count = run.stdout.split()
    assert place.startswith(str(tmp_path / "site"))
    assert count == "14"
