"""Live models: a Keras model in memory -> a model."""

import json
import sys
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Array, Float

from jaxviz.keras.assembly.conversion import convert
from jaxviz.keras.layers.custom import Custom
from jaxviz.keras.weights.stored import NamedWeights, StoredModel
from jaxviz.networks.model import Model
from jaxviz.networks.preprocessing import Preprocessing
from jaxviz.values.errors import JaxvizError

__all__ = ["from_keras"]


def from_keras(
    model: object,
    *,
    input_shape: Sequence[int] | None = None,
    inputs: Mapping[str, Float[Array | np.ndarray, "..."]] | None = None,
    custom: Custom | None = None,
    preprocessing: str | Preprocessing | None = None,
) -> Model:
    """Makes a model of a Keras model that is in memory: Keras 3 on any backend, or tf_keras.

    Weights are copied; the network itself runs in JAX, and nothing of Keras is called any more. It is what
    `jaxviz.keras.load` makes of the same model's file.

    Args:
      model: a Sequential or functional model, or a subclass of Model that was made of inputs and outputs.
      input_shape: height, width and channels of the image, as the network orders them, where the model leaves them open
        or the network is wanted at another size.
      inputs: what a network of several inputs reads beside the image, by name; zeros for those left out.
      custom: a Linen module or a function of the activations of one image, for a layer or a class by its name, that
        Keras does not know as its own.
      preprocessing: the range of an image, and what converts it for the network; what its first layers say when left
        out, or else what its name in ``keras.applications`` stands for.

    Raises:
      JaxvizError: it is no Keras model, it has no weights yet, or a layer of it is not supported.

    Example:
      >>> jaxviz.from_keras(keras.applications.VGG16())  # doctest: +SKIP
      Model(22 layers, 224 x 224 x 3 in 0..255 -> predictions)
    """
    kind = type(model)
    layers, to_json = getattr(model, "layers", None), getattr(model, "to_json", None)
    if layers is None or to_json is None:
        raise JaxvizError(f"from_keras takes a model of Keras 3 or tf_keras, and {kind.__name__} is none")
    path = f"the Keras model {getattr(model, 'name', kind.__name__)!r}"
    if not getattr(model, "built", True):
        raise JaxvizError(f"{path} has no weights yet; give it an Input, or call it on an image")
    stored = StoredModel(
        path=path,
        config=_config(to_json, path),
        weights=NamedWeights(layers={layer.name: _arrays(layer) for layer in layers}),
        backend="",
        keras_version=_version(model),
    )
    return convert(stored, input_shape=input_shape, inputs=inputs, custom=custom, preprocessing=preprocessing)


def _config(to_json, path: str) -> Mapping:
    try:
        return json.loads(to_json())
    except NotImplementedError as error:
        raise JaxvizError(
            f"{path} is defined by code alone; make it of inputs and outputs, or port it to Flax"
        ) from error


def _arrays(layer) -> dict[str, np.ndarray]:
    """Returns the weights of a layer, or of a model inside, in the order in which Keras writes them."""
    weights = [*layer.trainable_weights, *layer.non_trainable_weights]
    names = [getattr(weight, "path", weight.name) for weight in weights]
    return {name: _array(weight) for name, weight in zip(names, weights, strict=True)}


def _array(weight) -> np.ndarray:
    array = np.asarray(weight.numpy())
    return array if array.dtype.kind in "iu" else array.astype(np.float32)  # bfloat16 is none of NumPy's own


def _version(model: object) -> str:
    """Returns the version of the Keras that a class, or one that it is derived from, was defined by."""
    roots = [base.__module__.partition(".")[0] for base in type(model).__mro__]
    return next((str(sys.modules[root].__version__) for root in roots if root in ("keras", "tf_keras")), "3")
