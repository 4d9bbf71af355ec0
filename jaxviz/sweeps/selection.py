"""Selection: the layers of a network -> those that a sweep makes pictures of, and why it leaves out the others."""

import math
from collections.abc import Iterable, Sequence

from jaxviz.networks.layer import Layer

__all__ = ["NOT_ASKED_FOR", "before_activation", "left_out", "shown_in", "swept_layers", "with_positions"]

NOT_ASKED_FOR = "not asked for"
"""Why a layer with weights is left out."""


def swept_layers(layers: Iterable[Layer]) -> tuple[str, ...]:
    """Returns the layers that a sweep makes pictures of when none are named.

    They are all convolutions and dense layers, each in its output after its activation function where a layer gives
    that. In a network without such layers, as one made from a function, they are all layers with channels.
    """
    network = list(layers)
    counted = [layer.name for layer in network if layer.channels]
    shown = shown_in(network)
    return tuple(name for name in counted if name in shown.values() or not shown)


def shown_in(layers: Sequence[Layer]) -> dict[str, str]:
    """Returns for each convolution and dense layer the layer in whose output its units are shown.

    That is the layer that gives its output after the activation function, or else the layer itself.
    """
    channels = {layer.name: layer.channels for layer in layers}
    after: dict[str, str] = {}
    for layer in layers:
        if layer.preactivation is not None:
            after.setdefault(layer.preactivation, layer.name)
    shown = {}
    for layer in layers:
        if layer.learned and layer.channels:
            found = layer.activated or after.get(layer.name, layer.name)
            shown[layer.name] = found if channels.get(found) == layer.channels else layer.name
    return shown


def before_activation(layers: Sequence[Layer], swept: Sequence[str]) -> tuple[str, ...]:
    """Returns those of the swept layers whose output goes into an activation function that no layer gives."""
    shown = shown_in(layers)
    return tuple(
        layer.name
        for layer in layers
        if layer.name in swept and layer.activation is not None and shown.get(layer.name) == layer.name
    )


def left_out(layers: Sequence[Layer], swept: Sequence[str], aspects: Sequence[str]) -> dict[str, str]:
    """Returns why layers are not swept, by their names.

    Where images that differ are made, layers without positions are listed too, as ``dense_1 diversity``.

    Args:
      layers: all layers of the network.
      swept: the names of those that are swept.
      aspects: what is made of each unit.
    """
    shown = shown_in(layers)
    reasons: dict[str, str] = {}
    for layer in layers:
        name = layer.name
        if name in swept:
            if "diversity" in aspects and with_positions(layers, name) is None:
                reasons[f"{name} diversity"] = "no layer before it has positions"
        elif not layer.channels:
            reasons[name] = "no channels"
        elif shown.get(name, name) != name and shown[name] in swept:
            reasons[name] = f"shown after its activation function, in {shown[name]}"
        elif not shown or name in shown or name in shown.values():
            reasons[name] = NOT_ASKED_FOR
        else:
            reasons[name] = "no weights of its own"
    return reasons


def with_positions(layers: Sequence[Layer], layer: str) -> str | None:
    """Returns the layer by which images of a unit can differ: itself, or the last before it that has positions."""
    before = layers[: [each.name for each in layers].index(layer) + 1]
    fit = [each.name for each in before if each.channels and math.prod(each.output_shape) > each.channels]
    return fit[-1] if fit else None
