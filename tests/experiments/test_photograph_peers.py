"""Networks of photographs that other libraries climb beside jaxviz."""

import json

import numpy as np
import pytest

from experiments import benchmark
from experiments.materials import photograph_peers
from experiments.materials.peers import Work

WORK = Work(name="small", path="", input_shape=(32, 32, 3), layer="conv4_block6_out", units=2, steps=2, largest=1.0)


def test_resnet50_to_its_third_stage():
    pytest.importorskip("torch")
    network = photograph_peers._resnet50()
    assert sum(parameter.numel() for parameter in network.parameters()) == 8_543_296  # torchvision's to layer3


@pytest.mark.parametrize("layout", ["channels last", "contiguous"])
def test_resnet50_climbs_by_a_normalized_gradient(layout):
    pytest.importorskip("torch")
    images = photograph_peers.ENGINES[f"torch, ResNet50, {layout}"].prepare(WORK)(3)
    moved = images - WORK.starts(3)
    assert moved.shape == (2, 32, 32, 3)
    assert 0.5 < np.sqrt(np.mean(moved**2)) <= 2.001  # two steps of root mean square 1, in about one direction


def test_the_benchmark_tells_of_first_calls(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "SIDE", 64)
    row = {"seconds": 4.0, "first_seconds": 12.0, "compile_seconds": 7.0, "memory": 1e9, "runs": 1}
    monkeypatch.setattr(benchmark, "compare", lambda work, names, *_: dict.fromkeys(names, row))
    path = tmp_path / "figures.json"
    benchmark.main(["--alone", "--only", "lite0", "--json", str(path)])
    assert list(json.loads(path.read_text())["photographs"]) == ["lite0, 1 image", "lite0, 4 images"]
    told = capsys.readouterr().out
    assert all(figure in told for figure in ("0.25", "0.0625", "12.0", "7.0"))
