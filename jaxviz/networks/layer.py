"""Layer and Canvas: what jaxviz knows about a network's layers and about the image that it takes."""

import dataclasses
import difflib
from collections.abc import Sequence

from jaxviz.values.errors import UnknownNameError

__all__ = ["Canvas", "Layer", "unknown_layer"]

_MOST_NAMED = 16  # names that an error lists; of more, the nearest
_NEAREST = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Canvas:
    """The image that a network takes: its shape in the network's own layout, and the range that it was trained on.

    Attributes:
      shape: ``(height, width, channels)``, or channels first if the network is.
      low: smallest pixel value seen in training.
      high: largest pixel value seen in training.
      channel_axis: the axis of the channels: -1 (last) or 0 (first).
      is_assumed: True if the range is unknown and 0 to 1 is an assumption.
    """

    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    channel_axis: int = -1
    is_assumed: bool = False

    @property
    def assumption(self) -> str:
        """The note of the provenance about an assumed range; empty if the range is known."""
        known = not self.is_assumed
        return "" if known else f"{self.low:g} to {self.high:g} is an assumption; state it by preprocessing"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a model.

    Attributes:
      name: the name in the file, or the module's path.
      kind: the class it was made from, such as ``Conv2D``.
      output_shape: the shape for one image.
      channel_axis: the axis of ``output_shape`` with the filters or units; None if there is none.
      learned: True if the units have their own weights, as in a convolution or a dense layer.
      activation: the activation function that follows the layer, such as ``relu``, if the layer itself does not
        compute it; None if the output is already activated, or no such function follows.
      activated: the layer with the output of that function; None if there is none.
      preactivation: the name of the input of the layer's activation function, an array of the same shape; None if
        there is none.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    channel_axis: int | None
    learned: bool = False
    activation: str | None = None
    activated: str | None = None
    preactivation: str | None = None

    @property
    def channels(self) -> int | None:
        """The number of filters or units; None for a layer that has none."""
        return None if self.channel_axis is None else self.output_shape[self.channel_axis]

    @property
    def description(self) -> str:
        """The class, with the activation function that follows it: ``Conv (before relu)``."""
        return f"{self.kind} (before {self.activation})" if self.activation else self.kind


def unknown_layer(name: str, names: Sequence[str]) -> UnknownNameError:
    """Returns the error for a layer that a model does not have, with the names that it does have, or the nearest.

    Example:
      >>> print(unknown_layer("conv9", ["conv1", "pool", "dense"]))
      unknown layer 'conv9' (did you mean 'conv1'?); this model has conv1, pool, dense
    """
    if len(names) <= _MOST_NAMED:
        close = difflib.get_close_matches(str(name), names, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        return UnknownNameError(f"unknown layer {name!r}{hint}; this model has {', '.join(names)}")
    nearest = difflib.get_close_matches(str(name), names, n=_NEAREST, cutoff=0.0)
    return UnknownNameError(
        f"unknown layer {name!r}; the nearest of this model's {len(names)} are {', '.join(nearest)}; model.layers, or "
        "jaxviz layers FILE, lists all"
    )
