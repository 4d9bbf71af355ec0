"""Keras files -> models, without TensorFlow: ``jaxviz.keras.load(path)``."""

import os
from collections.abc import Mapping

from jaxviz.errors import ModelFileError
from jaxviz.keras.files import read
from jaxviz.keras.network import convert
from jaxviz.model import Model

__all__ = ["load"]


def load(path: str | os.PathLike, *, architecture: Mapping | str | os.PathLike | None = None) -> Model:
    """Reads a Keras file of any age: architecture and weights.

    The model computes what Keras computed, layer by layer; its layers keep their names.

    Args:
      path: what ``model.save`` wrote, HDF5 whatever its extension or ``.keras``; or a directory with ``config.json``
        and ``model.weights.h5``, or with ``model.json`` and one HDF5 file; or weights alone.
      architecture: for weights alone: a Keras config, its JSON, or the path of a JSON file or of another Keras file.

    Raises:
      ModelFileError: the file is refused; the message names the layer or part that is why.

    Example:
      >>> model = load("weights/mnist_cnn.hdf5")
      >>> model.layers[0].name, model.layers[0].output_shape
      ('conv2d_1', (24, 24, 32))
    """
    stored = read(path, architecture=architecture)
    if stored.config is None:
        raise ModelFileError(
            f"{stored.path} holds weights but no architecture; give one as architecture=, a Keras JSON or another file"
        )
    return convert(stored)
