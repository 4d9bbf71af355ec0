"""Layers: one call of a layer of a Keras file -> the nodes that compute it. A class without a builder is refused."""

import dataclasses
from collections.abc import Callable, Sequence

import flax.linen as nn

from jaxviz.errors import ModelFileError
from jaxviz.keras import activations
from jaxviz.keras.graph import Call
from jaxviz.keras.layers import convolution, dense, elementwise, merging, normalization, pooling, shaping
from jaxviz.keras.layers.computation import Built, Computation
from jaxviz.keras.layers.settings import Settings, Signal

__all__ = ["PREACTIVATION", "Node", "Signal", "nodes_of"]

PREACTIVATION = "/preactivation"
"""Follows a layer's name to name what goes into its own activation function."""

_BUILDERS: dict[str, Callable[[Settings], Built]] = {
    **convolution.BUILDERS,
    **dense.BUILDERS,
    **elementwise.BUILDERS,
    **merging.MERGERS,
    **normalization.BUILDERS,
    **pooling.BUILDERS,
    **shaping.BUILDERS,
}
_ACTIVATED = frozenset({*convolution.BUILDERS, *dense.BUILDERS})
"""The layers that end in an activation function of their own, if they are told one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """One computation in a network.

    Attributes:
      name: the activation that it gives.
      inputs: the activations that it reads.
      compute: the computation: a Linen module where it has variables, else a function.
      scope: the name of its variables; empty where it has none.
      channel_axis: where its output counts filters or units; None where it does not.
    """

    name: str
    inputs: tuple[str, ...]
    compute: Computation
    scope: str = ""
    channel_axis: int | None


def nodes_of(call: Call, signals: Sequence[Signal], keras_major: int) -> list[Node]:
    """Returns the nodes of one call of a layer; the last one carries the call's name.

    A layer with an activation function of its own becomes two, so that either side of it can be asked for.

    Args:
      call: the call.
      signals: what is known of the activations that it reads.
      keras_major: the version of Keras that wrote it, on which a few defaults hang.

    Raises:
      ModelFileError: the layer is not known, or a setting of it is out of its range.
    """
    layer = call.layer
    if layer.custom or layer.kind not in _BUILDERS:
        known = ", ".join(sorted(_BUILDERS))
        raise ModelFileError(f"layer {layer.scope!r} is a {layer.kind}, which is not supported; these are: {known}")
    if call.name.endswith(PREACTIVATION):
        raise ModelFileError(f"layer {call.name!r}: a name that ends in {PREACTIVATION!r} is kept for what it says")
    settings = Settings(call, signals, keras_major)
    compute, axis = _BUILDERS[layer.kind](settings)
    scope = layer.scope if isinstance(compute, nn.Module) else ""
    node = Node(name=call.name, inputs=call.inputs, compute=compute, scope=scope, channel_axis=axis)
    if layer.kind not in _ACTIVATED:
        return [node]
    function, channelwise = settings.activation()
    if function is activations.identity:
        return [node]
    inner = dataclasses.replace(node, name=call.name + PREACTIVATION)
    outer = elementwise.apply(function, channelwise)
    return [inner, Node(name=call.name, inputs=(inner.name,), compute=outer, channel_axis=axis)]
