"""Dialects: every generation's architecture -> one canonical list of layers."""

import collections
import dataclasses
from collections.abc import Mapping

from jaxviz.errors import ModelFileError
from jaxviz.keras.stored import StoredModel

__all__ = ["Architecture", "LayerConfig", "canonical"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """One layer, as the file describes it.

    Attributes:
      name: its name.
      kind: its Keras class, such as ``Conv2D``.
      settings: its Keras settings.
      inputs: the names of the layers it reads.
    """

    name: str
    kind: str
    settings: Mapping
    inputs: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network as layers in the order of computation.

    Attributes:
      input_name: what the layers call the image.
      input_shape: the shape of one image.
      layers: the layers; the last one is the output.
      flipped_kernels: True where the file's kernels are those of a true convolution, as Theano's are.
      keras_major: the major version of the Keras that wrote it; 2 where the file does not say.
    """

    input_name: str
    input_shape: tuple[int, ...]
    layers: tuple[LayerConfig, ...]
    flipped_kernels: bool
    keras_major: int


def canonical(stored: StoredModel) -> Architecture:
    """Reads the architecture of a Sequential model of Keras 2 or 3.

    Raises:
      ModelFileError: it is another kind of model, or says nothing of its input's shape.
    """
    kind = _field(stored.config, "class_name", stored.path)
    if kind != "Sequential":
        raise ModelFileError(f"{stored.path} holds a {kind} model; Sequential ones can be read")
    config = _field(stored.config, "config", stored.path)
    # Keras before 2.2.3 wrote a bare list.
    entries = config if isinstance(config, list) else _field(config, "layers", stored.path)
    if not isinstance(entries, list) or not entries:
        raise ModelFileError(f"{stored.path} holds a Sequential model without layers")
    settings = [_field(entry, "config", stored.path) for entry in entries]
    if not all(isinstance(setting, Mapping) for setting in settings):
        raise ModelFileError(f"{stored.path}: a layer's 'config' is no table of settings")
    kinds = [str(_field(entry, "class_name", stored.path)) for entry in entries]
    names = [str(setting.get("name", f"layer_{place}")) for place, setting in enumerate(settings)]
    repeated = sorted(name for name, times in collections.Counter(names).items() if times > 1)
    if repeated:
        raise ModelFileError(f"{stored.path} has two layers called {', '.join(repeated)}")
    if "" in names:
        raise ModelFileError(f"{stored.path} has a layer without a name")
    input_name = names[0] if kinds[0] == "InputLayer" else ""  # a name that no layer can have
    first = 1 if kinds[0] == "InputLayer" else 0
    layers = tuple(
        LayerConfig(name=name, kind=kind, settings=setting, inputs=(before,))
        for name, kind, setting, before in zip(
            names[first:], kinds[first:], settings[first:], [input_name, *names[first:]], strict=False
        )
    )
    if not layers:
        raise ModelFileError(f"{stored.path} holds a Sequential model without layers")
    major = stored.keras_version.partition(".")[0]
    return Architecture(
        input_name=input_name,
        input_shape=_input_shape(config, settings[0], stored.path),
        layers=layers,
        flipped_kernels=stored.backend == "theano",
        keras_major=int(major) if major.isdigit() else 2,
    )


def _input_shape(config: Mapping | list, first: Mapping, path: str) -> tuple[int, ...]:
    shape = first.get("batch_input_shape") or first.get("batch_shape")
    if shape is None and isinstance(config, Mapping):
        shape = config.get("build_input_shape")
    if not isinstance(shape, list | tuple) or len(shape) < 2:
        raise ModelFileError(f"{path} does not say the shape of the model's input")
    sides = shape[1:]
    if not all(isinstance(side, int) and 0 < side < 1 << 16 for side in sides):
        raise ModelFileError(f"{path}: an input of shape {tuple(sides)}; a fixed number of pixels is needed")
    return tuple(sides)


def _field(value: object, name: str, path: str):
    if not isinstance(value, Mapping) or name not in value:
        raise ModelFileError(f"{path}: its architecture has no {name!r} where one is needed")
    return value[name]
