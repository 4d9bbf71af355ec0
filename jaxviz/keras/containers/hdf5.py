"""HDF5: a file -> its groups, attributes and arrays, checked before they are read. Only this module imports h5py.

It runs in the child process, because the library may do anything on a damaged file.
"""

import dataclasses
from collections.abc import Iterator

import h5py
import numpy as np

from jaxviz.keras.containers.limits import MOST_DEPTH, MOST_OBJECTS, MOST_TEXT, granted
from jaxviz.values.errors import ModelFileError

__all__ = ["FAILURES", "Contents", "arrays", "describe"]

FAILURES = (OSError, KeyError, RuntimeError, TypeError, ValueError, MemoryError, OverflowError, NotImplementedError)
"""What h5py raises on a damaged file."""

_FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF)


@dataclasses.dataclass(frozen=True)
class Contents:
    """A file whose arrays have been checked and not been read.

    Attributes:
      root: the tree as plain values: ``{"attributes": …, "groups": …, "arrays": {name: shape}}``.
      datasets: the arrays, in the order in which a walk through the tree meets them.
    """

    root: dict
    datasets: list[h5py.Dataset]


def describe(file: h5py.File, size: int, skip: tuple[str, ...]) -> Contents:
    """Walks through a file without reading an array.

    Args:
      file: an open file.
      size: its bytes on disk.
      skip: groups at the root that are left out.

    Raises:
      ModelFileError: a link leads elsewhere or in a circle, an array is no plain one, or they claim more than the
        file can hold.
    """
    root: dict = {}
    datasets: list[h5py.Dataset] = []
    seen = {h5py.h5o.get_info(file.id).addr}
    claimed = 0
    waiting: list[tuple[h5py.Group, str, dict]] = [(file, "", root)]
    while waiting:
        group, path, into = waiting.pop()
        into.update(attributes=_attributes(group), groups={}, arrays={})
        for name in _names(group, path):
            if not path and name in skip:
                continue
            whole = f"{path}/{name}".lstrip("/")
            if whole.count("/") > MOST_DEPTH:
                raise ModelFileError(f"its groups are nested more than {MOST_DEPTH} deep")
            item = _follow(group, name, whole)
            address = h5py.h5o.get_info(item.id).addr
            if address in seen or len(seen) > MOST_OBJECTS:
                raise ModelFileError(
                    f"{whole!r} is there twice" if address in seen else f"it has more than {MOST_OBJECTS:,} objects"
                )
            seen.add(address)
            if isinstance(item, h5py.Group):
                into["groups"][name] = {}
                waiting.append((item, whole, into["groups"][name]))
            else:
                claimed += _check_array(item, whole)
                if claimed > granted(size):
                    raise ModelFileError(f"its arrays claim {claimed:,} bytes or more and the file has {size:,}")
                into["arrays"][name] = [len(datasets), *item.shape]
                datasets.append(item)
    return Contents(root, datasets)


def arrays(contents: Contents) -> Iterator[np.ndarray]:
    """Reads the arrays, one after the other, as float32.

    Raises:
      ModelFileError: one holds values that are no numbers.
    """
    for dataset in contents.datasets:
        raw = dataset[()]
        with np.errstate(over="ignore"):
            # bfloat16 is the upper half of a float32; NumPy knows it by its size alone.
            array = (
                (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
                if raw.dtype.kind == "V"
                else np.asarray(raw, np.float32)
            )
        if not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            raise ModelFileError(f"{dataset.name.lstrip('/')!r} holds {bad} values that are NaN or infinite")
        yield array


def _names(group: h5py.Group, path: str) -> list[str]:
    if len(group) > MOST_OBJECTS:
        raise ModelFileError(f"{path or '/'!r} has {len(group):,} members, more than {MOST_OBJECTS:,}")
    names = list(group)
    for name in names:
        name.encode()  # h5py hides bytes that are no UTF-8 in text that cannot be written
        if name in (".", "..") or "/" in name:
            raise ModelFileError(f"a member of {path or '/'!r} is called {name!r}")
    return names


def _follow(group: h5py.Group, name: str, whole: str) -> h5py.Group | h5py.Dataset:
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ModelFileError(f"{whole!r} is a link to elsewhere, which is not followed")
    item = group[name]
    if not isinstance(item, h5py.Group | h5py.Dataset):
        raise ModelFileError(f"{whole!r} is neither a group nor an array")
    return item


def _check_array(dataset: h5py.Dataset, whole: str) -> int:
    """Returns the bytes that an array will take."""
    if dataset.shape is None:
        raise ModelFileError(f"{whole!r} is empty")
    if dataset.is_virtual or dataset.external:
        raise ModelFileError(f"{whole!r} stores its numbers in another file, which is not read")
    if dataset.dtype.kind not in "fiub" and not _is_bfloat16(dataset):
        raise ModelFileError(f"{whole!r} holds {dataset.dtype}, not numbers")
    properties = dataset.id.get_create_plist()
    for place in range(properties.get_nfilters()):
        if (code := properties.get_filter(place)[0]) not in _FILTERS:
            raise ModelFileError(f"{whole!r} is packed by filter {code}; gzip, lzf, shuffle and fletcher32 are known")
    claimed, stored = 4 * dataset.size, dataset.id.get_storage_size()
    if claimed > granted(stored):
        raise ModelFileError(f"{whole!r} claims {claimed:,} bytes and stores {stored:,}")
    return claimed


def _is_bfloat16(dataset: h5py.Dataset) -> bool:
    return dataset.dtype == np.dtype("V2") and _text(dataset.attrs.get("dtype")) == "bfloat16"


def _attributes(group: h5py.Group) -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {}
    for place in range(min(h5py.h5a.get_num_attrs(group.id), MOST_OBJECTS)):
        attribute = h5py.h5a.open(group.id, index=place)
        name = attribute.name.decode()
        count = np.prod(attribute.shape, dtype=float)
        if count and (count > MOST_OBJECTS or attribute.get_storage_size() > MOST_TEXT):
            raise ModelFileError(f"the attribute {name!r} is larger than any that Keras writes")
        if count and attribute.dtype.kind not in "OSU":
            continue
        # An empty list has lost that it was one of text.
        value = group.attrs[name] if count else np.empty(0)
        texts = [_text(part) for part in np.ravel(value)] if isinstance(value, np.ndarray) else [_text(value)]
        known = [text for text in texts if text is not None]
        if len(known) == len(texts):
            found[name] = known if isinstance(value, np.ndarray) else known[0]
    return found


def _text(value: object) -> str | None:
    if not isinstance(value, str | bytes):
        return None
    text = value.decode() if isinstance(value, bytes) else str(value)
    text.encode()
    return text
