"""Files: path -> what a Keras file holds, as plain values. The only place that reads HDF5."""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from jaxviz.errors import ModelFileError

__all__ = ["StoredModel", "read"]

# A stored array may be compressed. One that claims to unpack to more than this many times its size is not a network's:
# random float32 weights hardly compress at all, and zeros by about a thousand are the zip bombs.
_MOST_EXPANSION = 100
_SMALL = 1 << 20  # bytes that are granted whatever the file's size


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredModel:
    """A Keras file as plain values.

    Attributes:
      path: where it was read from, for messages.
      config: the architecture, as Keras wrote it.
      weights: layer name -> weight name -> array, in the file's order.
      backend: what Keras ran on: ``tensorflow``, ``theano``, …; empty where the file does not say.
      keras_version: such as ``2.1.5``; empty where the file does not say.
    """

    path: str
    config: Mapping
    weights: Mapping[str, Mapping[str, np.ndarray]]
    backend: str
    keras_version: str


def read(path: str | os.PathLike) -> StoredModel:
    """Reads a Keras HDF5 file of architecture and weights.

    Args:
      path: the file, whatever its extension.

    Raises:
      ModelFileError: it is missing, is not HDF5, holds no architecture, or claims sizes that it cannot hold.
    """
    path = Path(path)
    if not os.path.isfile(path):
        raise ModelFileError(f"no such file: {path}")
    if not h5py.is_hdf5(path):
        raise ModelFileError(f"{path} is not HDF5; give a file that Keras saved")
    try:
        with h5py.File(path, "r") as file:
            return _read_hdf5(file, str(path))
    except ModelFileError:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, MemoryError) as error:  # what h5py raises
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelFileError(f"{path} is damaged: {reason}") from error


def _read_hdf5(file: h5py.File, path: str) -> StoredModel:
    config = file.attrs.get("model_config")
    if config is None:
        raise ModelFileError(
            f"{path} holds weights but no architecture; save the whole model with model.save(), not save_weights()"
        )
    try:
        architecture = json.loads(_text(config))
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: its model_config is not JSON") from error
    if not isinstance(architecture, dict):
        raise ModelFileError(f"{path}: its model_config describes no model")
    group = _group(file, "model_weights", path)
    return StoredModel(
        path=path,
        config=architecture,
        weights={name: _read_layer(group, name, path) for name in _names(group, "layer_names")},
        backend=_text(file.attrs.get("backend", group.attrs.get("backend", ""))),
        keras_version=_text(file.attrs.get("keras_version", group.attrs.get("keras_version", ""))),
    )


def _read_layer(weights: h5py.Group, layer: str, path: str) -> dict[str, np.ndarray]:
    group = _group(weights, layer, path)
    return {name: _array(group, name, f"{path}: layer {layer!r}") for name in _names(group, "weight_names")}


def _array(group: h5py.Group, name: str, where: str) -> np.ndarray:
    _check_links(group, name, where)
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset):
        raise ModelFileError(f"{where}: {name!r} is not an array")
    if dataset.shape is None:
        raise ModelFileError(f"{where}: {name!r} is empty")
    if dataset.is_virtual or dataset.external:
        raise ModelFileError(f"{where}: {name!r} keeps its numbers in another file; that is not followed")
    if dataset.dtype.kind not in "fiub":
        raise ModelFileError(f"{where}: {name!r} holds {dataset.dtype}, not numbers")
    if dataset.nbytes > _SMALL + _MOST_EXPANSION * dataset.id.get_storage_size():
        stored = dataset.id.get_storage_size()
        raise ModelFileError(f"{where}: {name!r} claims {dataset.nbytes:,} bytes and stores {stored:,}")
    array = np.asarray(dataset[()], np.float32)
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ModelFileError(f"{where}: {name!r} holds {bad} values that are NaN or infinite")
    return array


def _group(parent: h5py.Group, name: str, path: str) -> h5py.Group:
    _check_links(parent, name, path)
    group = parent[name]
    if not isinstance(group, h5py.Group):
        raise ModelFileError(f"{path}: {name!r} is not a group of weights")
    return group


def _check_links(group: h5py.Group, name: str, where: str) -> None:
    """Refuses a name that leaves its group: only links that stay inside are followed."""
    parts = [part for part in name.split("/") if part]
    for part in parts:
        if not isinstance(group, h5py.Group) or group.get(part, getlink=True) is None:
            raise ModelFileError(f"{where}: {name!r} is missing")
        if part in (".", "..") or not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise ModelFileError(f"{where}: {name!r} is a link to elsewhere; that is not followed")
        group = group[part]


def _names(group: h5py.Group, attribute: str) -> list[str]:
    """Reads a list of names; Keras splits one that is too long for an attribute into ``name0``, ``name1`` and so on."""
    if attribute in group.attrs:
        parts = [group.attrs[attribute]]
    else:
        parts = []
        while (part := group.attrs.get(f"{attribute}{len(parts)}")) is not None:
            parts.append(part)
    return [_text(name) for part in parts for name in np.asarray(part).ravel()]


def _text(value: str | bytes | np.generic) -> str:
    if not isinstance(value, str | bytes):
        raise ValueError(f"{value!r} where a name is needed")
    text = value.decode() if isinstance(value, bytes) else str(value)
    text.encode()  # h5py hides bytes that are no UTF-8 in text that cannot be written
    return text
