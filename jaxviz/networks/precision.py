"""Precision: a model -> the same model, computed in fewer bits."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, PyTree

from jaxviz.networks.activations import Activations, Module
from jaxviz.networks.model import Model
from jaxviz.values.errors import JaxvizError

__all__ = ["PRECISIONS", "in_full", "in_precision", "usual"]

PRECISIONS = ("float32", "tensorfloat32", "bfloat16")
"""What the network may be computed in. The image, the score and the optimizer are float32 with each."""


def usual() -> str:
    """Returns what an ascent uses if no precision is named: ``"tensorfloat32"`` on an accelerator, else ``"float32"``.

    On a GPU, pictures made in TF32 explain their units as well, in two thirds of the device's time
    (docs/performance.md has the figures).
    """
    return "float32" if jax.local_devices()[0].platform == "cpu" else "tensorfloat32"


def in_precision(model: Model, precision: str) -> Model:
    """Returns a model that computes in another precision; images and returned activations stay float32.

    With ``"tensorfloat32"``, weights and activations are float32, and only the factors of convolutions and matrix
    products have fewer bits: 10 bits of mantissa on a GPU, 16 on a TPU (two ``bfloat16`` numbers), all 24 on a CPU.

    Args:
      model: the network.
      precision: ``"float32"``; ``"tensorfloat32"``; or ``"bfloat16"``: 8 bits of mantissa instead of 24, in weights
        and activations too.

    Raises:
      JaxvizError: there is no such precision.

    Example:
      >>> import jaxviz
      >>> coarse = in_precision(jaxviz.default_model(), "bfloat16")
      >>> coarse.variables["params"]["conv2d_1"]["kernel"].dtype
      dtype(bfloat16)
    """
    if precision not in PRECISIONS:
        raise JaxvizError(f"unknown precision {precision!r}; there are {', '.join(PRECISIONS)}")
    if precision == "float32":
        return model
    if precision == "tensorfloat32":
        return model.replace(module=_InTensorFloat32(model.module))
    return model.replace(
        variables=jax.tree.map(lambda leaf: _cast(leaf, jnp.bfloat16), model.variables),
        module=_InBFloat16(model.module),
    )


def in_full(model: Model) -> Model:
    """Returns the model that computes with the same weights in full precision; one in bfloat16 is returned as it is."""
    return model.replace(module=model.module.module) if isinstance(model.module, _InTensorFloat32) else model


@dataclasses.dataclass(frozen=True)
class _InTensorFloat32:
    module: Module

    def apply(self, variables: PyTree, image: Array, question: Callable, /) -> PyTree:
        with jax.default_matmul_precision("tensorfloat32"):
            return self.module.apply(variables, image, question)


@dataclasses.dataclass(frozen=True)
class _InBFloat16:
    module: Module

    def apply(self, variables: PyTree, image: Array, question: Callable, /) -> PyTree:
        coarse = image.astype(jnp.bfloat16)
        return self.module.apply(variables, coarse, lambda activations: question(_Float32(activations)))


class _Float32:
    """Activations in float32, whatever they were computed in."""

    def __init__(self, activations: Activations):
        self._activations = activations

    def __getitem__(self, layer: str, /) -> Array:
        return _cast(self._activations[layer], jnp.float32)

    def channel(self, layer: str, index: Array | np.ndarray, /) -> Array:
        return _cast(self._activations.channel(layer, index), jnp.float32)


def _cast(array: Array, dtype: DTypeLike) -> Array:
    return array.astype(dtype) if jnp.issubdtype(array.dtype, jnp.floating) else array
