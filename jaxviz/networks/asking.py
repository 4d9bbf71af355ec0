"""Asked: the activations of an image that a question is asked of; its indices are checked."""

from collections.abc import Iterator, Mapping, Sequence

import jax
import numpy as np
from jaxtyping import Array

from jaxviz.networks.activations import Activations
from jaxviz.networks.layer import Layer
from jaxviz.values.errors import OutOfRangeError

__all__ = ["Asked"]


class Asked(Mapping[str, Array]):
    """The activations that a question is asked of: a mapping from the names of layers, which checks indices.

    An index that is traced, as those of a batch of objectives are, has no value that could be checked; neither has one
    that JAX is given, as in ``activations["conv2d_3"][..., 99]``: JAX takes the last channel there is.
    """

    def __init__(self, activations: Activations, layers: Sequence[Layer]):
        self._activations = activations
        self._channels = {layer.name: layer.channels for layer in layers}

    def __getitem__(self, layer: str, /) -> Array:
        return self._activations[layer]

    def __contains__(self, layer: object) -> bool:
        return layer in self._channels  # without computing it

    def __iter__(self) -> Iterator[str]:
        return iter(self._channels)

    def __len__(self) -> int:
        return len(self._channels)

    def channel(self, layer: str, index: Array | np.ndarray | np.integer | int, /) -> Array:
        """Returns one channel of a layer, its channel axis kept with length 1.

        Raises:
          OutOfRangeError: the layer has no such channel.
        """
        count = self._channels.get(layer)
        if count is not None and (number := _known(index)) is not None and not 0 <= number < count:
            raise OutOfRangeError(f"channel {number} of {layer!r} is out of range; there are 0 to {count - 1}")
        return self._activations.channel(layer, np.asarray(index) if isinstance(index, int | np.integer) else index)


def _known(index: Array | np.ndarray | np.integer | int) -> int | None:
    """Returns an index; None where it is traced, or not one whole number."""
    try:
        value = np.asarray(index)
    except jax.errors.TracerArrayConversionError:
        return None
    return int(value) if value.ndim == 0 and value.dtype.kind in "iu" else None
