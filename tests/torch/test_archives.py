"""Exported programs, in memory and in files; files are looked through before PyTorch reads them."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch

import jaxviz


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(inplace=True), torch.nn.Softmax(1)).eval()


@pytest.fixture(scope="module")
def path(module, tmp_path_factory):
    path = tmp_path_factory.mktemp("programs") / "network.pt2"
    torch.export.save(torch.export.export(module, (torch.zeros(1, 1, 6, 6),)), path)
    return path


def test_a_program_is_the_module_that_it_was_made_of(module, path):
    image = np.random.default_rng(0).random((1, 1, 6, 6), np.float32)
    whole = jaxviz.from_torch(module, (1, 6, 6))
    for source in (torch.export.export(module, (torch.zeros(1, 1, 6, 6),)), path, str(path)):
        model = jaxviz.from_torch(source)
        assert model.layers == whole.layers
        assert model.canvas.shape == (1, 6, 6)
        assert set(model.variables) == {"0.weight", "0.bias"}
        np.testing.assert_array_equal(model(image)["2"], whole(image)["2"])


def test_a_program_has_its_own_shape(path):
    with pytest.raises(jaxviz.JaxvizError, match=r"input_shape \(1, 8, 8\): the program was exported for \(1, 6, 6\)"):
        jaxviz.from_torch(path, (1, 8, 8))


def test_dynamic_shapes_and_batches_are_refused(module):
    batch = torch.export.Dim("batch", min=1, max=8)
    dynamic = torch.export.export(module, (torch.zeros(2, 1, 6, 6),), dynamic_shapes=({0: batch},))
    with pytest.raises(jaxviz.JaxvizError, match="exported with dynamic shapes"):
        jaxviz.from_torch(dynamic)
    fixed = torch.export.export(module, (torch.zeros(2, 1, 6, 6),))
    with pytest.raises(jaxviz.JaxvizError, match=r"exported for a batch of shape \(2, 1, 6, 6\)"):
        jaxviz.from_torch(fixed)


def changed(path, tmp_path, change):
    """Writes the file again, each of its members changed."""
    made = tmp_path / "changed.pt2"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(made, "w") as copy:
        for name in archive.namelist():
            content = change(name, archive.read(name))
            if content is not None:
                copy.writestr(name, content)
    return made


def edited(**changes):
    """Changes values of the graph, wherever they are, by their keys."""

    def visited(value):
        if isinstance(value, dict):
            return {key: changes.get(key, visited(member)) for key, member in value.items()}
        return [visited(member) for member in value] if isinstance(value, list) else value

    return lambda name, content: (
        json.dumps(visited(json.loads(content))).encode() if name.endswith("model.json") else content
    )


class Harmful:
    def __reduce__(self):
        return os.mkdir, (self.path,)


def pickled(value):
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


@pytest.mark.parametrize(
    "target",
    [
        "torch.load",
        "os.system",
        "_operator.methodcaller",
        "torch.ops.higher_order.cond",
        "torch.ops.aten.from_file.default",
    ],
)
def test_a_graph_that_calls_anything_else_is_refused(target, path, tmp_path):
    with pytest.raises(jaxviz.ModelFileError, match=f"its graph calls '{target}', which is no operation on tensors"):
        jaxviz.from_torch(changed(path, tmp_path, edited(target=target)))


class Adding(torch.nn.Module):
    def forward(self, x):
        return x + torch.ops.aten.full.default([3], 2.0).sum() + x.expand(5, -1, 6, 6).mean()


def graph_edited(change):
    """Changes the graph's text."""
    return lambda name, content: (
        json.dumps(change(json.loads(content))).encode() if name.endswith("model.json") else content
    )


def in_graph(operation, name, value):
    """Changes an argument of an operation."""

    def change(model):
        for node in model["graph_module"]["graph"]["nodes"]:
            if operation in node["target"]:
                for argument in node["inputs"]:
                    if argument["name"] == name:
                        argument["arg"] = value
        return model

    return graph_edited(change)


@pytest.mark.parametrize(
    ("operation", "argument", "value", "message"),
    [
        (
            "full",
            "size",
            {"as_ints": [2**40]},
            r"what full \(in the network itself\) gives has the shape \(1099",
        ),
        (
            "expand",
            "size",
            {"as_ints": [2**40, 1, 6, 6]},
            r"what expand .* gives has the shape \(1099511627776, ",
        ),
        ("full", "size", {"as_ints": [4]}, r"it says that full .* gives something else than PyTorch computes"),
        ("expand", "size", {"as_ints": [5, 1, 7, 6]}, r"PyTorch refuses expand \(in the network itself\): "),
    ],
)
def test_graphs_that_would_take_all_memory_are_refused(operation, argument, value, message, tmp_path):
    path = tmp_path / "adding.pt2"
    torch.export.save(torch.export.export(Adding(), (torch.zeros(1, 1, 6, 6),)), path)
    jaxviz.from_torch(path)
    with pytest.raises(jaxviz.ModelFileError, match=message) as refusal:
        jaxviz.from_torch(changed(path, tmp_path, in_graph(operation, argument, value)))
    assert "\n" not in str(refusal.value)


def test_weights_that_repeat_a_number_for_ever_are_refused(path, tmp_path):
    numbers = [{"as_int": 2**40}, {"as_int": 1}, {"as_int": 3}, {"as_int": 3}]

    def repeated(name, content):
        if "weights_config" not in name:
            return content
        table = json.loads(content)
        meta = table["config"]["0.weight"]["tensor_meta"]
        meta["sizes"], meta["strides"] = numbers, [{"as_int": 0}] * 4
        return json.dumps(table).encode()

    message = (
        r"its tensors take \d+ bytes and it holds \d+; the largest is '0.weight' of shape \(1099511627776, 1, 3, 3\)"
    )
    with pytest.raises(jaxviz.ModelFileError, match=message):
        jaxviz.from_torch(changed(path, tmp_path, repeated))


def test_expressions_are_refused(path, tmp_path):
    expression = {"as_expr": {"expr_str": f"__import__('os').mkdir('{tmp_path / 'done'}')", "hint": None}}
    with pytest.raises(jaxviz.ModelFileError, match="dynamic shapes"):
        jaxviz.from_torch(changed(path, tmp_path, edited(storage_offset=expression)))
    assert not (tmp_path / "done").exists()


def test_pickles_of_anything_but_tensors_are_refused_and_not_run(path, tmp_path):
    Harmful.path = str(tmp_path / "done")
    for content in (pickled((Harmful(),)), pickle.dumps(Harmful()), pickle.dumps(Harmful(), protocol=0)):
        made = changed(path, tmp_path, lambda name, old, new=content: new if "sample_inputs" in name else old)
        with pytest.raises(jaxviz.ModelFileError, match="in it holds more than tensors"):
            jaxviz.from_torch(made)
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("folder", ["weights", "constants"])
@pytest.mark.parametrize("place", ["model.pt", "opaque_obj_0", "custom_obj_0", "weight_0"])
def test_pickles_in_the_place_of_numbers_are_refused_and_not_run(folder, place, path, tmp_path):
    """PyTorch unpickles some members because of their names, and others because a table says so."""
    Harmful.path = str(tmp_path / "done")
    number = {"as_int": 1}
    layout = {"sizes": [number], "strides": [number], "storage_offset": {"as_int": 0}, "layout": 7}
    meta = {"dtype": 1, "requires_grad": False, "device": {"type": "cpu", "index": None}, **layout}
    entry = {"path_name": place, "is_param": False, "use_pickle": place == "weight_0", "tensor_meta": meta}
    content = pickle.dumps(Harmful(), protocol=0)  # which begins as numbers may
    made = changed(
        path,
        tmp_path,
        lambda name, old: (
            json.dumps({"config": {"0.weight": entry}}).encode()
            if f"{folder}_config" in name
            else None
            if name.endswith(f"{folder}/{place}")
            else old
        ),
    )
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr(f"network/data/{folder}/{place}", content)
    with pytest.raises(jaxviz.ModelFileError):
        jaxviz.from_torch(made)
    assert not (tmp_path / "done").exists()


def test_weights_may_begin_with_any_bytes(tmp_path):
    """Their first bytes may be those of a pickle or an archive by chance."""
    for first in (b"\x80\x02\x80\x3f", b"PK\x03\x04"):
        module = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1))
        weight = torch.from_numpy(np.frombuffer(first, np.float32).reshape(1, 1, 1, 1).copy())
        module[0].weight = torch.nn.Parameter(weight)
        torch.export.save(torch.export.export(module.eval(), (torch.zeros(1, 1, 6, 6),)), tmp_path / "network.pt2")
        model = jaxviz.from_torch(tmp_path / "network.pt2")
        assert np.asarray(model.variables["0.weight"]).tobytes() == first


def test_containers_that_import_modules_are_refused(path, tmp_path):
    key = json.dumps([{"__enum__": True, "fqn": "antigravity:x", "name": "y"}])
    spec = json.dumps([1, {"type": "builtins.dict", "context": key, "children_spec": []}])
    with pytest.raises(jaxviz.ModelFileError, match="no tuple, list or dict"):
        jaxviz.from_torch(changed(path, tmp_path, edited(out_spec=spec)))


def test_members_of_other_names_are_refused(path, tmp_path):
    for name in ("network/data/aotinductor/../../../done.json", "network/data/aotinductor/model/code.pt"):
        made = changed(path, tmp_path, lambda name, old: old)
        with zipfile.ZipFile(made, "a") as archive:
            archive.writestr(name, b"{}")
        with pytest.raises(jaxviz.ModelFileError, match="is no part of an exported program"):
            jaxviz.from_torch(made)


def test_other_files_are_refused(path, tmp_path):
    other = tmp_path / "other.pt2"
    other.write_bytes(b"no archive")
    with pytest.raises(jaxviz.ModelFileError, match=r"is no file of torch\.export\.save"):
        jaxviz.from_torch(other)
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("network/data/weights/weight_0", b"\0\0\0\0")
    with pytest.raises(jaxviz.ModelFileError, match="holds no graph"):
        jaxviz.from_torch(other)
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("network/models/model.json", b"0" * 1000)
    with pytest.raises(jaxviz.ModelFileError, match="is compressed"):
        jaxviz.from_torch(other)
    content = path.read_bytes()
    other.write_bytes(content.replace(b"PK\x01\x02", b"PK\x01\x03"))
    with pytest.raises(jaxviz.ModelFileError, match="is a damaged archive"):
        jaxviz.from_torch(other)
    without_weights = changed(path, tmp_path, lambda name, old: None if "weights_config" in name else old)
    with pytest.raises(jaxviz.ModelFileError, match=r"cannot be read by torch\.export\.load"):
        jaxviz.from_torch(without_weights)
