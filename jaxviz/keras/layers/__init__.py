"""Layers: one call of a Keras layer -> the nodes that compute it. A class without a builder is refused."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import flax.linen as nn

from jaxviz.keras.config.entries import is_model
from jaxviz.keras.config.graph import Call, LayerConfig
from jaxviz.keras.layers import (
    activations,
    attention,
    convolution,
    custom,
    dense,
    elementwise,
    merging,
    normalization,
    operations,
    pooling,
    recurrent,
    resizing,
    scaling,
    shaping,
    tensorflow,
    transposed_convolution,
    wrappers,
)
from jaxviz.keras.layers.computation import Built, Computation, Slices
from jaxviz.keras.layers.settings import Settings, Signal
from jaxviz.values.errors import ModelFileError

__all__ = ["ACTIVATED", "KINDS", "PREACTIVATION", "Node", "Signal", "is_learned", "nodes_of"]

PREACTIVATION = "/preactivation"
"""Follows a layer's name to name what goes into its own activation function."""

_BUILDERS: dict[str, Callable[[Settings], Built]] = {
    **attention.BUILDERS,
    **convolution.BUILDERS,
    **custom.BUILDERS,
    **dense.BUILDERS,
    **dense.LOOKUPS,
    **elementwise.BUILDERS,
    **merging.MERGERS,
    **normalization.BUILDERS,
    **operations.BUILDERS,
    **pooling.BUILDERS,
    **recurrent.BUILDERS,
    **resizing.BUILDERS,
    **scaling.BUILDERS,
    **shaping.BUILDERS,
    **tensorflow.BUILDERS,
    **transposed_convolution.BUILDERS,
    **wrappers.BUILDERS,
}
_DISTRIBUTED = "TimeDistributed"
KINDS = frozenset({*_BUILDERS, _DISTRIBUTED})
"""The classes that are supported."""
ACTIVATED = frozenset({*convolution.BUILDERS, *dense.BUILDERS, *transposed_convolution.BUILDERS, *wrappers.BUILDERS})
"""The classes that end in an activation function if their config names one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """One computation in a network.

    Attributes:
      name: the activation that it gives.
      inputs: the activations that it reads.
      compute: the computation: a Linen module where it has variables, else a function.
      scope: the name of its variables; empty where it has none.
      channel_axis: where its output counts filters or units, -1 for the last axis; None where it does not.
      slices: how one channel alone is computed; None where it is cut out of the whole.
    """

    name: str
    inputs: tuple[str, ...]
    compute: Computation
    scope: str = ""
    channel_axis: int | None
    slices: Slices | None = None

    @property
    def reads_channel(self) -> tuple[bool, ...] | None:
        """For each input, whether one channel of the output needs that channel alone of it.

        None where one channel of the output cannot be computed alone.
        """
        return None if self.slices is None else (self.slices == "channelwise",) * len(self.inputs)


def nodes_of(call: Call, signals: Sequence[Signal], keras_major: int, given: custom.Custom) -> list[Node]:
    """Returns the nodes of one call of a layer; the last one carries the call's name.

    A layer with an activation function of its own becomes two, so that either side of it can be asked for.

    Args:
      call: the call.
      signals: what is known of the activations that it reads.
      keras_major: the version of Keras that wrote it, on which a few defaults hang.
      given: what the caller gives for layers and classes, by name.

    Raises:
      ModelFileError: a setting of the layer is out of its range.
      KeyError: its class is none of `KINDS`, and not given; `unsupported.lacking` finds such layers.
    """
    layer, settings = call.layer, Settings(call, signals, keras_major, given)
    if call.name.endswith(PREACTIVATION):
        raise ModelFileError(f"layer {call.name!r}: a name that ends in {PREACTIVATION!r} is reserved")
    theirs = custom.find(layer, given)
    if theirs is None and layer.kind == _DISTRIBUTED:
        return _distributed(settings)
    if theirs is not None:
        compute, axis = custom.build(settings, theirs)
    else:
        compute, axis = _BUILDERS[layer.kind](settings)
    scope = layer.scope if isinstance(compute, nn.Module) else ""
    slices = getattr(compute, "slices", None)
    if slices == "channelwise" and settings.is_mixed:
        slices = None  # what counts channels in this layer counted something else below it
    node = Node(name=call.name, inputs=call.inputs, compute=compute, scope=scope, channel_axis=axis, slices=slices)
    if theirs is not None or layer.kind not in ACTIVATED:
        return [node]
    function = elementwise.activation(settings)
    if function is activations.identity:
        return [node]
    inner = dataclasses.replace(node, name=call.name + PREACTIVATION)
    outer = elementwise.apply(function)
    last = Node(name=call.name, inputs=(inner.name,), compute=outer, channel_axis=axis, slices=outer.slices)
    return [inner, last]


def is_learned(layer: LayerConfig) -> bool:
    """Tells whether the units of a layer have weights of their own."""
    inner = layer.settings.get("layer")
    if layer.kind == _DISTRIBUTED and isinstance(inner, Mapping):
        return inner.get("class_name") in ACTIVATED | recurrent.BUILDERS.keys()
    return layer.kind in ACTIVATED or layer.kind in recurrent.BUILDERS


def _distributed(settings: Settings) -> list[Node]:
    """Returns the nodes of the layer that TimeDistributed wraps, each of which runs at every place of the sequence."""
    wrapped, signal = settings.get("layer"), settings.signal
    if is_model(wrapped):
        raise settings.refuse("it wraps a model; a layer is supported")
    inner = settings.inside(wrapped)
    if inner.layer.custom or inner.layer.kind not in KINDS - {_DISTRIBUTED}:
        raise settings.refuse(f"it wraps a {inner.layer.kind}, which is not supported there")
    if signal.rank < 2:
        raise settings.refuse(f"it is given {signal.shape}, not a sequence")
    place = Signal(signal.shape[1:], signal.channel_axis - 1 if signal.channel_axis else None)
    call = dataclasses.replace(settings.call, layer=inner.layer)
    return [
        dataclasses.replace(
            node,
            compute=wrappers.distributed(node.compute),
            channel_axis=node.channel_axis
            if node.channel_axis is None
            else node.channel_axis + (node.channel_axis >= 0),
        )
        for node in nodes_of(call, [place], settings.keras_major, settings.given)
    ]
