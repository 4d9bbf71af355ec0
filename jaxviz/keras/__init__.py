"""Keras files -> models, without TensorFlow: ``jaxviz.keras.load(path)``."""

import os
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Array, Float

from jaxviz.errors import ModelFileError
from jaxviz.keras.conversion import convert
from jaxviz.keras.files import read
from jaxviz.keras.layers.custom import Custom
from jaxviz.model import Model

__all__ = ["load"]


def load(
    path: str | os.PathLike,
    *,
    architecture: Mapping | str | os.PathLike | None = None,
    input_shape: Sequence[int] | None = None,
    inputs: Mapping[str, Float[Array | np.ndarray, "..."]] | None = None,
    custom: Custom | None = None,
) -> Model:
    """Reads a Keras file of any age: architecture and weights.

    The model computes what Keras computed, layer by layer; its layers keep their names.

    Args:
      path: what ``model.save`` wrote, HDF5 whatever its extension or ``.keras``; or a directory with ``config.json``
        and ``model.weights.h5``, or with ``model.json`` and one HDF5 file; or weights alone.
      architecture: for weights alone: a Keras config, its JSON, or the path of a JSON file or of another Keras file.

      input_shape: height, width and channels of the image, as the network orders them, where the file leaves them open
        or the network is wanted at another size; 224 by 224 pixels where neither says anything. Layers that cannot be
        computed at that size are left out.
      inputs: what a network of several inputs reads beside the image, by name; zeros for those left out.
      custom: a Linen module or a function of the activations of one image, for a layer or a class by its name, which no
        file can describe: a Lambda or a class of the caller's own. Its variables are taken from the file in order.

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
    return convert(stored, input_shape=input_shape, inputs=inputs, custom=custom)
