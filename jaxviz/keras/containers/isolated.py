"""Isolated reading: a path -> its contents, by way of a child process.

The child is started for the first file and serves the next ones too, so that a file costs milliseconds. The main
process does not trust the child: it accepts only text, shapes and numbers.
"""

import atexit
import contextlib
import io
import json
import math
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxviz.keras.containers import limits
from jaxviz.keras.containers.tree import Group
from jaxviz.values.errors import JaxvizError, ModelFileError

__all__ = ["read_archive", "read_hdf5"]

# The child imports what this process would import, and no library that HDF5 is told of in the environment.
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from jaxviz.keras.containers.worker import serve; serve()"
)
_ENVIRONMENT = {"HDF5_PLUGIN_PRELOAD": "::", "HDF5_USE_FILE_LOCKING": "FALSE", "OPENBLAS_NUM_THREADS": "1"}
_SECONDS_TO_START = 60
_LONGEST_HEADER = 1 << 28  # bytes
_PATIENCE = 3  # seconds beyond the processor time that the child may take


def read_hdf5(path: Path, *, entry: str = "", skip: Sequence[str] = ()) -> Group:
    """Reads an HDF5 file.

    Args:
      path: the file, or an archive that holds it.
      entry: its name in that archive.
      skip: groups at its root that are not wanted.

    Raises:
      ModelFileError: it is damaged, asks for more than a file of its size may, or leads elsewhere.
    """
    with _reply(path, {"what": "hdf5", "entry": entry, "skip": list(skip)}) as (header, stream):
        shapes: dict[int, tuple[int, ...]] = {}
        _note_shapes(header["root"], shapes)
        return _group(header["root"], [_array(stream, shapes[place]) for place in range(len(shapes))])


def read_archive(path: Path, wanted: Sequence[str], most: int = limits.MOST_TEXT) -> dict[str, bytes | None]:
    """Lists the entries of a zip archive and reads some of them.

    Args:
      path: the archive.
      wanted: the entries that are read, where they are there.
      most: how many bytes one of those may have.

    Returns:
      Entry -> its bytes; None for one that was not wanted.

    Raises:
      ModelFileError: it is damaged, claims more than a file of its size can hold, or leads elsewhere.
    """
    with _reply(path, {"what": "entries"}) as (header, _):
        sizes: Mapping[str, int] = header["entries"]
    found: dict[str, bytes | None] = dict.fromkeys(sizes)
    for name in wanted:
        if name in sizes:
            if sizes[name] > most:
                raise ModelFileError(f"{path}: its entry {name!r} has {sizes[name]:,} bytes, more than {most:,}")
            with _reply(path, {"what": "entry", "entry": name}) as (header, stream):
                found[name] = bytes(_part(stream, bytearray(header["bytes"])))
    return found


def _note_shapes(node: dict, shapes: dict[int, tuple[int, ...]]) -> None:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        shapes.update((place, tuple(shape)) for place, *shape in node["arrays"].values())
        waiting.extend(node["groups"].values())


def _group(root: dict, arrays: Sequence[np.ndarray]) -> Group:
    """Builds the tree from its leaves, in a loop, since a file may be deeper than Python's stack."""
    order = [root]
    for node in order:
        order.extend(node["groups"].values())
    built: dict[int, Group] = {}
    for node in reversed(order):
        built[id(node)] = Group(
            attributes={
                name: tuple(text) if isinstance(text, list) else text for name, text in node["attributes"].items()
            },
            groups={name: built[id(child)] for name, child in node["groups"].items()},
            arrays={name: arrays[place] for name, (place, *_) in node["arrays"].items()},
        )
    return built[id(root)]


def _array(stream: io.BufferedReader, shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(math.prod(shape), np.float32)
    _part(stream, array.view(np.uint8).data)
    return array.reshape(shape)


def _part(stream: io.BufferedReader, room):
    """Fills one announced part from the child's output, or raises what came in its place."""
    if _take(stream, 1) == b"\0":
        [length] = struct.unpack("<Q", _take(stream, 8))
        raise _RefusalError(_take(stream, length).decode())
    if stream.readinto(room) != len(room):
        raise EOFError
    return room


def _take(stream: io.BufferedReader, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise EOFError
    return data


class _RefusalError(Exception):
    """What the child says is wrong with the file."""


class _Child:
    """The process that reads; at most one request at a time."""

    def __init__(self):
        command = [sys.executable, "-c", _CODE, json.dumps([os.path.abspath(place) for place in sys.path])]
        self.owner = os.getpid()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **_ENVIRONMENT},
            start_new_session=True,  # or an interrupt from the keyboard would end it as well
        )

    def ask(self, request: dict | None) -> tuple[dict, io.BufferedReader]:
        if request is not None:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        stream = self._process.stdout
        [length] = struct.unpack("<Q", _take(stream, 8))
        if length > _LONGEST_HEADER:
            raise EOFError
        return json.loads(_take(stream, length)), stream

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()


_lock = threading.Lock()
_child: _Child | None = None


@contextlib.contextmanager
def _reply(path: Path, request: dict) -> Iterator[tuple[dict, io.BufferedReader]]:
    """Sends a request; whatever goes wrong while its reply is read, the child does not outlive it."""
    request = {"path": os.path.abspath(path), **request}
    with _lock:
        child = _running_child()
        # Processor time is limited in the child; this is for what takes none, and where there is no such limit.
        timer = threading.Timer(_PATIENCE + 2 * limits.seconds(_size(path)), child.kill)
        timer.start()
        try:
            header, stream = child.ask(request)
            if "error" in header:
                raise ModelFileError(f"{path}: {header['error']}")
            yield header, stream
        except _RefusalError as refusal:
            raise ModelFileError(f"{path}: {refusal}") from None
        except (EOFError, BrokenPipeError) as error:
            _discard()
            raise ModelFileError(f"{path} is damaged: reading it took too much time or memory") from error
        except ModelFileError:
            raise
        except BaseException:
            _discard()
            raise
        finally:
            timer.cancel()


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}") from error


def _running_child() -> _Child:
    global _child
    if _child is not None and _child.owner != os.getpid():
        _child = None  # a fork's parent has it
    if _child is not None and not _child.is_alive():
        _discard()
    if _child is None:
        child = _Child()
        timer = threading.Timer(_SECONDS_TO_START, child.kill)
        timer.start()
        try:
            child.ask(None)
        except EOFError as error:
            child.close()
            raise JaxvizError(f"cannot start {sys.executable!r}, the process that reads files") from error
        finally:
            timer.cancel()
        _child = child
    return _child


@atexit.register
def _discard() -> None:
    global _child
    child, _child = _child, None
    if child is not None and child.owner == os.getpid():
        child.close()
