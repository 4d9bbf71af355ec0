"""HDF5 mutants: changes of groups, links, attributes and arrays that leave a file valid HDF5."""

import contextlib
import io
import random
from collections.abc import Callable

import h5py
import numpy as np

from experiments.materials.small_keras_files import Parts

__all__ = ["edited", "mutate_tree"]

_IMPOSSIBLE = (TypeError, ValueError, OSError, LookupError, RuntimeError, AttributeError)  # the errors that h5py raises


def mutate_tree(rng: random.Random, parts: Parts, seed: str) -> Parts:
    """Changes groups, links, attributes and arrays of the HDF5 file, which remains valid."""
    del seed

    def change(file: h5py.File) -> None:
        for _ in range(rng.choice([1, 1, 2, 4])):
            items: list = []
            file.visititems(lambda _, item, items=items: items.append(item))
            groups = [file, *(item for item in items if isinstance(item, h5py.Group))]
            arrays = [item for item in items if isinstance(item, h5py.Dataset)]
            # Earlier changes can make this one impossible.
            with contextlib.suppress(*_IMPOSSIBLE):
                what = rng.random()
                if what < 0.5 and arrays:
                    _change_array(rng, rng.choice(arrays))
                elif what < 0.75:
                    _change_attributes(rng, rng.choice(groups))
                else:
                    _change_links(rng, groups, arrays)

    return edited(parts, change)


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


def edited(parts: Parts, change: Callable[[h5py.File], None]) -> Parts:
    """Returns parts whose HDF5 file has been changed."""
    [name] = [name for name in parts if name in ("", "model.weights.h5", "weights.h5")]
    buffer = io.BytesIO(parts[name])
    with h5py.File(buffer, "r+") as file:
        change(file)
    return {**parts, name: buffer.getvalue()}
