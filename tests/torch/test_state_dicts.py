"""Weights from files of PyTorch: the same numbers, and nothing but numbers."""

import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import jaxviz
from jaxviz.torch import load_state_dict


def network(seed, channels=4):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Conv2d(1, channels, 3), torch.nn.BatchNorm2d(channels), torch.nn.Flatten())


@pytest.fixture(scope="module")
def model():
    return jaxviz.from_torch(network(0), (1, 6, 6))


@pytest.mark.parametrize("kind", ["pth", "old pth", "safetensors", "checkpoint", "parallel", "mapping"])
def test_a_state_dict_gives_the_network_its_weights(kind, model, tmp_path):
    state, path = network(1).state_dict(), tmp_path / "weights.pth"
    if kind == "safetensors":
        path = tmp_path / "weights.safetensors"
        save_file(state, path)
    elif kind == "old pth":
        torch.save(state, path, _use_new_zipfile_serialization=False)
    elif kind == "checkpoint":
        torch.save({"epoch": 3, "state_dict": state}, path)
    elif kind == "parallel":
        torch.save({f"module.{name}": tensor for name, tensor in state.items()}, path)
    else:
        torch.save(state, path)
    loaded = load_state_dict(state if kind == "mapping" else path, into=model)
    direct = jaxviz.from_torch(network(1), (1, 6, 6))
    assert loaded.variables.keys() == direct.variables.keys()
    for name, array in direct.variables.items():
        np.testing.assert_array_equal(loaded.variables[name], array)


class Harmful:
    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_refused_and_not_run(zipped, model, tmp_path):
    harmful, path = Harmful(), tmp_path / "weights.pth"
    Harmful.path = str(tmp_path / "done")
    torch.save({**network(1).state_dict(), "x": harmful}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(jaxviz.ModelFileError, match="holds more than tensors"):
        load_state_dict(path, into=model)
    assert not (tmp_path / "done").exists()


def test_a_whole_module_is_refused(model, tmp_path):
    path = tmp_path / "module.pth"
    torch.save(network(1), path)
    with pytest.raises(
        jaxviz.ModelFileError, match=r"save a state dict alone: torch.save\(module.state_dict\(\), path\)"
    ):
        load_state_dict(path, into=model)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pth", b"", "is no file of torch.save"),
        ("a.pth", b"PK\x03\x04 and no more", "is no file of torch.save|holds more than tensors"),
        ("a.pth", pickle.dumps([1, 2]), "is no file of torch.save|holds no state dict|holds more than tensors"),
        ("a.safetensors", b"\xff" * 40, "is no file of safetensors"),
    ],
)
def test_other_files_are_refused(name, content, message, model, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(jaxviz.ModelFileError, match=message):
        load_state_dict(path, into=model)


def test_a_damaged_archive_is_refused(model, tmp_path):
    path = tmp_path / "a.pth"
    torch.save(network(1).state_dict(), path)
    path.write_bytes(path.read_bytes().replace(b"PK\x01\x02", b"PK\x01\x03"))
    with pytest.raises(jaxviz.ModelFileError, match="is a damaged archive"):
        load_state_dict(path, into=model)


def test_misfits_are_all_listed(model):
    state = network(1, channels=5).state_dict()
    state["more"] = state.pop("1.running_mean")
    message = (
        r"lacks 1.running_mean; it has in excess more; it has 0.weight of \(5, 1, 3, 3\) and not \(4, 1, 3, 3\), 0.bias"
    )
    with pytest.raises(jaxviz.JaxvizError, match=message):
        load_state_dict(state, into=model)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (
            torch.zeros(4, dtype=torch.complex64),
            "1.weight holds complex64, and jaxviz computes with real numbers alone",
        ),
        (torch.tensor([0, 0, 0, 2**31]), "1.weight holds 2147483648, which does not fit the 32 bits"),
        (torch.zeros(4).to_sparse(), "1.weight is torch.sparse_coo, and jaxviz takes tensors of plain numbers alone"),
        (torch.zeros(4, device="meta"), "1.weight is on no device, and jaxviz takes"),
        (torch.zeros(1).expand(2**40), r"it has 1.weight of \(1099511627776,\) and not \(4,\)"),
    ],
)
def test_tensors_that_cannot_be_kept_are_refused(tensor, message, model):
    with pytest.raises(jaxviz.JaxvizError, match=message):
        load_state_dict({**network(1).state_dict(), "1.weight": tensor}, into=model)


def test_other_doors_have_other_weights():
    with pytest.raises(jaxviz.JaxvizError, match="this one is of another door"):
        load_state_dict({}, into=jaxviz.default_model())
