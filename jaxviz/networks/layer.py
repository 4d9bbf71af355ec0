"""Layer and Canvas: what is known of a network's layers and of the image that it takes."""

import dataclasses
import difflib
from collections.abc import Sequence

from jaxviz.values.errors import JaxvizError

__all__ = ["Canvas", "Layer", "unknown_layer"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Canvas:
    """The image a network is shown: its shape in the network's own layout, and the range it was trained for.

    Attributes:
      shape: ``(height, width, channels)``, or channels first where the network is.
      low: smallest pixel value seen in training.
      high: largest pixel value seen in training.
      channel_axis: where the channels are: -1 (last) or 0 (first).
      is_assumed: True where nobody says what the range is, and 0 to 1 is an assumption.
    """

    shape: tuple[int, ...]
    low: float = 0.0
    high: float = 1.0
    channel_axis: int = -1
    is_assumed: bool = False

    @property
    def assumption(self) -> str:
        """What provenance says of a range that is assumed; empty where it is known."""
        known = not self.is_assumed
        return "" if known else f"{self.low:g} to {self.high:g} is an assumption; state it by preprocessing"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of a model.

    Attributes:
      name: the name in the file, or the module's path.
      kind: the class it was made from, such as ``Conv2D``.
      output_shape: the shape for one image.
      channel_axis: the axis of ``output_shape`` that counts filters or units; None where there is none.
      learned: True where the units have weights of their own, as in a convolution or a dense layer.
      activation: the activation function that the output goes into next, such as ``relu``, where another layer or no
        layer computes it; None where the output is already activated, or no such function follows.
      activated: the layer that gives the output of that function; None where it cannot be read.
      preactivation: the name of the array, of the same shape, that goes into the layer's activation function; None
        where it has none, or that array cannot be read.
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
        """The number of filters or units; None for a layer without."""
        return None if self.channel_axis is None else self.output_shape[self.channel_axis]

    @property
    def description(self) -> str:
        """The class, with the activation function that comes after it: ``Conv (before relu)``."""
        return f"{self.kind} (before {self.activation})" if self.activation else self.kind


def unknown_layer(name: str, names: Sequence[str]) -> JaxvizError:
    """Returns the error for a layer that a model does not have, with the names that it does have."""
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return JaxvizError(f"unknown layer {name!r}{hint}; this model has {', '.join(names)}")
