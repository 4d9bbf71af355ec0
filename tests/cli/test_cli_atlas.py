"""``jaxviz atlas``; principal components stand in for UMAP, which compiles for a minute."""

import inspect
import json
import os
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from command_line import run
from conftest import ROOT
from PIL import Image
from sweep_trees import tree

from jaxviz.analysis import Atlas

FILE = str(ROOT / "weights" / "mnist_cnn.hdf5")
DIGITS = str(ROOT / "weights" / "mnist_test_1000.npz")


MAIN = "from jaxviz.cli import main; main()"


class UMAP:
    def __init__(self, **settings):
        assert settings["random_state"] == 3

    def fit_transform(self, features):
        return features[:, :2]


@pytest.fixture
def few(tmp_path, monkeypatch):
    """A directory to work in, with a folder of twenty digits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    (tmp_path / "digits").mkdir()
    with np.load(DIGITS) as digits:
        for number, digit in enumerate(digits["images"][:20]):
            Image.fromarray(digit).save(f"digits/{number:02d}.png")
    return tmp_path


def test_an_atlas_is_made_and_gone_on_with(few, monkeypatch, capsys):
    command = ["atlas", FILE, "--layer", "conv2d_4", "--images", "digits", "--out", "map", "--grid", 2, "--zoom", 1]
    command += ["--steps", 2, "--seed", 3]
    code, out, err = run(monkeypatch, capsys, *command)
    made = Atlas.load("map/atlas.npz")
    assert code == 0
    assert [level.side for level in made.levels] == [2, 4]
    cells = sum(map(len, made.levels))
    assert made.complete
    assert out.endswith(f": {cells} cells of 320 activations\n")
    assert f"conv2d_4: {cells} cells, " in err
    with Image.open("map/atlas.png") as sheet:
        assert sheet.size == (4 * 28, 4 * 28)
    before = (few / "map" / "atlas.npz").read_bytes()
    code, out, err = run(monkeypatch, capsys, *command, "--json")
    assert code == 0
    assert json.loads(out)["levels"] == [{"grid": level.side, "cells": len(level)} for level in made.levels]
    assert (few / "map" / "atlas.npz").read_bytes() == before
    code, _, err = run(monkeypatch, capsys, *command, "--positions", 3)
    assert code == 2
    assert "keeps another run: its positions is 16, not 3; give another directory" in err


def test_killed_and_gone_on_with_it_leaves_the_same_files(few):
    (few / "stub").mkdir()
    (few / "stub" / "umap.py").write_text(inspect.getsource(UMAP))
    places = [str(few / "stub"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places), "JAXVIZ_CACHE_DIR": str(few / "cache")}

    def start(name):
        command = ["atlas", FILE, "--layer", "conv2d_4", "--images", "digits", "--out", name, "--grid", "6"]
        command += ["--steps", "32", "--seed", "3"]
        return subprocess.Popen([sys.executable, "-c", MAIN, *command], env=environment, stderr=subprocess.PIPE)

    def pictures(name):
        return list((few / name / "kept" / "pictures-6").glob("chunk-*.npz"))

    killed = start("killed")
    while killed.poll() is None and not pictures("killed"):
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in pictures("killed")}
    assert before
    assert not (few / "killed" / "atlas.npz").exists()
    for name in ("killed", "whole"):
        last = start(name)
        assert last.communicate()[1] is not None
        assert last.returncode == 0
    assert len(before) < len(pictures("killed"))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert tree(few / "killed") == tree(few / "whole")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--layer", "dense_1"], "layer 'dense_1' (Dense) has no positions; name a convolution or a pool"),
        (["--images", "none"], "no such file: none"),
        (["--side", "4"], "side 4: layer 'conv2d_4' cannot be computed of images other than 28 x 28 x 1"),
    ],
)
def test_wrong_use(few, monkeypatch, capsys, changed, message):
    command = ["atlas", FILE, "--layer", "conv2d_4", "--images", "digits", "--out", "map", *changed]
    code, _, err = run(monkeypatch, capsys, *command)
    assert (code, err) == (2, f"error: {message}\n")
    assert not (few / "map").exists()
