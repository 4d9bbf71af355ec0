"""Small Keras files: a tiny network in every container and version of the format, written without Keras."""

import copy
import io
import json
from collections.abc import Callable

import h5py
import numpy as np

__all__ = ["SEEDS", "Parts", "config_of"]

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

Parts = dict[str, bytes]
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


def _parts(config: dict) -> Parts:
    return {
        "config.json": json.dumps(config).encode(),
        "metadata.json": b'{"keras_version": "3.9.0"}',
        "model.weights.h5": _numbered(),
    }


# How a model is saved -> its parts. One part called "" is a file; several are an archive, or where the name says so, a
# directory.
SEEDS: dict[str, Callable[[], Parts]] = {
    "hdf5": lambda: {"": _named(_sequential())},
    "hdf5 graph": lambda: {"": _named(_functional())},
    "hdf5 keras 1": lambda: {"": _named(_keras_1(), old=True)},
    "archive": lambda: _parts(_sequential()),
    "directory": lambda: _parts(_sequential()),
    "directory weights": lambda: {"model.json": json.dumps(_sequential()).encode(), "weights.h5": _named(None)},
}


def config_of(seed: str) -> dict:
    """Returns a new copy of the architecture of a seed."""
    return copy.deepcopy({"hdf5 graph": _functional, "hdf5 keras 1": _keras_1}.get(seed, _sequential)())
