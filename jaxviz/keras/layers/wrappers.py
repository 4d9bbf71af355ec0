"""Wrappers: layers that contain a layer."""

from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.keras.layers import convolution, dense
from jaxviz.keras.layers.computation import ZEROS, Apply, Built, Computation, Slices
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS", "Spectral", "distributed"]

_WRAPPED = {kind: convolution.BUILDERS[kind] for kind in ("Conv1D", "Conv2D", "Conv3D")} | dense.BUILDERS


class Spectral(nn.Module):
    """SpectralNormalization, which has divided the kernel by its largest singular value when training ends."""

    layer: nn.Module
    width: int

    @property
    def slices(self) -> Slices | None:
        """As the layer inside."""
        return getattr(self.layer, "slices", None)

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        y = self.layer(x) if index is None else self.layer(x, index=index)
        self.variable("batch_stats", "vector_u", ZEROS, None, (1, self.width))  # stored, and of no use any more
        return y


class Distributed(nn.Module):
    """TimeDistributed: a layer, at every place of a sequence."""

    layer: nn.Module

    @property
    def slices(self) -> Slices | None:
        """As the layer inside."""
        return getattr(self.layer, "slices", None)

    @property
    def keras_names(self) -> Mapping[str, str]:
        """As the layer inside."""
        return getattr(self.layer, "keras_names", {})

    @nn.compact
    def __call__(self, sequence: Array, index: Array | None = None) -> Array:
        if self.is_initializing():  # `nn.vmap` would make the variables in the order of the alphabet, not in Keras's
            return jnp.stack([self.layer(sequence[0])] * len(sequence))
        chosen = {} if index is None else {"index": index}
        run = nn.vmap(
            lambda layer, place: layer(place, **chosen),
            variable_axes={"params": None, "batch_stats": None},
            split_rngs={"params": False},
        )
        return run(self.layer, sequence)


def distributed(compute: Computation) -> Computation:
    """Returns a computation that is run at every place of a sequence."""
    if isinstance(compute, nn.Module):
        return Distributed(layer=compute)
    return Apply(jax.vmap(compute), getattr(compute, "slices", None))


def _spectral(settings: Settings) -> Built:
    wrapped = settings.get("wrapped")
    if wrapped not in _WRAPPED:
        raise settings.refuse(f"it wraps a {wrapped}; {', '.join(sorted(_WRAPPED))} are supported")
    layer, axis = _WRAPPED[wrapped](settings.of(wrapped, settings.layer.settings))
    assert isinstance(layer, nn.Module)
    width = layer.kernel_shape[-1] if isinstance(layer, dense.EinsumDense) else layer.features
    return Spectral(layer=layer, width=width), axis


BUILDERS: dict[str, Callable[[Settings], Built]] = {"SpectralNormalization": _spectral}
"""They end in the activation function of the layer inside."""
