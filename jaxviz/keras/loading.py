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
    """Reads a Keras file of any age: architecture and weights.

    The model computes what Keras computed, layer by layer; its layers keep their names.

    Args:
      path: what ``model.save`` wrote, HDF5 whatever its extension or ``.keras``; or a directory with ``config.json``
        and ``model.weights.h5``, or with one JSON file and one HDF5 file, whatever they are called; or weights
        alone.
      architecture: for weights alone: a Keras config, its JSON, or the path of a JSON file or of another Keras file.
      input_shape: height, width and channels of the image, as the network orders them, where the file leaves them open
        or the network is wanted at another size; 224 by 224 pixels where neither says anything. Layers that cannot be
        computed at that size are left out.
      inputs: what a network of several inputs reads beside the image, by name; zeros for those left out.
      custom: a Linen module or a function of the activations of one image, for a layer or a class by its name, which no
        file can describe: a Lambda or a class of the caller's own; and an activation function of the caller's own, by
        its name. Variables are taken from the file in order. A name that no layer, class or function has is an error.
      preprocessing: the range of an image, and what converts it for the network: ``"0-1"``, ``"0-255"``, ``"-1-1"``,
        ``"caffe"``, ``"torch"`` or a ``jaxviz.Preprocessing``. What the network's first layers say when left out, or
        else what the model's name in ``keras.applications`` stands for.
      partial: True where ``architecture`` is a part of the network that the weights are of. Each of its layers is found
        by its name, on whatever level of nested models; the others are left out, and a warning names them.

    Raises:
      ModelFileError: the file is refused; the message names the layer or part that is why.

    Warns:
      JaxvizWarning: layers of the file were left out, as ``partial`` allows.

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
    """Puts the weights of a Keras file into a model or into the variables of a Flax module.

    Where all layers of the file are called as the modules, the names tell where each belongs. Else each goes to the one
    that takes arrays of its shapes; several that take the same are told apart by their numbers, as ``Conv_0`` and
    ``Conv_1`` are. Nothing is guessed.

    Args:
      path: any Keras file; an architecture in it is not looked at.
      into: a model, or variables as Linen's ``init`` returns them: ``{"params": {module: {"kernel": …}}, …}``.
        Convolutions, dense layers, normalizations and embeddings have the same layout in both; others may not.

    Returns:
      What was given, with the file's weights.

    Raises:
      ModelFileError: weights are missing, left over, of other shapes or may go to more than one module; all misfits are
        listed.

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
