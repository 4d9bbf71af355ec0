"""Naming: the nodes of a network and the submodules that they come from -> its layers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from jaxviz.networks.layer import Layer
from jaxviz.torch import scopes
from jaxviz.torch.conversion import Conversion
from jaxviz.torch.nodes import IMAGE, PREACTIVATION, Node
from jaxviz.torch.operations import OPERATIONS
from jaxviz.torch.operations.activations import PROBABILITIES
from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    import torch.fx

__all__ = ["Naming", "named"]


class Naming(NamedTuple):
    """What a network calls its activations.

    Attributes:
      layers: the layers, in the order of computation.
      nodes: the name of an activation, and the node that gives it; of some that are no layers too.
      output: the last layer.
      logits: what that is the softmax or sigmoid of; itself where there is none.
    """

    layers: tuple[Layer, ...]
    nodes: tuple[tuple[str, str], ...]
    output: str
    logits: str


class _Named(NamedTuple):
    name: str
    kind: str
    node: str


def named(conversion: Conversion, kind: str) -> Naming:
    """Names the outputs of submodules, of activation functions that are none, and of the network.

    Args:
      conversion: the network.
      kind: the class of the whole.

    Raises:
      JaxvizError: nothing in it depends on the image.
    """
    nodes = {node.name: node for node in conversion.nodes}
    found = _found(conversion, nodes, kind)
    if not found:
        raise JaxvizError("the network has no activations of floating point numbers")
    names: dict[str, str] = {}  # the first name of each node
    for each in found:
        names.setdefault(each.node, each.name)
    readers = _readers(conversion)
    hidden: dict[str, str] = {}
    layers = []
    for each in found:
        node = nodes[each.node]
        follows = _activation_after(each.node, nodes, readers)
        layers.append(
            Layer(
                name=each.name,
                kind=each.kind,
                output_shape=_unbatched(node.shape),
                channel_axis=_unbatched_axis(node),
                learned=names[each.node] == each.name and _is_learned(node, conversion),
                activation=None if follows is None else follows.operation.strip("_"),
                activated=None if follows is None else names.get(follows.name),
                preactivation=_preactivation(each.name, node, nodes, names, hidden),
            )
        )
    output = _output(conversion, names) or found[-1].name
    last = next(layer for layer in layers if layer.name == output)
    is_probability = nodes[{each.name: each.node for each in found}[output]].operation in PROBABILITIES
    return Naming(
        layers=tuple(layers),
        nodes=(*((each.name, each.node) for each in found), *hidden.items()),
        output=output,
        logits=last.preactivation if is_probability and last.preactivation else output,
    )


def _found(conversion: Conversion, nodes: Mapping[str, Node], kind: str) -> list[_Named]:
    """Returns all that has a name, in the order of computation, the innermost submodule first."""
    places = {node.name: place for place, node in enumerate(conversion.nodes)}

    def is_activation(node: "torch.fx.Node") -> bool:
        name = conversion.made.get(node, "")
        return name in nodes and conversion.known[name].of_image and _is_float(node)

    traced = [node for node in conversion.program.graph.nodes if node.op == "call_function"]
    found = [_Named(each.name, each.kind, conversion.made[each.node]) for each in scopes.outputs(traced, is_activation)]
    taken = {each.name for each in found}
    names = {each.node: each.name for each in reversed(found)}
    for node in traced:
        name = conversion.made.get(node, "")
        if name in nodes and name not in names and is_activation(node) and OPERATIONS[nodes[name].operation].activation:
            operation = nodes[name].operation.strip("_")
            behind = names.get(nodes[name].inputs[0]) or scopes.path_of(node)
            full = _free(f"{behind}/{operation}" if behind else operation, taken)
            names[name] = full
            found.append(_Named(full, operation, name))
    outputs = [name for name in dict.fromkeys(conversion.outputs) if name in nodes and name not in names]
    keys = {name: key for key, name in reversed(conversion.entries.items())}
    for place, name in enumerate(outputs):
        full = f"output/{keys[name]}" if name in keys else "output" if len(outputs) == 1 else f"output/{place}"
        found.append(_Named(_free(full, taken), kind, name))
    return sorted(found, key=lambda each: places[each.node])


def _output(conversion: Conversion, names: Mapping[str, str]) -> str | None:
    """Returns the layer that is the network's output: its entry "logits", or else the first that it returns."""
    entry = conversion.entries.get("logits", "")
    return next((names[name] for name in (entry, *conversion.outputs) if name in names), None)


def _free(name: str, taken: set[str]) -> str:
    count, full = 1, name
    while full in taken:
        count += 1
        full = f"{name}#{count}"
    taken.add(full)
    return full


def _is_float(node: "torch.fx.Node") -> bool:
    import torch

    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _readers(conversion: Conversion) -> dict[str, list[Node]]:
    readers: dict[str, list[Node]] = {}
    for node in conversion.nodes:
        for name in dict.fromkeys(node.inputs):
            readers.setdefault(name, []).append(node)
    return readers


def _activation_after(name: str, nodes: Mapping[str, Node], readers: Mapping[str, list[Node]]) -> Node | None:
    """Returns the activation function that an activation goes into, where it goes nowhere else."""
    behind = readers.get(name, [])
    return behind[0] if len(behind) == 1 and OPERATIONS[behind[0].operation].activation else None


def _preactivation(
    layer: str, node: Node, nodes: Mapping[str, Node], names: Mapping[str, str], hidden: dict[str, str]
) -> str | None:
    """Names what goes into the activation function that gives a layer; None where it is none."""
    if not OPERATIONS[node.operation].activation or node.inputs[0] == IMAGE:
        return None
    before = node.inputs[0]
    if before not in nodes or nodes[before].shape != node.shape:
        return None
    if before in names:
        return names[before]
    hidden[layer + PREACTIVATION] = before
    return layer + PREACTIVATION


def _is_learned(node: Node, conversion: Conversion) -> bool:
    weights = node.inputs[1:2]
    return OPERATIONS[node.operation].learned and not any(conversion.known[name].of_image for name in weights)


def _unbatched(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[1:] if shape[:1] == (1,) else shape


def _unbatched_axis(node: Node) -> int | None:
    axis = node.channel_axis
    if axis is None or node.shape[:1] != (1,):
        return axis
    return axis - 1 if axis > 0 else None
