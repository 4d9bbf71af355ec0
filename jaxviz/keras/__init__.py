"""Keras files -> models, without TensorFlow: ``jaxviz.keras.load(path)``."""

import os

from jaxviz.keras.conversion import convert
from jaxviz.keras.files import read
from jaxviz.keras.standin import adapt
from jaxviz.model import Model

__all__ = ["load"]


def load(path: str | os.PathLike) -> Model:
    """Reads a Keras HDF5 file of a Sequential CNN: architecture and weights.

    The model computes what Keras computed, layer by layer; its layers keep their names.

    Args:
      path: a file that ``model.save`` of Keras 2 or 3 wrote, ``.h5`` or ``.hdf5``.

    Raises:
      ModelFileError: the file is refused; the message names the layer or part that is why.

    Example:
      >>> model = load("weights/mnist_cnn.hdf5")
      >>> model.layers[0].name, model.layers[0].output_shape
      ('conv2d_1', (24, 24, 32))
    """
    return convert(adapt(read(path)))
