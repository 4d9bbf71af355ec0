"""Forms: the shapes in which each version of Keras stores a weight -> the shape that the layers use."""

import re
from collections.abc import Callable, Mapping

import numpy as np

from jaxviz.keras.config.graph import LayerConfig
from jaxviz.keras.weights.stored import NamedWeights, NumberedWeights

__all__ = ["Form", "flip", "forms", "is_of_keras_1", "is_of_theano"]

Form = Callable[[np.ndarray], np.ndarray]
"""Brings an array from the shape in which it is stored to that in which it is used."""

_KERAS_1_NAME = re.compile(r"(_(W|b|gamma|beta|running_mean|running_std|alphas?)(:0)?|param_\d+)(_\d+)?$")
_CONVOLUTIONS = frozenset({"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"})


def is_of_keras_1(weights: NamedWeights | NumberedWeights) -> bool:
    """Tells whether Keras 1 stored the weights: the file says so, or it says nothing and names them as Keras 1 did."""
    if weights.keras_version or not isinstance(weights, NamedWeights):
        return weights.keras_version.startswith(("1.", "0."))
    names = [name for arrays in weights.layers.values() for name in arrays]
    return bool(names) and all(_KERAS_1_NAME.search(name) for name in names)


def is_of_theano(weights: NamedWeights | NumberedWeights, backend: str) -> bool:
    """Tells whether Theano trained the weights, whose convolutions turn their kernels around.

    Keras 1 does not say. But TensorFlow's variables have names that end in ``:0``, and Theano's have not.
    """
    if backend or not isinstance(weights, NamedWeights) or not is_of_keras_1(weights):
        return backend == "theano"
    return not any(name.endswith(":0") for arrays in weights.layers.values() for name in arrays)


def forms(layer: LayerConfig, name: str, shape: tuple[int, ...], of_keras_1: bool) -> Mapping[tuple[int, ...], Form]:
    """Returns the shapes in which a weight may be stored, the likeliest first, and what to do with each.

    Args:
      layer: the layer.
      name: Keras 3's name of the weight.
      shape: the shape in which the layer uses it.
      of_keras_1: True where Keras 1 stored it.
    """
    as_it_is: dict[tuple[int, ...], Form] = {shape: lambda array: array}
    if not of_keras_1 or name != "kernel" or layer.kind not in _CONVOLUTIONS:
        return as_it_is
    if layer.kind == "Conv1D":
        length, inputs, filters = shape
        # Keras 1.1 and 1.0
        return {
            (length, 1, inputs, filters): lambda array: array[:, 0],
            (filters, inputs, length, 1): lambda array: array[..., 0].transpose(2, 1, 0),
        }
    sides, (inputs, filters) = shape[:-2], shape[-2:]
    rank = len(sides)
    spatial = tuple(range(2, rank + 2))
    if layer.kind == "Conv2DTranspose":
        last = {(*sides, filters, inputs): lambda array: np.swapaxes(array, -1, -2)}
        first = {(inputs, filters, *sides): lambda array: array.transpose(*spatial, 0, 1)}
    else:
        last = as_it_is
        first = {(filters, inputs, *sides): lambda array: array.transpose(*spatial, 1, 0)}
    # Equal shapes of the two keep the form that goes with the layer's own layout.
    return {**last, **first} if layer.settings.get("data_format") == "channels_first" else {**first, **last}


def flip(layer: LayerConfig, name: str, array: np.ndarray) -> np.ndarray:
    """Turns around the kernel of a convolution that Theano trained."""
    if name != "kernel" or layer.kind not in _CONVOLUTIONS:
        return array
    return np.flip(array, tuple(range(array.ndim - 2)))
