"""Kinds of file: the kind of a file, by its first bytes and its contents, never by its name alone."""

from collections.abc import Iterable
from pathlib import Path

from jaxviz.values.errors import ModelFileError

__all__ = ["archive_refusal", "directory_refusal", "file_refusal", "is_hdf5", "is_json", "is_zip"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_BLANKS = b"\xef\xbb\xbf \t\r\n"  # what text may begin with, the mark of some editors included

# First bytes -> what such a file is.
_BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file that it stands for"),
    (b"\x80", "a pickle, as PyTorch and joblib write; unpacking one runs code, so it is not opened"),
    (b"\x1f\x8b", "gzip; unpack it first"),
    (b"BZh", "bzip2; unpack it first"),
    (b"\xfd7zXZ", "xz; unpack it first"),
    (b"7z\xbc\xaf", "7-zip; unpack it first"),
    (b"Rar!", "RAR; unpack it first"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"<", "a web page or other markup"),
    (b"{", "JSON; it may be an architecture: give the file with the weights, and this one as architecture="),
)
_EXTENSIONS = {
    ".onnx": "ONNX",
    ".pb": "a TensorFlow graph",
    ".tflite": "TensorFlow Lite",
    ".safetensors": "safetensors",
    ".caffemodel": "Caffe",
    ".index": "a TensorFlow checkpoint",
    ".ckpt": "a TensorFlow checkpoint",
}
_REMEDY = "give a file that Keras saved"


def is_hdf5(path: Path) -> bool:
    """Says whether a file is HDF5, whose signature stands at byte 0, 512, 1024 or a further double."""
    with open(path, "rb") as file:
        place, end = 0, file.seek(0, 2)
        while place < end:
            file.seek(place)
            if file.read(len(_HDF5)) == _HDF5:
                return True
            place = max(512, 2 * place)
    return False


def is_zip(path: Path) -> bool:
    """Says whether a file is a zip archive."""
    with open(path, "rb") as file:
        return file.read(4) in (b"PK\3\4", b"PK\5\6")


def is_json(path: Path) -> bool:
    """Says whether a file begins as JSON of a model does."""
    return _beginning(path).lstrip(_BLANKS + b'"').startswith(b"{")


def file_refusal(path: Path) -> ModelFileError:
    """Returns the error for a file that is neither HDF5 nor a zip archive."""
    first = _beginning(path)
    what = _EXTENSIONS.get(path.suffix.lower())
    if first[4:8] == b"TFL3":
        what = _EXTENSIONS[".tflite"]
    if what is None:
        text = first.lstrip(_BLANKS)
        what = next((what for beginning, what in _BEGINNINGS if text.startswith(beginning)), None)
    if not first:
        what = "empty"
    return ModelFileError(f"{path} is not HDF5" + (f" but {what}" if what else "") + f"; {_REMEDY}")


def archive_refusal(path: Path, entries: Iterable[str]) -> ModelFileError:
    """Returns the error for a zip archive that holds no Keras model."""
    names = list(entries)
    if any(name.endswith("data.pkl") for name in names):
        what = "a PyTorch file"
    elif names and all(name.endswith(".npy") for name in names):
        what = "NumPy arrays (.npz)"
    elif any(name.endswith("saved_model.pb") for name in names):
        what = "a zipped TensorFlow SavedModel"
    else:
        what = "a zip archive without a config.json"
    return ModelFileError(f"{path} is {what}; {_REMEDY}")


def directory_refusal(path: Path, names: Iterable[str]) -> ModelFileError:
    """Returns the error for a directory that holds no Keras model."""
    names = set(names)
    if "saved_model.pb" in names:
        what = "a TensorFlow SavedModel; load it in TensorFlow and save it as .keras or .h5"
    elif "_CHECKPOINT_METADATA" in names:
        what = "an Orbax checkpoint; load the model first, then jaxviz.checkpoints.load puts these weights into it"
    elif "checkpoint" in names or any(name.endswith(".index") for name in names):
        what = "a TensorFlow checkpoint; load it in TensorFlow and save it as .keras or .h5"
    elif "model.json" in names and any(name.endswith(".bin") for name in names):
        what = "a TensorFlow.js model; convert it to .keras or .h5"
    else:
        what = "a directory without an HDF5 file of weights and a JSON file of an architecture"
    return ModelFileError(f"{path} is {what}")


def _beginning(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(1024)
