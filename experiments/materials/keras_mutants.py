"""Mutants: (number, directory) -> a damaged Keras file; the same number makes the same file."""

import contextlib
import copy
import functools
import io
import json
import random
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np

from experiments.materials.hdf5_mutants import edited, mutate_tree
from experiments.materials.small_keras_files import SEEDS, Parts, config_of

__all__ = ["MUTATIONS", "mutant"]

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


def _mutate_config(rng: random.Random, parts: Parts, seed: str) -> Parts:
    """Changes the architecture's JSON: a value, a class, a layer, its depth, its length."""
    config = config_of(seed)
    text = b"[" * 100_000
    with contextlib.suppress(RecursionError):  # raised when the JSON is nested too deeply for Python to copy or write
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            _change_config(rng, config)
        text = json.dumps(config).encode()
    if rng.random() < 0.1:
        begun, marked = text[: len(text) // 2], b"\xef\xbb\xbf" + text
        text = rng.choice([b"", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, begun, marked])
    return _with_config(parts, text)


def _change_config(rng: random.Random, config: dict) -> None:
    places = _places(config)
    if not places:
        return
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


def _with_config(parts: Parts, text: bytes) -> Parts:
    for name in ("config.json", "model.json"):
        if name in parts:
            return {**parts, name: text}

    def change(file: h5py.File) -> None:
        file.attrs["model_config"] = np.void(text) if b"\0" in text else text or "empty"

    return edited(parts, change)


def _mutate_bytes(rng: random.Random, parts: Parts, seed: str) -> Parts:
    """Changes bytes at random places."""
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


MUTATIONS = {"config": _mutate_config, "tree": mutate_tree, "bytes": _mutate_bytes}


@functools.cache
def _valid(seed: str) -> Parts:
    return SEEDS[seed]()


def mutant(number: int, directory: Path) -> tuple[Path, str]:
    """Writes one damaged file and returns its path and a description of the change.

    Args:
      number: selects the change; the same number makes the same file.
      directory: where to write; it is created, empty.
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


def _odd_archive(rng: random.Random, parts: Parts) -> bytes:
    """Writes an archive with irregular entries or damaged bytes."""
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
            # The central directory at the end holds the position and size of every entry.
            start = rng.choice([0, max(0, len(data) - 250)])
            data[rng.randrange(start, len(data))] = rng.randrange(256)
    return bytes(data)
