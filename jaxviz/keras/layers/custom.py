"""Custom layers: functions and modules that the caller gives for classes that no Keras file can describe."""

from collections.abc import Callable, Mapping

import flax.linen as nn
from jaxtyping import Array

from jaxviz.keras.config.graph import LayerConfig
from jaxviz.keras.layers import elementwise
from jaxviz.keras.layers.computation import Apply, Built, Computation
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS", "Custom", "build", "find", "names_of"]

Custom = Mapping[str, nn.Module | Callable[..., Array]]
"""Name of a layer, of a class or of an activation function -> a Linen module or a function of the activations of one
image that it reads."""


def find(layer: LayerConfig, custom: Custom) -> Computation | None:
    """Returns what the caller gives for a layer: by its name, by that within its model, or by its class."""
    return next((custom[name] for name in names_of(layer) if name in custom), None)


def names_of(layer: LayerConfig) -> tuple[str, ...]:
    """Returns the names by which a layer can be given; a Lambda can be by the name of its function, too."""
    named = elementwise.function_name(layer.settings.get("function")) if layer.kind == "Lambda" else None
    names = (layer.scope, layer.scope.rpartition("/")[2], layer.kind, layer.kind.rpartition(">")[2])
    return names if named is None else (*names, named)


def build(settings: Settings, computation: Computation) -> Built:
    """Builds a layer that the caller gives; its channels are where those of its input are, or last."""
    is_first = any(signal.channel_axis == 0 and signal.rank > 1 for signal in settings.signals)
    if not isinstance(computation, nn.Module):
        computation = Apply(computation, None)
    return computation, 0 if is_first else -1


def _lambda(settings: Settings) -> Built:
    """Builds a Lambda that names a function of Keras; one that holds code is refused before, and never run."""
    return elementwise.apply(elementwise.activation(settings, "function")), settings.signal.channel_axis


BUILDERS: dict[str, Callable[[Settings], Built]] = {"Lambda": _lambda}
