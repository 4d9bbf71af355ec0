"""FILE and its options on the command line: files, objects of the user's own code, and what is refused."""

import socket
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import run
from conftest import ROOT
from sweep_trees import tree

import jaxviz

NETWORKS = """
import jax.numpy as jnp, jaxviz

def _network(variables, image):
    hidden = jnp.tanh(image.ravel() @ variables["hidden"])
    return {"hidden": hidden, "classes": hidden @ variables["classes"]}

def small(input_shape=(4, 4, 3)):
    size = input_shape[0] * input_shape[1] * input_shape[2]
    variables = {"hidden": jnp.linspace(-1, 1, size * 5).reshape(size, 5), "classes": jnp.eye(5, 3)}
    return jaxviz.from_function(_network, variables, input_shape)

class Zoo:
    ready = small()

def broken():
    return 1 / 0

def nothing():
    pass

halves = jaxviz.Preprocessing(low=0, high=2)
number = 3
"""
FILE = str(ROOT / "weights" / "mnist_cnn.hdf5")


@pytest.fixture
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "networks", raising=False)
    (tmp_path / "networks.py").write_text(NETWORKS)
    (tmp_path / "names.txt").write_text("cat\ndog\nfish\n")
    (tmp_path / "faulty.py").write_text("import jaxviz\n\nraise KeyError('x')\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (["networks.py:small"], "networks.py:small: input 4 x 4 x 3, from 0 to 1"),
        (["./networks.py:Zoo.ready"], "networks.py:Zoo.ready: input 4 x 4 x 3, from 0 to 1"),
        (["networks:small", "--preprocessing", "-1-1"], "networks:small: input 4 x 4 x 3, from -1 to 1"),
        (
            ["networks:Zoo.ready", "--preprocessing", "networks.py:halves"],
            "networks:Zoo.ready: input 4 x 4 x 3, from 0 to 2",
        ),
        (["networks:small", "--input-shape", "2,3,1"], "networks:small: input 2 x 3 x 1, from 0 to 1"),
        ([FILE, "--preprocessing", "0-255"], "mnist_cnn.hdf5: input 28 x 28 x 1, from 0 to 255"),
        ([FILE, "--input-shape", "40x36x1"], "mnist_cnn.hdf5: input 40 x 36 x 1, from 0 to 1"),
    ],
)
def test_any_model_and_its_range(here, monkeypatch, capsys, arguments, title):
    code, out, _ = run(monkeypatch, capsys, "layers", *arguments)
    assert code == 0
    assert out.splitlines()[0] == title
    assumed = " x 3, from 0" in title and "-pre" not in str(arguments)
    assert ("0 to 1 is an assumption; state it by preprocessing" in out) == assumed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["networks.py:broken"],
            "networks.py:broken fails: ZeroDivisionError: division by zero (HERE/networks.py, line 17)",
        ),
        (["faulty.py:model"], "faulty.py does not run: KeyError: 'x' (HERE/faulty.py, line 3)"),
        (
            ["networks.py:number"],
            "networks.py:number is int; name a jaxviz.Model, or a function without arguments that returns one",
        ),
        (
            ["networks.py:nothing"],
            "networks.py:nothing gives NoneType; name a jaxviz.Model, or a function without arguments that returns one",
        ),
        (["networks.py:other"], "networks.py has no attribute 'other', which networks.py:other names"),
        (["missing.py:model"], "no such file: missing.py"),
        (["no_such_package.zoo:model"], "there is no module 'no_such_package', which no_such_package.zoo:model names"),
        (["no such file"], "no such file: no such file"),
        (
            ["networks:small", "--custom", "networks:number"],
            "--custom: goes with a Keras file; networks:small makes its model itself",
        ),
        (
            [FILE, "--custom", "networks:number"],
            "--custom networks:number is int, not a dict of layers by their names or classes",
        ),
        (
            [FILE, "--custom", "networks"],
            "'networks' names no object; write module:attribute or path/to/file.py:attribute",
        ),
        (
            [FILE, "--preprocessing", "networks:number"],
            "--preprocessing networks:number is int, not a jaxviz.Preprocessing",
        ),
        ([FILE, "--input-shape", "28 by 28"], "--input-shape 28 by 28: give whole numbers, such as 224,224,3"),
        (
            ["networks:Zoo.ready", "--input-shape", "2,2,3"],
            "--input-shape goes with a file or a function; networks:Zoo.ready is a model, whose shape is fixed",
        ),
        (
            ["networks:nothing", "--input-shape", "2,2,3"],
            "--input-shape: networks:nothing takes no argument called input_shape",
        ),
        (
            ["networks:small", "--class-names", "networks.py"],
            "class name 0 is ''; give a text for each class, in the network's order",
        ),
    ],
)
def test_what_is_refused(here, monkeypatch, capsys, arguments, message):
    code, out, err = run(monkeypatch, capsys, "layers", *arguments)
    assert (code, out, err) == (2, "", f"error: {message.replace('HERE', str(here))}\n")


def test_a_custom_layer(here, monkeypatch, capsys):
    import keras

    layers = keras.layers
    keras.Sequential([layers.Input((3,)), layers.Lambda(lambda x: 2 * x, name="twice"), layers.Dense(2)]).save(
        "a.keras"
    )
    (here / "mine.py").write_text("layers = {'twice': lambda x: 2 * x}\n")
    code, out, _ = run(monkeypatch, capsys, "layers", "a.keras", "--custom", "mine:layers")
    assert code == 0
    assert "twice" in out


def test_a_sweep_names_its_model_and_options(here, monkeypatch, capsys):
    words = ["networks.py:small", "--preprocessing", "-1-1", "--class-names", "names.txt"]
    code, out, err = run(monkeypatch, capsys, "sweep", *words, "--layer", "classes", "--steps", 2, "--out", "out")
    assert (code, out.splitlines()[0]) == (0, "out: 3 units of 1 layer, 0 of them dead"), err
    made = jaxviz.Sweep.open("out")
    assert made.command.startswith(f"jaxviz sweep {' '.join(words)} --layer classes")
    again = made.layer("classes").command(1)
    assert again.startswith(f"jaxviz visualize {' '.join(words)} --objective classes:1 --recipe plain-quick")
    assert made.model_name == "small"
    assert made.source == {"file": words[0], "options": " ".join(words[1:])}
    assert made.layer("classes").report.labels == ("classes:0 cat", "classes:1 dog", "classes:2 fish")
    again = made.layer("classes").command(1).split()[1:]
    code, _, err = run(monkeypatch, capsys, *again)
    assert code == 0, err
    [path] = (here / "pictures").glob("*.npz")
    picture = jaxviz.Visualization.load(path)
    assert picture.labels == ("classes:1 dog",)
    np.testing.assert_allclose(picture.images[0], made.layer("classes").visualization().images[1], atol=1e-5)
    code, out, err = run(monkeypatch, capsys, "report", path, "--model", *words)
    assert code == 0, err
    assert "classes:1 dog" in out


def test_completion_runs_no_code(here):
    from jaxviz.cli.options import complete_layer

    assert complete_layer(SimpleNamespace(params={"file": "faulty.py:model"}, args=()), "") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--coordinator", "localhost:1"],
            "--processes, --process: missing; --coordinator, --processes and --process go together",
        ),
        (
            ["--distributed", "--process", "1"],
            "--coordinator, --processes: missing; --coordinator, --processes and --process go together",
        ),
        (
            ["--coordinator", "localhost:1", "--processes", "2", "--process", "2"],
            "--process 2 of --processes 2: give a number from 0 to 1",
        ),
    ],
)
@pytest.mark.parametrize("command", [["visualize", "--layer", "conv2d_1"], ["sweep"]])
def test_processes_that_are_refused(monkeypatch, capsys, tmp_path, command, arguments, message):
    words = [command[0], FILE, *command[1:], *arguments, "--out", tmp_path / "out"]
    assert run(monkeypatch, capsys, *words) == (2, "", f"error: {message}\n")


def test_two_processes_share_a_sweep_and_a_visualization(here, monkeypatch, capsys):
    """Each command is started twice, as a user does on two machines."""

    def both(*words):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        started = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "from jaxviz.cli import main; main()",
                    *words,
                    "--coordinator",
                    f"127.0.0.1:{port}",
                ]
                + ["--processes", "2", "--process", str(process)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for process in range(2)
        ]
        ended = [process.communicate(timeout=240) for process in started]
        assert [process.returncode for process in started] == [0, 0], ended
        return [out for out, _ in ended]

    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    sweep = ["sweep", "networks.py:small", "--layer", "hidden", "--steps", "2", "--chunk", "2", "--out"]
    first, second = both(*sweep, "two")
    assert first.splitlines()[0] == "two: 5 units of 1 layer, 0 of them dead"
    assert second == ""
    assert run(monkeypatch, capsys, *sweep, "one")[0] == 0
    assert tree(here / "two") == tree(here / "one")
    picture = ["visualize", "networks.py:small", "--layer", "hidden", "--steps", "2", "--out"]
    assert [bool(out) for out in both(*picture, "both")] == [True, False]
    assert run(monkeypatch, capsys, *picture, "alone")[0] == 0
    ours, theirs = (jaxviz.Visualization.load(f"{name}/hidden.npz") for name in ("both", "alone"))
    np.testing.assert_array_equal(ours.images, theirs.images)
