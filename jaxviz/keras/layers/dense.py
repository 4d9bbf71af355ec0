"""Products with weights: Dense, EinsumDense, Embedding."""

from collections.abc import Callable
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.convolution import EXACT
from jaxviz.keras.layers.computation import ZEROS, Built, Slices, pick
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS"]


class Dense(nn.Module):
    """Dense, on the last axis. Its kernel is ``[inputs, units]``."""

    features: int
    use_bias: bool
    slices: ClassVar[Slices] = "output"

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        kernel = pick(self.param("kernel", ZEROS, (x.shape[-1], self.features)), index)
        y = jnp.matmul(x, kernel, precision=EXACT)
        if self.use_bias:
            y = y + pick(self.param("bias", ZEROS, (self.features,)), index)
        return y


def _dense(settings: Settings) -> Built:
    layer = Dense(features=settings.count("units"), use_bias=settings.flag("use_bias", True))
    return layer, settings.signal.rank - 1


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    "Dense": _dense,
}
