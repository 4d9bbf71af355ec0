"""Archives: the path of a ``.pt2`` file -> the program in it.

PyTorch's own reader runs what it finds there: it unpickles objects of any kind, and evaluates expressions. So a file is
first looked through, and read by PyTorch only if it holds nothing but a graph of known kinds of operations and tensors.
"""

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from jaxviz.torch.bounds import check_sizes
from jaxviz.values.errors import ModelFileError

if TYPE_CHECKING:
    import torch

__all__ = ["read"]

_LARGEST_GRAPH = 1 << 28  # bytes of a graph's text; a network of thousands of operations has some millions
_OPERATION = re.compile(r"torch\.ops\.aten\.(?!from_file\b)\w+\.\w+|_operator\.(getitem|add|sub|mul|floordiv)")
# How PyTorch's reader takes a member depends on its name: numbers as they are, pickled tensors, or a text.
_NUMBERS = re.compile(r"([^/]+/)?(data/weights/weight_\d+|data/constants/tensor_\d+|archive_format|archive_version|"
                      r"byteorder|\.data/\w+|version|extra/[\w./-]+)")  # fmt: skip
_TENSORS = re.compile(r"([^/]+/)?(data/(weights|constants|sample_inputs)/[\w.-]+|serialized_\w+)\.pt")
_TEXT = re.compile(r"([^/]+/)?((models|data/(weights|constants))/[\w.-]+|serialized_\w+)\.json")
_CONTENT = re.compile(r"(weight|tensor)_\d+")
_IMPORTING = re.compile(r"__enum__|default_factory|\\u")  # in a text that tells the type of a container


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
    with _opened(path) as archive, tempfile.TemporaryFile() as checked:  # what is looked through is what is read
        _copy_checked(path, archive, checked)
        checked.seek(0)
        try:
            program = torch.export.load(checked)
        except Exception as error:  # of many kinds, as many as there are versions of the format
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise ModelFileError(f"{path} cannot be read by torch.export.load: {reason}") from error
    check_sizes(program, path)
    return program


def _copy_checked(path: Path, archive: zipfile.ZipFile, checked: IO[bytes]) -> None:
    """Copies an archive, one member at a time, each looked through as it is in memory."""
    graphs, names = 0, set()
    with zipfile.ZipFile(checked, "w") as copy:
        for member in archive.infolist():
            name = member.filename
            if name.lower() in names:
                raise ModelFileError(f"{path}: {name!r} is in it twice")
            names.add(name.lower())
            held = _stored(path, archive, member)
            graphs += _look_through(path, name, held)
            copy.writestr(name, held)
    if not graphs:
        raise ModelFileError(f"{path} holds no graph of torch.export.save")


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ModelFileError(f"{path} is a damaged archive: {error}") from error


def _stored(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Returns the content of a member; refuses one that would take more memory than the file."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise ModelFileError(f"{path}: {member.filename!r} in it is compressed, which torch.export.save never does")
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise ModelFileError(f"{path}: {member.filename!r} in it cannot be read: {error}") from error


def _look_through(path: Path, name: str, content: bytes) -> bool:
    """Refuses a member that is not what it should be; returns whether it is a graph."""
    if _TEXT.fullmatch(name):
        if len(content) > _LARGEST_GRAPH:
            raise ModelFileError(f"{path}: {name!r} in it has {len(content)} bytes, more than {_LARGEST_GRAPH}")
        return _check_text(path, name, content)
    if _TENSORS.fullmatch(name):
        if content:
            _check_tensors(path, name, content)
    elif not _NUMBERS.fullmatch(name):
        raise ModelFileError(
            f"{path}: {name!r} in it is no part of an exported program; give a file of torch.export.save"
        )
    return False


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
        if (key == "use_pickle" and value) or (key == "path_name" and not _is_name(value)):
            raise ModelFileError(f"{path}: {name!r} in it names objects that are no plain tensors")
        if key in ("in_spec", "out_spec") and _IMPORTING.search(str(value)):
            raise ModelFileError(f"{path}: the network takes or gives a container that is no tuple, list or dict")
    return is_graph


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(_CONTENT.fullmatch(value))


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
