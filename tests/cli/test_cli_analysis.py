"""The commands on how units work together: their files, what they print, and wrong use."""

import json

import jax
import numpy as np
import pytest
from command_line import run
from conftest import ROOT
from PIL import Image

import jaxviz

FILE = str(ROOT / "weights" / "mnist_cnn.hdf5")
SHORT = ["--recipe", "seed", "--steps", 1]  # a recipe of few operations, which compiles fast

pytestmark = pytest.mark.usefixtures("hardly_optimized")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    with np.load(ROOT / "weights" / "mnist_test_1000.npz") as file:
        np.savez(path, images=file["images"][:3], labels=file["labels"][:3])
    return path


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    model = jaxviz.default_model()
    path = tmp_path_factory.mktemp("states") / "half"
    jaxviz.checkpoints.save(path, jax.tree.map(lambda leaf: 0.5 * leaf, model.variables))
    return path


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


def test_attribution(monkeypatch, capsys, tmp_path, digits):
    command = ["attribution", FILE, "logit(7)", "--images", digits, "--layer", "conv2d_4", "--show", 2, "--units", 2]
    command += [*SHORT, "--out", tmp_path / "out"]
    code, out, err = run(monkeypatch, capsys, *command)
    stem = "logit.7.from.conv2d_4"
    assert code == 0
    assert out.startswith(f"{tmp_path}/out/{stem}.png, .npz and .json: 3 images\non average ")
    assert "attribution: 3 images" in err
    assert files_of(tmp_path / "out") == [f"{stem}.json", f"{stem}.npz", f"{stem}.png"]
    told = json.loads((tmp_path / "out" / f"{stem}.json").read_text())
    with np.load(tmp_path / "out" / f"{stem}.npz") as arrays:
        assert arrays["maps"].shape == (3, 7, 7)
        units = arrays["units"]
    first = told["images"][0]
    assert first["units"][0]["attribution"] == float(units[0][first["units"][0]["unit"]])
    assert abs(first["gap"]) < 0.01 * abs(first["score"] - first["score_at_zero"])
    code, _, err = run(monkeypatch, capsys, *command)
    assert (code, err.count("is there already")) == (2, 1)


def test_circuit(monkeypatch, capsys, tmp_path):
    command = ["circuit", FILE, "logit(3)", "--through", "conv2d_3", "--through", "conv2d_4", "--units", 2]
    command += [*SHORT, "--out", tmp_path]
    code, out, err = run(monkeypatch, capsys, *command)
    assert code == 0
    assert out.startswith(f"{tmp_path}/logit.3.circuit.png, .npz and .json: 4 units of 2 layers\nlogit(3) < conv2d_4:")
    assert "circuit: 5 pictures" in err
    told = json.loads((tmp_path / "logit.3.circuit.json").read_text())
    assert told["by"] == "weights"
    assert [layer["name"] for layer in told["layers"]] == ["conv2d_4", "conv2d_3"]
    best = told["paths"][0]
    [[first], [second]] = (
        [layer["units"].index(unit)] for layer, unit in zip(told["layers"], best["units"], strict=True)
    )
    code, out, _ = run(monkeypatch, capsys, *command, "--overwrite", "--json")
    assert (code, json.loads(out)["paths"]) == (0, told["paths"])
    share = told["layers"][0]["shares"][0][first] * told["layers"][1]["shares"][first][second]
    np.testing.assert_allclose(best["share"], share, rtol=1e-5)


def test_history_of_two_states(monkeypatch, capsys, tmp_path, halved, digits):
    command = ["history", FILE, halved, FILE, "--objective", "conv2d_1:3,7", *SHORT, "--out", tmp_path / "out"]
    code, out, _ = run(monkeypatch, capsys, *command, "--match", "conv2d_1", "--images", digits)
    stem = "conv2d_1.3.7.history"
    assert code == 0
    assert out == f"{tmp_path}/out/{stem}.png, .gif, .pairs.png, .npz and .json: 2 units in 2 states\n"
    told = json.loads((tmp_path / "out" / f"{stem}.json").read_text())
    assert told["states"] == ["half", "mnist_cnn"]
    alike = [pair for pair in told["pairs"] if pair["correlation"] > 0.999]
    assert len(alike) > 16  # the first layer of the halved network is half of the other's, but for its relu's bias
    assert all(pair["unit"] == pair["other"] for pair in alike)
    with Image.open(tmp_path / "out" / f"{stem}.gif") as film:
        assert film.n_frames == 2
    with np.load(tmp_path / "out" / f"{stem}.npz") as arrays:
        assert arrays["images"].shape == (2, 2, 28, 28, 1)


def test_history_of_equal_states_from_noise(monkeypatch, capsys, tmp_path):
    command = ["history", FILE, FILE, FILE, "--objective", "conv2d_1:3", *SHORT, "--from-noise", "--out", tmp_path]
    assert run(monkeypatch, capsys, *command)[0] == 0
    with np.load(tmp_path / "conv2d_1.3.history.npz") as arrays:
        np.testing.assert_array_equal(*arrays["images"])


def test_relate(monkeypatch, capsys, tmp_path):
    command = ["sweep", FILE, "--layer", "conv2d_1", "--layer", "conv2d_2", *SHORT]
    assert run(monkeypatch, capsys, *command, "--out", tmp_path)[0] == 0
    code, out, err = run(monkeypatch, capsys, "relate", tmp_path)
    assert (code, out) == (0, f"{tmp_path}: relations of 2 layers; `jaxviz gallery {tmp_path}` shows them\n")
    assert "relations: 2 layers" in err
    assert jaxviz.Sweep.open(tmp_path).layer("conv2d_2").relations.weights.source == "conv2d_1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["attribution", FILE, "logit(3)", "--layer", "dense_3", "--images", "DIGITS"], "does not depend on layer"),
        (["attribution", FILE, "logit(3)", "--layer", "x", "--images", "DIGITS"], "unknown layer 'x'"),
        (["circuit", FILE, "logit(0:2)", "--through", "conv2d_4"], "2 objectives of 1 images; a circuit is of one"),
        (["circuit", FILE, "logit(3)"], "missing option '--through'"),
        (["history", FILE, "nowhere", "--objective", "conv2d_1:3"], "no such checkpoint: nowhere; give an Orbax"),
        (["history", FILE, FILE, "--objective", "conv2d_1:3", "--match", "conv2d_1"], "--match goes with --images and"),
    ],
)
def test_wrong_use(monkeypatch, capsys, tmp_path, digits, arguments, message):
    given = [str(digits) if word == "DIGITS" else word for word in arguments]
    code, out, err = run(monkeypatch, capsys, *given, "--out", tmp_path / "out")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "out").exists()
