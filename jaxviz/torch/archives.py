"""Archives: the path of a ``.pt2`` file -> the program in it.

PyTorch's own reader runs what it finds there: it unpickles objects of any kind, and evaluates expressions. So a file is
first looked through, and read by PyTorch only if it holds nothing but a graph of known kinds of operations and tensors.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from jaxviz.values.errors import ModelFileError

if TYPE_CHECKING:
    import torch

__all__ = ["read"]

_LARGEST_GRAPH = 1 << 28  # bytes of a graph's text; a network of thousands of operations has some millions
_OPERATION = re.compile(r"torch\.ops\.aten\.\w+\.\w+|_operator\.(getitem|add|sub|mul|floordiv)")
_PLAIN = re.compile(r"(.*/)?(data/(weights|constants)/[\w.-]+|archive_format|archive_version|byteorder|\.data/\w+|"
                    r"version|extra/[\w./-]+)")  # fmt: skip


def read(path: Path) -> "torch.export.ExportedProgram":
    """Reads a program that ``torch.export.save`` wrote.

    Raises:
      ModelFileError: it is none, or holds something that PyTorch's reader would run.
    """
    import torch

    if not path.is_file():
        raise ModelFileError(f"{path}: there is no such file")
    if not zipfile.is_zipfile(path):
        raise ModelFileError(f"{path} is no file of torch.export.save, which are zip archives")
    content = path.read_bytes()  # what is looked through is what is read, whatever becomes of the file
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        graphs = 0
        for member in archive.infolist():
            graphs += _look_through(path, archive, member)
    if not graphs:
        raise ModelFileError(f"{path} holds no graph of torch.export.save")
    try:
        return torch.export.load(io.BytesIO(content))
    except Exception as error:  # of many kinds, as many as there are versions of the format
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ModelFileError(f"{path} cannot be read by torch.export.load: {reason}") from error


def _look_through(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Refuses a member that is not what it should be; returns whether it is a graph."""
    name = member.filename
    if member.compress_type != zipfile.ZIP_STORED:
        raise ModelFileError(f"{path}: {name!r} in it is compressed, which torch.export.save never does")
    if name.endswith(".json"):
        if member.file_size > _LARGEST_GRAPH:
            raise ModelFileError(f"{path}: {name!r} in it has {member.file_size} bytes, more than {_LARGEST_GRAPH}")
        return _check_text(path, name, archive.read(member))
    content = archive.read(member)
    if _is_pickled(content):
        _check_tensors(path, name, content)
    elif not _PLAIN.fullmatch(name):
        raise ModelFileError(f"{path}: {name!r} in it is no part of an exported program")
    return False


def _is_pickled(content: bytes) -> bool:
    return content[:2] == b"PK" or content[:1] == b"\x80"


def _check_tensors(path: Path, name: str, content: bytes) -> None:
    import torch

    try:
        torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # anything that is not tensors alone
        raise ModelFileError(f"{path}: {name!r} in it holds more than tensors") from error


def _check_text(path: Path, name: str, content: bytes) -> bool:
    try:
        held = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: {name!r} in it is no JSON") from error
    is_graph = False
    for key, value in _entries(held):
        is_graph |= key == "nodes"
        if key == "target" and not (isinstance(value, str) and _OPERATION.fullmatch(value)):
            raise ModelFileError(f"{path}: its graph calls {value!r}, which is no operation on tensors")
        if key == "expr_str" or (key == "guards_code" and value):
            raise ModelFileError(f"{path}: it was exported with dynamic shapes; export it without dynamic_shapes")
        if key == "use_pickle" and value and "weights" not in name:
            raise ModelFileError(f"{path}: {name!r} in it names objects that are no tensors")
    return is_graph


def _entries(held: object) -> Iterator[tuple[str, object]]:
    """Yields the keys and values of tables inside of tables and lists."""
    waiting = [held]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
