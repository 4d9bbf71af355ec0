"""Entries: the layers of one model as a file describes them, checked before they are interpreted."""

import collections
from collections.abc import Mapping, Sequence

from jaxviz.values.errors import ModelFileError

__all__ = ["Entry", "entries_of", "field", "is_model", "names_of", "shape_of"]

Entry = Mapping
"""One layer, or a model among the layers: at least ``{"class_name": …, "config": …}``."""

_DEEPEST = 30  # models within models, of each the first layer


def field(value: object, name: str, path: str):
    """Returns a value that a table must have.

    Raises:
      ModelFileError: it is no table, or has no such value.
    """
    if not isinstance(value, Mapping) or name not in value:
        raise ModelFileError(f"{path}: its architecture has no {name!r} where one is needed")
    return value[name]


def is_model(entry: object) -> bool:
    """Tells a model from a layer: a subclass of Model that was saved with its graph is one, too."""
    if not isinstance(entry, Mapping):
        return False
    config = entry.get("config")
    is_graph = isinstance(config, Mapping) and {"layers", "input_layers", "output_layers"} <= config.keys()
    return entry.get("class_name") == "Sequential" or is_graph


def entries_of(model: object, path: str) -> list[Entry]:
    """Returns the entries of a model's layers: each has a class and settings, and models inside their own layers.

    Raises:
      ModelFileError: there are none, or one of them is something else.
    """
    config = field(model, "config", path)
    # Keras before 2.2.3 wrote a bare list for Sequential.
    entries = config if isinstance(config, list) else field(config, "layers", path)
    if not isinstance(entries, list) or not entries:
        raise ModelFileError(f"{path} holds a model without layers")
    for entry in entries:
        if not isinstance(field(entry, "config", path), Mapping) and not is_model(entry):
            raise ModelFileError(f"{path}: a layer's 'config' is no table of settings")
        field(entry, "class_name", path)
    return entries


def names_of(entries: Sequence[Entry], path: str) -> list[str]:
    """Returns the layers' names.

    Raises:
      ModelFileError: two have the same, or one has none.
    """
    names = []
    for place, entry in enumerate(entries):
        settings = entry["config"] if isinstance(entry["config"], Mapping) else {}
        names.append(str(entry.get("name", settings.get("name", f"layer_{place}"))))
    repeated = sorted(name for name, times in collections.Counter(names).items() if times > 1)
    if repeated:
        raise ModelFileError(f"{path} has two layers called {', '.join(repeated)}")
    if "" in names:
        raise ModelFileError(f"{path} has a layer without a name")
    return names


def shape_of(entry: object, path: str) -> tuple[int | None, ...] | None:
    """Returns the shape of one image that an entry says it takes; of a Sequential, what its first layer says.

    Raises:
      ModelFileError: it says something that is no shape.
    """
    for _ in range(_DEEPEST):
        if not isinstance(entry, Mapping):
            return None
        config, build = entry.get("config"), entry.get("build_config")
        said = config if isinstance(config, Mapping) else {}
        shape = said.get("batch_input_shape") or said.get("batch_shape") or said.get("build_input_shape")
        if shape is None and isinstance(build, Mapping):
            shape = build.get("input_shape")
        if shape is None and isinstance(said.get("input_dim"), int) and entry.get("class_name") == "Dense":
            shape = (None, said["input_dim"])  # as Keras 1 wrote it
        if shape is not None:
            return _sides(shape, path)
        layers = config if isinstance(config, list) else said.get("layers")
        entry = layers[0] if isinstance(layers, list) and layers else None
    return None


def _sides(shape: object, path: str) -> tuple[int | None, ...]:
    sides = tuple(shape[1:]) if isinstance(shape, list | tuple) else ()
    if not sides or not all(side is None or (isinstance(side, int) and 0 < side < 1 << 16) for side in sides):
        raise ModelFileError(f"{path}: an input of shape {shape!r}; lengths of 1 to 65535 are needed")
    return sides
