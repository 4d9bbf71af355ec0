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

__all__ = ["PRECISIONS", "in_precision"]

PRECISIONS: dict[str, DTypeLike] = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
"""What the network may be computed in. The image, the score and the optimizer are float32 with either."""


def in_precision(model: Model, precision: str) -> Model:
    """Returns a model that computes in another precision; images and returned activations stay float32.

    Args:
      model: the network.
      precision: ``"float32"``, or ``"bfloat16"``: 8 bits of mantissa instead of 24.

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
    dtype = PRECISIONS[precision]
    return model.replace(
        variables=jax.tree.map(lambda leaf: _cast(leaf, dtype), model.variables),
        module=_InPrecision(model.module, precision),
    )


@dataclasses.dataclass(frozen=True)
class _InPrecision:
    module: Module
    precision: str

    def apply(self, variables: PyTree, image: Array, question: Callable, /) -> PyTree:
        image = image.astype(PRECISIONS[self.precision])
        return self.module.apply(variables, image, lambda activations: question(_Float32(activations)))


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
