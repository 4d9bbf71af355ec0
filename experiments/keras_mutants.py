"""Mutants: (number, directory) -> a damaged Keras file, the same one each time."""

import contextlib
import copy
import functools
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

__all__ = ["MUTATIONS", "SEEDS", "mutant"]

_LAYERS: list[tuple[str, dict]] = [
    ("Conv2D", {"name": "a", "filters": 2, "kernel_size": [3, 3], "activation": "relu", "padding": "same"}),
    ("BatchNormalization", {"name": "b", "axis": -1, "epsilon": 1e-3}),
    ("MaxPooling2D", {"name": "p", "pool_size": [2, 2]}),
    ("Flatten", {"name": "f"}),
    ("Dense", {"name": "d", "units": 3, "activation": "softmax"}),
]
_SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "a": {"kernel": (3, 3, 1, 2), "bias": (2,)},
    "b": {"gamma": (2,), "beta": (2,), "moving_mean": (2,), "moving_variance": (2,)},
    "d": {"kernel": (18, 3), "bias": (3,)},
}
_INPUT = [None, 6, 6, 1]
_GROUPS = {"a": "conv2d", "b": "batch_normalization", "d": "dense"}

_IMPOSSIBLE = (TypeError, ValueError, OSError, LookupError, RuntimeError, AttributeError)  # what h5py raises

_Parts = dict[str, bytes]
"""What a model is saved as: one file, or the entries of an archive or directory."""


def _sequential() -> dict:
    layers = [{"class_name": kind, "config": dict(settings)} for kind, settings in _LAYERS]
    first: dict = {"class_name": "InputLayer", "config": {"name": "image", "batch_shape": _INPUT}}
    return {
        "class_name": "Sequential",
        "config": {"name": "model", "layers": [first, *layers]},
        "backend": "tensorflow",
    }


def _functional() -> dict:
    """The same network as a graph."""
    entries: list[dict] = [
        {"class_name": kind, "config": dict(settings), "name": settings["name"]} for kind, settings in _LAYERS
    ]
    image: dict = {
        "class_name": "InputLayer",
        "config": {"name": "image", "batch_input_shape": _INPUT},
        "name": "image",
    }
    for entry, before in zip([image, *entries], ["", "image", *"abpf"], strict=True):
        entry["inbound_nodes"] = [[[before, 0, 0, {}]]] if before else []
    ends = {"input_layers": [["image", 0, 0]], "output_layers": [["d", 0, 0]]}
    return {"class_name": "Functional", "config": {"name": "model", "layers": [image, *entries], **ends}}


def _keras_1() -> dict:
    old = {"name": "a", "nb_filter": 2, "nb_row": 3, "nb_col": 3, "border_mode": "same", "dim_ordering": "tf"}
    dense = {"name": "d", "output_dim": 3, "input_dim": 72, "activation": "softmax"}
    first = {"class_name": "Convolution2D", "config": {**old, "batch_input_shape": _INPUT, "activation": "relu"}}
    rest = [{"class_name": "Flatten", "config": {"name": "f"}}, {"class_name": "Dense", "config": dense}]
    return {"class_name": "Sequential", "config": [first, *rest], "keras_version": "1.2.0"}


def _numbers(shape: tuple[int, ...]) -> np.ndarray:
    return (1 + np.arange(np.prod(shape), dtype=np.float32) % 7).reshape(shape) / 8


def _named(config: dict | None, *, old: bool = False) -> bytes:
    old_shapes: dict[str, dict[str, tuple[int, ...]]] = {"a": _SHAPES["a"], "d": {"kernel": (72, 3), "bias": (3,)}}
    shapes = old_shapes if old else _SHAPES
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
            file.attrs["keras_version"] = config.get("keras_version", "2.4.0")
        weights = file.create_group("model_weights") if config is not None else file
        weights.attrs["layer_names"] = [name.encode() for name in "abpfd" if name in shapes or not old]
        for layer in "abpfd":
            names = {
                weight: f"{layer}_{'W' if weight == 'kernel' else 'b'}" if old else f"{layer}/{weight}:0"
                for weight in shapes.get(layer, {})
            }
            group = weights.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in names.values()]
            for weight, name in names.items():
                group[name] = _numbers(shapes[layer][weight])
    return buffer.getvalue()


def _numbered() -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for layer, weights in _SHAPES.items():
            for place, shape in enumerate(weights.values()):
                file[f"layers/{_GROUPS[layer]}/vars/{place}"] = _numbers(shape)
            file[f"layers/{_GROUPS[layer]}/vars"].attrs["name"] = layer
        file.create_group("vars")
    return buffer.getvalue()


def _parts(config: dict) -> _Parts:
    return {
        "config.json": json.dumps(config).encode(),
        "metadata.json": b'{"keras_version": "3.9.0"}',
        "model.weights.h5": _numbered(),
    }


# How a model is saved -> its parts. One part called "" is a file; several are an archive, or where the name says so, a
# directory.
SEEDS: dict[str, Callable[[], _Parts]] = {
    "hdf5": lambda: {"": _named(_sequential())},
    "hdf5 graph": lambda: {"": _named(_functional())},
    "hdf5 keras 1": lambda: {"": _named(_keras_1(), old=True)},
    "archive": lambda: _parts(_sequential()),
    "directory": lambda: _parts(_sequential()),
    "directory weights": lambda: {"model.json": json.dumps(_sequential()).encode(), "weights.h5": _named(None)},
}

_ODD_VALUES: list[object] = [
    None, True, 0, -1, 1, 3, 1 << 20, 1 << 40, -(1 << 63), 10**400, 0.5, -1e308, float("nan"), float("inf"),
    "", "a", "d", "relu", "channels_first", "\ud800", "\n\0", "a/b", "../x", "x" * 5000,
    [], [0], [-1, -1], [3, 3, 3], [1 << 30, 1 << 30], [[1, 2], [3, 4]],
    [None] * 4, {}, {"class_name": "relu", "config": {}}, {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}},
]  # fmt: skip
_KINDS = [
    "Activation",
    "Add",
    "Conv2DTranspose",
    "Dropout",
    "Lambda",
    "ReLU",
    "Reshape",
    "Sequential",
    "Functional",
    "x",
]


def _config_of(seed: str) -> dict:
    return copy.deepcopy({"hdf5 graph": _functional, "hdf5 keras 1": _keras_1}.get(seed, _sequential)())


def _mutate_config(rng: random.Random, parts: _Parts, seed: str) -> _Parts:
    """Changes the architecture's JSON: a value, a class, a layer, its depth, its length."""
    config = _config_of(seed)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        places = _places(config)
        if not places:
            break
        holder, key = rng.choice(places)
        what = rng.random()
        if what < 0.5:
            holder[key] = copy.deepcopy(rng.choice(_ODD_VALUES))
        elif what < 0.6:
            holder[key] = rng.choice(_KINDS)
        elif what < 0.7:
            del holder[key]
        elif what < 0.8:
            other, place = rng.choice(places)
            holder[key] = copy.deepcopy(other[place])
        elif what < 0.9 and isinstance(holder, list):
            holder[key:key] = copy.deepcopy(holder[key : key + 1]) * rng.choice([1, 2, 300])
        else:
            for _ in range(rng.choice([3, 30, 300])):
                holder[key] = [holder[key]] if rng.random() < 0.5 else {"config": holder[key]}
    text = json.dumps(config).encode()
    if rng.random() < 0.1:
        text = rng.choice(
            [b"", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, text[: len(text) // 2], b"\xef\xbb\xbf" + text]
        )
    return _with_config(parts, text)


def _places(value: dict) -> list[tuple]:
    """Lists every place of a JSON value as (what holds it, its key)."""
    found: list[tuple] = []
    waiting: list = [value]
    while waiting:
        holder = waiting.pop()
        keys = (
            list(holder) if isinstance(holder, dict) else list(range(len(holder))) if isinstance(holder, list) else []
        )
        found += [(holder, key) for key in keys]
        waiting += [holder[key] for key in keys]
    return found


def _with_config(parts: _Parts, text: bytes) -> _Parts:
    for name in ("config.json", "model.json"):
        if name in parts:
            return {**parts, name: text}

    def change(file: h5py.File) -> None:
        file.attrs["model_config"] = np.void(text) if b"\0" in text else text or "empty"

    return _edited(parts, change)


def _edited(parts: _Parts, change: Callable[[h5py.File], None]) -> _Parts:
    [name] = [name for name in parts if name in ("", "model.weights.h5", "weights.h5")]
    buffer = io.BytesIO(parts[name])
    with h5py.File(buffer, "r+") as file:
        change(file)
    return {**parts, name: buffer.getvalue()}


def _mutate_tree(rng: random.Random, parts: _Parts, seed: str) -> _Parts:
    """Changes groups, links, attributes and arrays of the HDF5 file, which stays a valid one."""
    del seed

    def change(file: h5py.File) -> None:
        for _ in range(rng.choice([1, 1, 2, 4])):
            items: list = []
            file.visititems(lambda _, item, items=items: items.append(item))
            groups = [file, *(item for item in items if isinstance(item, h5py.Group))]
            arrays = [item for item in items if isinstance(item, h5py.Dataset)]
            # Not every change can be made to what those before have left.
            with contextlib.suppress(*_IMPOSSIBLE):
                what = rng.random()
                if what < 0.5 and arrays:
                    _change_array(rng, rng.choice(arrays))
                elif what < 0.75:
                    _change_attributes(rng, rng.choice(groups))
                else:
                    _change_links(rng, groups, arrays)

    return _edited(parts, change)


def _change_array(rng: random.Random, array: h5py.Dataset) -> None:
    parent, name, data = array.parent, array.name, np.asarray(array[()]) if array.size < 1 << 20 else np.zeros(1)
    del parent[name]
    make = rng.choice(
        [
            lambda: parent.create_dataset(
                name, data=data.astype(rng.choice(["f2", "f8", "i1", "u8", "?", "S3", "c8"]))
            ),
            lambda: parent.create_dataset(name, data=np.float64(1e300) * np.ones(data.shape)),
            lambda: parent.create_dataset(name, data=np.full(data.shape, np.nan)),
            lambda: parent.create_dataset(name, data=data[..., :0]),
            lambda: parent.create_dataset(name, data=data.T),
            lambda: parent.create_dataset(name, shape=rng.choice([(), (1 << 40,), (1 << 20, 1 << 20)]), dtype="f4"),
            lambda: parent.create_dataset(name, (1 << 16, 1 << 14), "f4", chunks=(1, 64), compression="gzip"),
            lambda: parent.create_dataset(name, data=np.zeros((1 << 11, 1 << 11), "f4"), compression="gzip"),
            lambda: parent.create_dataset(
                name, data=data, maxshape=(None,) * data.ndim, compression="lzf", shuffle=True
            ),
            lambda: parent.create_dataset(name, data.shape, "f4", external=[("/etc/passwd", 0, data.nbytes)]),
            lambda: parent.create_virtual_dataset(name, h5py.VirtualLayout(data.shape, "f4"), fillvalue=1),
            lambda: parent.__setitem__(name, h5py.Empty("f4")),
            lambda: parent.create_dataset(name, data="text"),
            lambda: parent.create_group(name),
            lambda: None,
        ]
    )
    make()


def _change_attributes(rng: random.Random, group: h5py.Group) -> None:
    name = rng.choice(
        ["layer_names", "weight_names", "layer_names0", "keras_version", "backend", "name", "model_config"]
    )
    names: list = [[b"a"] * 500, [b"d", b"b", b"a"], [b"../a", b"/a", b"a/../d"], [[b"a"], [b"d"]]]
    value = rng.choice([7, 1.5, b"\xff\xfe", "", "a", h5py.Empty("f4"), *names])
    if rng.random() < 0.2:
        group.attrs.pop(name, None)
    else:
        group.attrs[name] = value


def _change_links(rng: random.Random, groups: list, arrays: list) -> None:
    group = rng.choice(groups)
    name = rng.choice([*group, "layers", "vars", "new", "a\\b", "seed_generator", "_layer_checkpoint_dependencies"])
    if name in group:
        del group[name]
        groups = [other for other in groups if other]
        arrays = [other for other in arrays if other]
    target = rng.choice(
        [
            h5py.SoftLink("/"),
            h5py.SoftLink("/nowhere"),
            h5py.ExternalLink("/etc/passwd", "/"),
            h5py.ExternalLink("other.h5", "/a"),
            rng.choice(groups),
            rng.choice(arrays or groups),
            np.dtype("f4"),  # a type by name
            None,
        ]
    )
    if target is not None:
        group[name] = target
    elif rng.random() < 0.3:
        for number in range(rng.choice([10, 400])):
            deep = "/".join([name] * (number % 150 + 2))
            group.create_group(f"{name}_{number}" if rng.random() < 0.5 else f"{deep}{number}")


def _mutate_bytes(rng: random.Random, parts: _Parts, seed: str) -> _Parts:
    """Changes bytes, wherever they stand."""
    del seed
    name = rng.choice(list(parts))
    data = bytearray(parts[name])
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        place, what = rng.randrange(len(data)), rng.random()
        if what < 0.35:
            data[place] = rng.randrange(256)
        elif what < 0.5:
            data[place] ^= 1 << rng.randrange(8)
        elif what < 0.7:
            number = rng.choice([0, 1, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1, (1 << 64) - 1, len(data), place])
            size = rng.choice("BHIQ")
            packed = struct.pack("<Q", number)[: struct.calcsize(size)]
            data[place : place + len(packed)] = packed
        elif what < 0.85:
            other, count = rng.randrange(len(data)), rng.randrange(1, 64)
            data[place : place + count] = data[other : other + count]
        elif what < 0.9:
            data[place:place] = bytes(rng.randrange(1, 100))
        elif what < 0.95:
            del data[place : place + rng.randrange(1, 100)]
        else:
            del data[place:]
        data = data or bytearray(b"x")
    return {**parts, name: bytes(data)}


MUTATIONS = {"config": _mutate_config, "tree": _mutate_tree, "bytes": _mutate_bytes}


@functools.cache
def _valid(seed: str) -> _Parts:
    return SEEDS[seed]()


def mutant(number: int, directory: Path) -> tuple[Path, str]:
    """Writes one damaged file and returns its path and what was done to it.

    Args:
      number: which one; the same number makes the same file.
      directory: where to write; it is created, and empty.
    """
    rng = random.Random(number)
    seed = rng.choice(list(SEEDS))
    parts = _valid(seed)
    directory.mkdir()
    if seed == "archive" and rng.random() < 0.3:
        (directory / "model.keras").write_bytes(_odd_archive(rng, parts))
        return directory / "model.keras", f"{seed}: entries"
    mutation = rng.choice(list(MUTATIONS))
    parts = MUTATIONS[mutation](rng, parts, seed)
    if set(parts) == {""}:
        (directory / "model.h5").write_bytes(parts[""])
        return directory / "model.h5", f"{seed}: {mutation}"
    if seed == "archive":
        (directory / "model.keras").write_bytes(_archive(rng, list(parts.items())))
        return directory / "model.keras", f"{seed}: {mutation}"
    (directory / "model").mkdir()
    for name, data in parts.items():
        (directory / "model" / name).write_bytes(data)
    return directory / "model", f"{seed}: {mutation}"


def _archive(rng: random.Random, entries: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    [method] = rng.choices([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2], [6, 3, 1])
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def _odd_archive(rng: random.Random, parts: _Parts) -> bytes:
    """Writes an archive whose entries are odd, or whose bytes are."""
    entries = list(parts.items())
    what = rng.randrange(6)
    if what == 0:
        del entries[rng.randrange(len(entries))]
    elif what == 1:
        entries.append((rng.choice(["../x", "/etc/x", "a/../../x", "C:\\x", "\\x", "x" * 300, "é", "assets/"]), b"x"))
    elif what == 2:
        entries.insert(0, (rng.choice(list(parts)) + rng.choice(["x", "/", "\\"]), b"{}"))
    elif what == 3:
        entries = [(name, bytes(1 << 25) if rng.random() < 0.5 else data) for name, data in entries]
    elif what == 4:
        entries += [(f"{number}", b"") for number in range(rng.choice([10, 1000]))]
    data = bytearray(_archive(rng, entries))
    if what == 5:
        for _ in range(rng.choice([1, 2, 8])):
            # The directory at the end says where everything is and how large.
            start = rng.choice([0, max(0, len(data) - 250)])
            data[rng.randrange(start, len(data))] = rng.randrange(256)
    return bytes(data)
