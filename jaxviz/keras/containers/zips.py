"""Zips: the entries of an archive, checked before any is unpacked. Nothing is written to disk."""

import os
import stat
import zipfile
import zlib
from typing import BinaryIO

from jaxviz.keras.containers.limits import MOST_OBJECTS, granted
from jaxviz.values.errors import ModelFileError

__all__ = ["FAILURES", "sizes", "unpack"]

FAILURES = (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)
"""What the zip reader raises on a damaged archive."""

_ENCRYPTED = 1  # the bit of an entry's flags
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def sizes(file: BinaryIO) -> dict[str, int]:
    """Returns the entries of an archive and the size that each claims.

    Raises:
      ModelFileError: an entry leads out of the archive, is a link, encrypted or twice there, or they claim more than
        the file can hold.
    """
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        size = os.fstat(file.fileno()).st_size
    if len(entries) > MOST_OBJECTS:
        raise ModelFileError(f"it has {len(entries):,} entries, more than {MOST_OBJECTS:,}")
    found: dict[str, int] = {}
    for entry in entries:
        _check(entry)
        if entry.filename in found:
            raise ModelFileError(f"its entry {entry.filename!r} is there twice")
        found[entry.filename] = entry.file_size
    claimed = sum(found.values())
    if claimed > granted(size):
        raise ModelFileError(f"its entries claim {claimed:,} bytes and the file has {size:,}")
    return found


def unpack(file: BinaryIO, name: str) -> bytes:
    """Returns an entry that ``sizes`` listed, and not a byte more than it claims."""
    with zipfile.ZipFile(file) as archive, archive.open(name) as entry:
        return entry.read()  # zipfile stops at the claimed size and then compares the checksum


def _check(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        raise ModelFileError(f"its entry {name!r} leads out of the archive, which is not allowed")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ModelFileError(f"its entry {name!r} is a link, which is not followed")
    if entry.flag_bits & _ENCRYPTED:
        raise ModelFileError(f"its entry {name!r} is encrypted; save the model without a password")
    if entry.compress_type not in _METHODS:
        raise ModelFileError(f"its entry {name!r} is compressed by method {entry.compress_type}; deflate is supported")
