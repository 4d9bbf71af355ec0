"""Stored models: the contents of a Keras file, as plain values."""

import dataclasses
from collections.abc import Mapping

import numpy as np

__all__ = ["NamedWeights", "NumberedWeights", "StoredModel", "WeightGroup"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedWeights:
    """Weights under the names of their layers, as in HDF5 files of Keras 1 and 2 and in Keras 3's ``.h5``.

    Attributes:
      layers: layer name -> weight name -> array, in the file's order. A nested model is one layer with all its weights.
      backend: what Keras ran on: ``tensorflow``, ``theano``, …; empty where the file does not say.
      keras_version: such as ``2.1.5``; empty where the file does not say, as Keras 1.0 does not.
    """

    layers: Mapping[str, Mapping[str, np.ndarray]]
    backend: str = ""
    keras_version: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightGroup:
    """One group of numbered weights: a layer, a part of one, a nested model or a list of those.

    Attributes:
      name: what the file says its layer was called; empty where it does not.
      variables: the arrays by number (``"0"``, ``"1"``, …), in order; rarely by name.
      children: the groups inside, by the file's names for them.
    """

    name: str = ""
    variables: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    children: "Mapping[str, WeightGroup]" = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NumberedWeights:
    """Weights as a tree of numbered arrays, as in ``.keras`` archives and ``.weights.h5``.

    Attributes:
      root: the model's own group.
      backend: what Keras ran on; these files do not say.
      keras_version: such as ``3.9.0``; empty where the file does not say.
    """

    root: WeightGroup
    backend: str = ""
    keras_version: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredModel:
    """A Keras file as plain values.

    Attributes:
      path: where it was read from, for messages.
      config: the architecture, as Keras wrote it; None in a file of weights alone.
      weights: the arrays. Their ``keras_version`` may be another than the architecture's where each came from its own
        file.
      backend: what the weights were trained on: ``tensorflow``, ``theano``, …; empty where no file says.
      keras_version: what wrote the architecture, such as ``2.1.5``; empty where the file does not say.
    """

    path: str
    config: Mapping | None
    weights: NamedWeights | NumberedWeights
    backend: str
    keras_version: str
