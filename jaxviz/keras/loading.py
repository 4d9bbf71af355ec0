"""Loading: the path of a Keras file -> a model, or new weights for a model."""

import os
from collections.abc import Mapping, Sequence
from typing import overload

import numpy as np
from jaxtyping import Array, Float

from jaxviz.keras.assembly.conversion import convert
from jaxviz.keras.files import read
from jaxviz.keras.layers.custom import Custom
from jaxviz.keras.weights.filling import fill
from jaxviz.networks.model import Model
from jaxviz.networks.preprocessing import Preprocessing
from jaxviz.values.errors import ModelFileError

__all__ = ["load", "load_weights"]


def load(
    path: str | os.PathLike,
    *,
    architecture: Mapping | str | os.PathLike | None = None,
    input_shape: Sequence[int] | None = None,
    inputs: Mapping[str, Float[Array | np.ndarray, "..."]] | None = None,
    custom: Custom | None = None,
    preprocessing: str | Preprocessing | None = None,
    partial: bool = False,
) -> Model:
    """Loads a Keras file of any version, with architecture and weights.

    The model computes what Keras computes, layer by layer; the layers keep their names.

    Args:
      path: a file of ``model.save``, HDF5 with any extension or ``.keras``; or a directory with ``config.json``
        and ``model.weights.h5``, or with one JSON file and one HDF5 file of any names; or weights alone.
      architecture: for weights alone: a Keras config, its JSON, or the path of a JSON file or of another Keras file.
      input_shape: height, width and channels of the image, in the network's order, if the file does not state them or
        for another size; by default 224 by 224 pixels if the file does not state them. Layers that cannot be computed
        at this size are left out.
      inputs: the other inputs of a network with several inputs, by name; zeros for those that are not given.
      custom: a Linen module or a function of the activations of one image, for a layer or a class by its name, which no
        file can describe: a Lambda or a class of the caller's own; and an activation function of the caller's own, by
        its name. Variables are taken from the file in order. A name that no layer, class or function has is an error.
      preprocessing: the range of an image, and what converts it for the network: ``"0-1"``, ``"0-255"``, ``"-1-1"``,
        ``"caffe"``, ``"torch"`` or a ``jaxviz.Preprocessing``. By default it follows from the network's first layers,
        or else from the model's name in ``keras.applications``.
      partial: True if ``architecture`` is a part of the network whose weights the file has. Each of its layers is found
        by its name, at any level of nested models; the other layers are left out, and a warning names them.

    Raises:
      ModelFileError: the file is refused; the message names the layer or part that is the reason.

    Warns:
      JaxvizWarning: layers of the file were left out because of ``partial``.

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
    return convert(
        stored, input_shape=input_shape, inputs=inputs, custom=custom, preprocessing=preprocessing, partial=partial
    )


@overload
def load_weights(path: str | os.PathLike, *, into: Model) -> Model: ...
@overload
def load_weights(path: str | os.PathLike, *, into: Mapping) -> Mapping: ...
def load_weights(path: str | os.PathLike, *, into: Model | Mapping) -> Model | Mapping:
    """Loads the weights of a Keras file into a model or into the variables of a Flax module.

    If all layers of the file have the names of the modules, the weights are assigned by name. Otherwise each layer is
    assigned to the one module with arrays of its shapes; modules with equal shapes are distinguished by their numbers,
    such as ``Conv_0`` and ``Conv_1``. Nothing is guessed.

    Args:
      path: any Keras file; an architecture in it is ignored.
      into: a model, or variables as Linen's ``init`` returns them: ``{"params": {module: {"kernel": …}}, …}``.
        Convolutions, dense layers, normalizations and embeddings have the same layout in both; others may not.

    Returns:
      The model or the variables with the file's weights.

    Raises:
      ModelFileError: weights are missing, left over, have other shapes or fit more than one module; the message lists
        all of them.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> model = load("weights/mnist_cnn.hdf5")
      >>> blank = model.replace(variables=jax.tree.map(jnp.zeros_like, model.variables))
      >>> again = load_weights("weights/mnist_cnn.hdf5", into=blank)
      >>> bool((again.variables["params"]["dense_1"]["kernel"] == model.variables["params"]["dense_1"]["kernel"]).all())
      True
    """
    stored = read(path)
    if isinstance(into, Model):
        return into.replace(variables=fill(stored, into.variables))
    return fill(stored, into)
