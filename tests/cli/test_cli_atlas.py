"""``jaxviz atlas``; principal components stand in for UMAP, which compiles for a minute."""

import json
import sys
import types

import numpy as np
import pytest
from command_line import run
from conftest import ROOT
from PIL import Image

from jaxviz.analysis import Atlas

FILE = str(ROOT / "weights" / "mnist_cnn.hdf5")
DIGITS = str(ROOT / "weights" / "mnist_test_1000.npz")


class Stub:
    def __init__(self, **settings):
        assert settings["random_state"] == 3

    def fit_transform(self, features):
        return features[:, :2]


@pytest.fixture
def few(tmp_path, monkeypatch):
    """A directory to work in, with a folder of twenty digits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Stub))
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


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--layer", "dense_1"], "layer 'dense_1' (Dense) has no positions; name a convolution or a pool"),
        (["--images", "none"], "no such file: none"),
        (["--images", "empty"], "no pictures in empty; give a folder of .jpg or .png files"),
        (["--side", "4"], "side 4: layer 'conv2d_4' cannot be computed of images other than 28 x 28 x 1"),
    ],
)
def test_wrong_use(few, monkeypatch, capsys, changed, message):
    (few / "empty").mkdir()
    command = ["atlas", FILE, "--layer", "conv2d_4", "--images", "digits", "--out", "map", *changed]
    code, _, err = run(monkeypatch, capsys, *command)
    assert (code, err) == (2, f"error: {message}\n")
    assert not (few / "map").exists()
