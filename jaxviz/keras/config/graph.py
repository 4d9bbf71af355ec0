"""Architecture: a network as calls of layers in the order of computation, in the same vocabulary for every file."""

import dataclasses
from collections.abc import Mapping

__all__ = ["Architecture", "Call", "Input", "LayerConfig", "Slot"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerConfig:
    """One layer, as the file describes it.

    Attributes:
      scope: its name, behind those of the nested models it is part of: ``outer/inner``.
      kind: its Keras class, such as ``Conv2D``; an operation saved as a layer is ``ops.Add``.
      settings: its Keras settings.
      parent: the scope of the nested model that it is part of; empty for a layer of the model itself.
      custom: True for a class that Keras does not know as its own.
    """

    scope: str
    kind: str
    settings: Mapping
    parent: str = ""
    custom: bool = False


@dataclasses.dataclass(frozen=True)
class Slot:
    """Stands in the arguments of a call for one of the activations that it reads.

    Attributes:
      position: which of them.
    """

    position: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a layer.

    Attributes:
      name: the activation that it gives: the layer's scope, then ``scope/1``, ``scope/2``, … for further calls of it.
      layer: the layer.
      inputs: the names of the activations that it reads.
      arguments: what it is called with, a ``Slot`` for each activation.
      keywords: likewise, by name.
    """

    name: str
    layer: LayerConfig
    inputs: tuple[str, ...]
    arguments: tuple = ()
    keywords: Mapping = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Input:
    """One input of a network.

    Attributes:
      name: what the calls name it.
      shape: the shape for one image, None for a length that the file leaves open; None if it says nothing at all.
    """

    name: str
    shape: tuple[int | None, ...] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network.

    Attributes:
      inputs: what it reads.
      layers: its layers in the file's order, nested models before the layers inside them.
      calls: the calls of them in an order of computation.
      outputs: the activations that it gives.
      keras_major: the major version of the Keras that wrote it; 2 where the file does not say.
    """

    inputs: tuple[Input, ...]
    layers: tuple[LayerConfig, ...]
    calls: tuple[Call, ...]
    outputs: tuple[str, ...]
    keras_major: int
