"""The child process: requests on its standard input, the contents of a file on its standard output.

A request is one line of JSON. A reply is JSON with its length in front, followed by the bytes that it announces: arrays
one after the other as float32, or an entry of an archive.
"""

import io
import json
import os
import struct
import sys
from collections.abc import Iterable
from typing import BinaryIO

import h5py

from jaxviz.keras.containers import hdf5, limits, zips
from jaxviz.values.errors import ModelFileError

if sys.platform != "win32":  # there the time limit of the waiting side stands alone
    import resource

__all__ = ["serve"]

_FAILURES = (*hdf5.FAILURES, *zips.FAILURES)


def serve() -> None:
    """Answers requests until its input ends."""
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    _send(replies, {"ready": True}, [])
    for line in requests:
        request = json.loads(line)
        try:
            _answer(request, replies)
        except _FAILURES as error:
            _send(replies, {"error": _reason(error)}, [])


def _answer(request: dict, replies: BinaryIO) -> None:
    path = request["path"]
    size = os.stat(path).st_size
    _limit(size)
    with open(path, "rb") as file:
        if request["what"] == "entries":
            _send(replies, {"entries": zips.sizes(file)}, [])
        elif request["what"] == "entry":
            data = zips.unpack(file, request["entry"])
            _send(replies, {"bytes": len(data)}, [data])
        else:
            source = io.BytesIO(zips.unpack(file, request["entry"])) if request["entry"] else path
            with h5py.File(source, "r") as opened:
                contents = hdf5.describe(opened, size, tuple(request["skip"]))
                _send(replies, {"root": contents.root}, (array.data for array in hdf5.arrays(contents)))


def _send(replies: BinaryIO, reply: dict, parts: Iterable[bytes | memoryview]) -> None:
    header = json.dumps(reply).encode()
    replies.write(struct.pack("<Q", len(header)) + header)
    try:
        for part in parts:
            replies.write(b"\1")
            replies.write(part)
    except _FAILURES as error:
        reason = _reason(error).encode(errors="replace")
        replies.write(b"\0" + struct.pack("<Q", len(reason)) + reason)
    replies.flush()


def _reason(error: Exception) -> str:
    if isinstance(error, ModelFileError):
        return str(error)
    return f"it is damaged: {str(error).splitlines()[0] if str(error) else type(error).__name__}"


def _limit(size: int) -> None:
    """Sets what this request may take on top of what the process has already taken."""
    if sys.platform == "win32":
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _soften(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + limits.seconds(size))
    try:
        with open("/proc/self/statm") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
    except OSError:  # no Linux
        return
    _soften(resource.RLIMIT_AS, taken + limits.working_memory(size))


def _soften(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
