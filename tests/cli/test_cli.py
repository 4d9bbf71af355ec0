"""The commands as a user types them: their files, and one line and exit code 2 for errors that a user can correct."""

import contextlib
import json
import sys

import numpy as np
import pytest
from command_line import run
from conftest import ROOT
from PIL import Image

import jaxviz
from experiments import mnist_filters
from jaxviz import cli
from jaxviz.keras.default import default_path

COMMANDS = ["layers", "convert", "visualize", "sweep", "gallery", "report", "recipes", "bench"]
COMMANDS += ["atlas", "attribution", "circuit", "history", "relate"]
FILE = str(ROOT / "weights" / "mnist_cnn.hdf5")


def run_experiment(capsys, *arguments):
    try:
        cli.run(lambda: mnist_filters.main([str(argument) for argument in arguments]))
        code = 0
    except SystemExit as end:
        code = end.code
    output = capsys.readouterr()
    return code, output.out, output.err


def test_layers(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "layers", FILE)
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["conv2d_3", "Conv2D", "9", "x", "9", "x", "64", "64"] in rows
    assert ["flatten_1", "Flatten", "576", "-"] in rows


def test_convert(monkeypatch, capsys, tmp_path, mnist):
    code, out, _ = run(monkeypatch, capsys, "convert", FILE, tmp_path / "variables")
    assert code == 0
    assert "14 layers" in out
    again = jaxviz.checkpoints.load(tmp_path / "variables", mnist)
    np.testing.assert_array_equal(
        again.variables["params"]["dense_3"]["kernel"], mnist.variables["params"]["dense_3"]["kernel"]
    )
    code, _, err = run(monkeypatch, capsys, "convert", FILE, tmp_path / "variables")
    assert code == 2
    assert "variables is there already; give another DIRECTORY, or --overwrite to replace it" in err
    assert run(monkeypatch, capsys, "convert", FILE, tmp_path / "variables", "--overwrite")[0] == 0


def test_visualize(monkeypatch, capsys, tmp_path):
    arguments = ["visualize", FILE, "--layer", "conv2d_2", "--channels", "0:3,7", "--steps", 4, "--seed", 5]
    code, out, err = run(monkeypatch, capsys, *arguments, "--out", tmp_path / "out")
    assert code == 0
    assert "4 pictures" in out
    assert "conv2d_2: 4 pictures" in err  # progress, one line where there is no terminal
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["conv2d_2.npz", "conv2d_2.png"]
    result = jaxviz.Visualization.load(tmp_path / "out" / "conv2d_2.npz")
    assert result.labels == tuple(f"conv2d_2:{index}" for index in (0, 1, 2, 7))
    assert result.scores.shape == (4, 4)


def test_visualize_replaces_no_earlier_pictures_unless_told(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    command = ["visualize", FILE, "--layer", "conv2d_1", "--steps", 1, "--out", "out"]
    assert run(monkeypatch, capsys, *command, "--channels", "0:2")[0] == 0
    first = (tmp_path / "out" / "conv2d_1.npz").read_bytes()
    for other in (["--channels", "3"], ["--channels", "0:2", "--recipe", "seed"]):
        code, out, err = run(monkeypatch, capsys, *command, *other)
        assert (code, out) == (2, "")
        assert err == "error: out/conv2d_1.png is there already; give another --out, or --overwrite to replace it\n"
        assert (tmp_path / "out" / "conv2d_1.npz").read_bytes() == first
    assert run(monkeypatch, capsys, *command, "--channels", "3", "--overwrite")[0] == 0
    assert jaxviz.Visualization.load("out/conv2d_1.npz").labels == ("conv2d_1:3",)


def test_visualize_that_is_told_to_stop_says_what_is_kept(monkeypatch, capsys, tmp_path):
    module = sys.modules["jaxviz.cli.visualize"]
    monkeypatch.setattr(module, "interrupts", lambda: contextlib.nullcontext(lambda: True))
    monkeypatch.setattr("os._exit", sys.exit)  # by which a stopped command leaves
    command = ["visualize", FILE, "--layer", "conv2d_1", "--channels", "0:4", "--steps", 1, "--out", tmp_path / "out"]
    code, out, err = run(monkeypatch, capsys, *command, "--keep", tmp_path / "kept")
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == (
        f"stopped: 0 of 4 pictures are kept in {tmp_path / 'kept'}; the same command goes on"
    )
    assert not list((tmp_path / "out").glob("*"))


def test_visualize_leaves_an_animation_a_page_and_a_file_of_each_picture(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    command = ["visualize", FILE, "--objective", "conv2d_1:3,7", "--recipe", "plain", "--steps", 3, "--out", "out"]
    code, out, _ = run(monkeypatch, capsys, *command, "--gif", "--each", "--html")
    assert (code, out) == (0, "out/conv2d_1.3.7.png, .npz, .gif, .html and out/conv2d_1.3.7/: 2 pictures\n")
    stem = "conv2d_1.3.7"
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    whole = {f"{stem}{suffix}" for suffix in (".png", ".npz", ".gif", ".html")}
    assert files == whole | {f"{stem}/conv2d_1-3.png", f"{stem}/conv2d_1-7.png"}
    with Image.open(f"out/{stem}.gif") as film, Image.open(f"out/{stem}/conv2d_1-3.png") as picture:
        assert (film.n_frames, picture.size) == (4, (28, 28))  # the first image, and one after each of 3 steps
    assert "://" not in (tmp_path / "out" / f"{stem}.html").read_text()
    code, _, err = run(monkeypatch, capsys, *command[:3], "conv2d_1:9", *command[4:], "--each")
    assert code == 0
    (tmp_path / "out" / "conv2d_1.9.png").unlink()
    (tmp_path / "out" / "conv2d_1.9.npz").unlink()
    code, _, err = run(monkeypatch, capsys, *command[:3], "conv2d_1:9", *command[4:], "--each", "--json")
    assert (code, err) == (
        2,
        "error: out/conv2d_1.9 is there already; give another --out, or --overwrite to replace it\n",
    )
    _, out, _ = run(monkeypatch, capsys, *command[:3], "conv2d_1:9", *command[4:], "--each", "--json", "--overwrite")
    assert json.loads(out)["pictures"][0]["file"] == "out/conv2d_1.9/conv2d_1-9.png"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(monkeypatch, capsys, command):
    code, out, _ = run(monkeypatch, capsys, *command.split(), "--help")
    assert code == 0
    assert "Usage: jaxviz" in out
    assert f"jaxviz {command}" in out.partition("Example")[2]


BAD_INPUT = [
    (["--layer", "conv9"], "unknown layer 'conv9' (did you mean 'conv2d_4'?); this model has conv2d_1, conv2d_2"),
    (["--layer", "conv2d_1", "--channels", "32"], "channel of 'conv2d_1' 32 is out of range; there are 0 to 31"),
    (["--layer", "conv2d_1", "--channels", "a"], "channels 'a': give a range such as 0:16"),
    (["--layer", "conv2d_1", "--channels", "3:3"], "channels '3:3' is an empty range"),
    (["--layer", "conv2d_1", "--channels", "0:99999999"], "channels '0:99999999' is out of range"),
    (["--layer", "flatten_1"], "layer 'flatten_1' (Flatten) has no channels to visualize"),
    (["--layer", "conv2d_1", "--steps", "0"], "steps of 0: give 1 or more"),
    (["--layer", "conv2d_1", "--recipe", "x"], "unknown recipe 'x'; there are jaxviz, quick, seed, seed-digits"),
    (["--layer", "conv2d_1", "--start", "none.npy"], "no such file: none.npy"),
    (["--layer", "conv2d_1", "--start", "nan.npy"], "start holds 784 values that are NaN or infinite"),
    (
        ["--layer", "conv2d_1", "--start", "small.npy"],
        "start of shape (2, 2): this model takes images of shape (28, 28, 1)",
    ),
    (["--layer", "conv2d_1", "--seed", "-1"], "seed -1: give a whole number from 0 to 4294967295"),
    (["--layer", "conv2d_1", "--start", "zip.npy"], "zip.npy is not a .npy array of numbers"),
    (["--layer", "conv2d_1", "--start", "huge.npy"], "huge.npy is not a .npy array of numbers"),
    (["--layer", "conv2d_1", "--start", "text.npy"], "text.npy is not a .npy array"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT)
def test_bad_input_of_visualize(monkeypatch, capsys, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    np.save("nan.npy", np.full((28, 28, 1), np.nan))
    np.save("small.npy", np.zeros((2, 2)))
    (tmp_path / "text.npy").write_text("text")
    (tmp_path / "zip.npy").write_bytes(b"PK\x03\x04junk")
    with open("huge.npy", "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (10**13,)})
    before = sorted(tmp_path.iterdir())
    code, out, err = run(monkeypatch, capsys, "visualize", FILE, *arguments, "--out", "out")
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before  # no file, neither partial nor complete


@pytest.mark.parametrize("command", ["layers", "convert", "visualize"])
@pytest.mark.parametrize(("name", "message"), [("none.h5", "no such file"), ("page.h5", "is not HDF5")])
def test_bad_files(monkeypatch, capsys, tmp_path, command, name, message):
    (tmp_path / "page.h5").write_text("<html>")
    more = {"convert": [tmp_path / "out"], "visualize": ["--layer", "a", "--out", tmp_path / "out"]}
    code, _, err = run(monkeypatch, capsys, command, tmp_path / name, *more.get(command, []))
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["page.h5"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layers", "conv9"], "unknown layer 'conv9'"),
        (["--layers", "flatten_1"], "has no channels to visualize"),
        (["--steps", "-1"], "steps of -1: give 1 or more"),
        (["--recipe", "x"], "unknown recipe 'x'"),
        (["--weights", "none.h5"], "no such file: none.h5"),
        (["--start", "none.npz"], "no such file: none.npz"),
        (["--seed", str(1 << 70)], "give a whole number from 0 to 4294967295"),
        (
            ["--start", "starts.npz", "--layers", "conv2d_2"],
            "starts.npz has no start/conv2d_2; it holds start/conv2d_1",
        ),
        (
            ["--start", "starts.npz", "--layers", "conv2d_1"],
            "start of shape (2, 2): this model takes images of shape (28, 28, 1)",
        ),
    ],
)
def test_bad_input_of_the_experiment(monkeypatch, capsys, tmp_path, arguments, message):
    monkeypatch.chdir(tmp_path)
    np.savez("starts.npz", **{"start/conv2d_1": np.zeros((2, 2))})
    code, _, err = run_experiment(capsys, "--out", "out", *arguments)
    assert code == 2
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["starts.npz"]


def test_a_batch_of_wrong_images_names_both_shapes(mnist):
    with pytest.raises(jaxviz.JaxvizError, match=r"images of shape \(1, 28, 27, 1\): this model takes"):
        mnist(np.zeros((1, 28, 27, 1)))


def test_parse_indices():
    assert cli.parse_indices("0:3,7, 9") == [0, 1, 2, 7, 9]


def test_default_path_is_the_checkout_s():
    assert default_path() == ROOT / "weights" / "mnist_cnn.hdf5"


def test_weights_alone_with_an_architecture(monkeypatch, capsys, tmp_path):
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Input((6, 6, 1)), keras.layers.Conv2D(3, 3, name="only")]
    network = keras.Sequential(layers)
    network.save_weights(tmp_path / "some.weights.h5")
    (tmp_path / "network.json").write_text(network.to_json())
    weights, architecture = tmp_path / "some.weights.h5", tmp_path / "network.json"
    code, out, _ = run(monkeypatch, capsys, "layers", weights, "--architecture", architecture)
    assert code == 0
    assert ["only", "Conv2D", "4", "x", "4", "x", "3", "3"] in [line.split() for line in out.splitlines()]
