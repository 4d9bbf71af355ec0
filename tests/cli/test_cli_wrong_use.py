"""For every command, wrong use prints one line and exits with 2; work that fails prints one line and exits with 1."""

import errno
import json
import subprocess
import sys

import pytest
import typer
from command_line import run
from conftest import ROOT

from jaxviz import JaxvizError, cli

FILE = str(ROOT / "weights" / "mnist_cnn.hdf5")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["visulize"], "no such command 'visulize'; did you mean 'visualize'? `jaxviz --help` shows how it is used"),
        (
            ["visualize", FILE, "--laier", "a"],
            "no such option: --laier (Possible options: --layer); `jaxviz visualize --help` shows how it is used",
        ),
        (["layers"], "missing argument 'FILE'; `jaxviz layers --help` shows how it is used"),
        (["sweep", FILE], "missing option '--out'; `jaxviz sweep --help` shows how it is used"),
        (["visualize", FILE, "--out", "o"], "give either --layer NAME or --objective TEXT"),
        (
            ["visualize", FILE, "--layer", "a", "--objective", "a", "--out", "o"],
            "give either --layer NAME or --objective TEXT",
        ),
        (
            ["visualize", FILE, "--channels", "3", "--objective", "a", "--out", "o"],
            "--channels 3 goes with --layer; in --objective write LAYER:3",
        ),
        (
            ["visualize", FILE, "--objective", "conv2d_3:17 -", "--out", "o"],
            "objective 'conv2d_3:17 -': a unit, a number or '(' is expected at column 14, where it ends",
        ),
        (
            ["visualize", FILE, "--layer", "conv2d_1", "--watch", "a.jpg", "--out", "o"],
            "watch a.jpg: give the name of a .png file",
        ),
        (["gallery", "none"], "no such directory: none; `jaxviz sweep FILE --out none` makes one"),
        (["report", "a.npz"], "no such file: a.npz; give the FILE.npz that `jaxviz visualize` wrote"),
        (["report", "a.npz", "--model", FILE], "no such file: a.npz; give the FILE.npz that `jaxviz visualize` wrote"),
        (["report", "a.npz", "--layer", "b"], "--layer b goes with a sweep's directory; a.npz has one objective"),
        (
            ["report", "none", "--model", FILE],
            "--model: goes with a FILE.npz, and none is none; a sweep has its own numbers",
        ),
        (
            ["recipes", "x"],
            "unknown recipe 'x'; there are jaxviz, quick, seed, seed-digits, lucid, maco, tf-keras-vis, keras-io, "
            "vital, plain, plain-quick, maco-quick, strokes, photographs, photographs-quick, signals, signals-quick",
        ),
        *(
            ([*command, "--images", ".", "--out", "o"], "no pictures in .; give a folder of .jpg or .png files")
            for command in (
                ["attribution", FILE, "logit(3)", "--layer", "conv2d_4"],
                ["circuit", FILE, "logit(3)", "--through", "conv2d_4"],
                ["history", FILE, FILE, FILE, "--objective", "conv2d_1:3", "--match", "conv2d_1"],
                ["sweep", FILE],
                ["atlas", FILE, "--layer", "conv2d_4"],
            )
        ),
        (["bench", "--steps", "0"], "steps of 0: give 1 or more, a whole number below 1,073,741,824"),
        (["bench", "none.h5"], "no such file: none.h5"),
    ],
)
def test_wrong_use(monkeypatch, capsys, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, capsys, *arguments) == (2, "", f"error: {message}\n")
    assert not list(tmp_path.iterdir())


def test_a_number_that_is_none_is_named(monkeypatch, capsys):
    code, _, err = run(monkeypatch, capsys, "visualize", FILE, "--out", "o", "--steps", "a")
    assert code == 2
    assert err.startswith("error: invalid value for '--steps': ")
    assert err.count("\n") == 1


def test_no_command_shows_the_help(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys)
    assert code == 0
    assert "Usage: jaxviz" in out


def test_the_package_is_the_command():
    command = [sys.executable, "-m", "jaxviz", "layers", "nowhere.hdf5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == "error: no such file: nowhere.hdf5"


def test_version(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "--version")
    assert code == 0
    assert out.startswith("jaxviz ")
    assert "jax " in out


def _raise(error):
    raise error


def caused(error, cause):
    error.__cause__ = cause
    return error


class JaxRuntimeError(RuntimeError):
    """As JAX calls it."""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (JaxvizError("a\nb"), 2, "error: a b"),
        (caused(JaxvizError("cannot write"), OSError(errno.ENOSPC, "full")), 1, "error: cannot write"),
        (caused(JaxvizError("cannot read"), OSError(errno.EACCES, "no")), 2, "error: cannot read"),
        (
            OSError(errno.ENOSPC, "No space left", "a.npz"),
            1,
            "error: cannot write a.npz: No space left; make room, and run the same command again",
        ),
        (MemoryError(), 1, "error: out of memory"),
        (JaxRuntimeError("RESOURCE_EXHAUSTED: x\ny"), 1, "error: the machine cannot run this: RESOURCE_EXHAUSTED: x"),
        (typer.BadParameter("bad"), 2, "error: invalid value: bad; `jaxviz --help` shows how it is used"),
    ],
)
def test_exit_codes(capsys, error, code, line):
    with pytest.raises(SystemExit) as end:
        cli.run(lambda: _raise(error))
    assert (end.value.code, capsys.readouterr().err) == (code, f"{line}\n")


def test_a_bug_is_no_user_s_fault():
    with pytest.raises(RuntimeError, match=r"^mine$"):
        cli.run(lambda: _raise(RuntimeError("mine")))


@pytest.mark.parametrize("words", ["jaxviz visualize --recipe se", "jaxviz recipes se"])
def test_recipes_are_completed(monkeypatch, capsys, words):
    monkeypatch.setenv("_JAXVIZ_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    _, out, _ = run(monkeypatch, capsys)
    assert out.split() == ["seed", "seed-digits"]


def test_layers_are_completed(monkeypatch, capsys):
    words = f"jaxviz visualize {FILE} --layer conv2d_"
    monkeypatch.setenv("_JAXVIZ_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", "4")
    _, out, _ = run(monkeypatch, capsys)
    assert out.split() == ["conv2d_1", "conv2d_2", "conv2d_3", "conv2d_4"]


def test_json_is_one_document(monkeypatch, capsys):
    _, out, _ = run(monkeypatch, capsys, "layers", FILE, "--json")
    found = json.loads(out)
    assert found["input"] == {"shape": [28, 28, 1], "low": 0.0, "high": 1.0, "is_assumed": False}
    assert found["layers"][0] == {
        "name": "conv2d_1",
        "class": "Conv2D",
        "output_shape": [24, 24, 32],
        "channels": 32,
    }
    _, out, _ = run(monkeypatch, capsys, "recipes", "lucid", "--json")
    assert json.loads(out)["transforms"][1] == "Jitter(pixels=8)"
    _, out, _ = run(monkeypatch, capsys, "recipes", "--json")
    assert json.loads(out)[0]["steps"] == 128


def test_recipes(monkeypatch, capsys):
    _, out, _ = run(monkeypatch, capsys, "recipes")
    assert ["maco", "256", "32", "range", "FixedMagnitude", "RandomResizedCrop,", "Noise"] in [
        line.split() for line in out.splitlines()
    ]
    _, out, _ = run(monkeypatch, capsys, "recipes", "lucid")
    assert "penalties         none\n" in out
    assert "                  Jitter(pixels=4)\n" in out
