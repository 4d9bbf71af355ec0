"""Arrays: ``.npy`` and ``.npz`` files -> arrays. The files are untrusted input and are checked."""

import os
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from jaxviz.values.errors import JaxvizError

__all__ = ["read_array", "read_arrays"]

_MOST_BYTES = 1 << 32  # unpacked; seven thousand images of 224 x 224 x 3 in float32

_FAILURES = (ValueError, OSError, EOFError, MemoryError, KeyError, SyntaxError, zipfile.BadZipFile, zlib.error)


def read_array(path: str | os.PathLike) -> np.ndarray:
    """Reads a ``.npy`` file of numbers.

    Raises:
      JaxvizError: it is missing or is something else.
    """
    _check_file(path)
    try:
        # A map takes no memory, and is refused where the file is shorter than its header says.
        return _numbers(np.array(np.lib.format.open_memmap(path, mode="r")), path)
    except (*_FAILURES, tokenize.TokenError) as error:
        raise JaxvizError(f"{path} is not a .npy array of numbers") from error


def read_arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads a ``.npz`` file.

    Raises:
      JaxvizError: it is missing, is something else, or unpacks to more than 4 GiB.
    """
    _check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > _MOST_BYTES:
            raise JaxvizError(f"{path} unpacks to {size:,} bytes; {_MOST_BYTES:,} are allowed")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except JaxvizError:
        raise
    except (*_FAILURES, tokenize.TokenError) as error:
        raise JaxvizError(f"{path} is not an .npz file of arrays") from error


def _check_file(path: str | os.PathLike) -> None:
    if not os.path.isfile(path):
        raise JaxvizError(f"no such file: {Path(path)}")


def _numbers(array: np.ndarray, path: str | os.PathLike) -> np.ndarray:
    if array.dtype.kind not in "fiub":
        raise JaxvizError(f"{path} holds {array.dtype}, not numbers")
    return array
