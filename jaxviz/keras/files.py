"""Files: a path -> the contents of a Keras file, as plain values."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxviz.keras.config.parsing import parse
from jaxviz.keras.containers import Group, read_archive, read_hdf5
from jaxviz.keras.containers.kinds import archive_refusal, directory_refusal, file_refusal, is_hdf5, is_json, is_zip
from jaxviz.keras.containers.limits import MOST_TEXT
from jaxviz.keras.weights.layouts import SKIPPED, stored_weights, text_of
from jaxviz.keras.weights.stored import StoredModel
from jaxviz.values.errors import ModelFileError

__all__ = ["read"]

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MOST_NAMED = 5  # files in a message


def read(path: str | os.PathLike, *, architecture: Mapping | str | os.PathLike | None = None) -> StoredModel:
    """Reads a Keras file of any age: HDF5 whatever its extension, a ``.keras`` archive, or a directory of its parts.

    Args:
      path: the file or directory.
      architecture: for weights alone, or in place of the file's own: a Keras config, its JSON, or the path of a JSON
        file or of another Keras file.

    Raises:
      ModelFileError: it is missing, is none of these, is damaged, or claims sizes that it cannot hold.
    """
    path = Path(path)
    stored = _read(path)
    if architecture is None:
        return stored
    config, keras_version, backend = _architecture(architecture)
    return dataclasses.replace(
        stored, config=config, keras_version=keras_version, backend=stored.weights.backend or backend
    )


def _read(path: Path) -> StoredModel:
    try:
        if path.is_dir():
            return _read_directory(path)
        if not path.is_file():
            raise ModelFileError(f"no such file: {path}")
        if is_hdf5(path):
            return _stored(path, read_hdf5(path, skip=SKIPPED))
        if is_zip(path):
            return _read_archive(path)
        raise file_refusal(path)
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}") from error


def _read_archive(path: Path) -> StoredModel:
    entries = read_archive(path, [_CONFIG, _METADATA])
    config = entries.get(_CONFIG)
    if config is None:
        raise archive_refusal(path, entries)
    if _WEIGHTS not in entries:
        raise ModelFileError(f"{path} holds no {_WEIGHTS}; save the model with its weights in one HDF5 file")
    return _stored(path, read_hdf5(path, entry=_WEIGHTS, skip=SKIPPED), config, entries.get(_METADATA))


def _read_directory(path: Path) -> StoredModel:
    names = sorted(os.listdir(path))
    if _CONFIG in names and _WEIGHTS in names:
        weights, config = _WEIGHTS, _CONFIG
    else:  # the habit of Keras 1 and 2: model.to_json() and save_weights()
        weights, config = _parts(path, names)
    metadata = _text(path / _METADATA) if _METADATA in names else None
    if not (path / weights).is_file():
        raise ModelFileError(f"{path / weights} is no file")
    if not is_hdf5(path / weights):
        raise file_refusal(path / weights)
    return _stored(path, read_hdf5(path / weights, skip=SKIPPED), _text(path / config), metadata)


def _parts(path: Path, names: Sequence[str]) -> tuple[str, str]:
    """Returns the one HDF5 file of a directory and the one JSON file of an architecture, whatever they are called."""
    files = [name for name in names if (path / name).is_file()]
    hdf5 = [name for name in files if is_hdf5(path / name)]
    configs = [name for name in files if name not in hdf5 and is_json(path / name)]
    if len(configs) > 1:  # of those, one that says what it is
        configs = [name for name in configs if "class_name" in parse(_text(path / name), str(path / name))]
    if not hdf5 or not configs:
        raise directory_refusal(path, names)
    for what, found in (("HDF5 files", hdf5), ("architectures", configs)):
        if len(found) > 1:
            raise ModelFileError(
                f"{path} has {len(found)} {what}: {', '.join(found[:_MOST_NAMED])}; give the weights, and architecture="
            )
    return hdf5[0], configs[0]


def _stored(path: Path, root: Group, config: bytes | None = None, metadata: bytes | None = None) -> StoredModel:
    """Puts together what stood apart: an HDF5 file has the architecture in itself, an archive beside it."""
    weights = stored_weights(root, str(path))
    text = config if config is not None else root.attributes.get("model_config")
    if isinstance(text, tuple):
        text = text[0] if len(text) == 1 else ""
    architecture = (
        None if text is None else parse(text, f"{path}: its {'model_config' if config is None else 'config'}")
    )
    about = parse(metadata, f"{path}: its {_METADATA}") if metadata is not None else {}
    version = about.get("keras_version") or weights.keras_version or _version(architecture or {})
    return StoredModel(
        path=str(path),
        config=architecture,
        weights=weights,
        backend=weights.backend or text_of(root, "backend") or str((architecture or {}).get("backend", "")),
        keras_version=version if isinstance(version, str) else "",
    )


def _architecture(given: Mapping | str | os.PathLike) -> tuple[Mapping, str, str]:
    """Returns a config that stands apart from the weights, what version of Keras wrote it and what that ran on."""
    if isinstance(given, str) and given.lstrip().startswith("{"):
        given = parse(given, "the architecture")
    if isinstance(given, Mapping):
        return given, _version(given), str(given.get("backend", ""))
    path = Path(given)
    if path.is_file() and is_json(path):
        return _architecture(parse(_text(path), str(path)))
    other = _read(path)
    if other.config is None:
        raise ModelFileError(f"{path} holds no architecture either; give a Keras JSON or a file of a whole model")
    return other.config, other.keras_version, other.backend


def _version(config: Mapping) -> str:
    """Returns what a config says of its Keras; Keras 3 says no number, and writes what no other writes."""
    version = config.get("keras_version")
    return version if isinstance(version, str) else "3" if "registered_name" in config else ""


def _text(path: Path) -> bytes:
    if not path.is_file():  # a pipe would be waited for
        raise ModelFileError(f"{path} is no file")
    with open(path, "rb") as file:
        text = file.read(MOST_TEXT + 1)
    if len(text) > MOST_TEXT:
        raise ModelFileError(f"{path} is larger than any architecture: over {MOST_TEXT:,} bytes")
    return text
