"""Wires: the nodes of a PyTorch network -> how each of its layers is wired to those before it."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Array, PyTree

from jaxviz.networks.wiring import Carry, Kernel, Wire
from jaxviz.torch.nodes import PREACTIVATION, VARIABLE, Node
from jaxviz.torch.operations import OPERATIONS
from jaxviz.torch.tensors import Tensor

__all__ = ["wires_of"]

_MOVING = frozenset({"flatten", "permute", "reshape", "squeeze", "t", "transpose", "unflatten", "unsqueeze", "view"})
"""Operations that put numbers in other places and change none."""

Orders = Mapping[str, tuple[int, ...]]


def wires_of(nodes: Sequence[Node], names: Sequence[tuple[str, str]], orders: Orders) -> dict[str, Wire]:
    """Returns how each layer is wired, by its name.

    Args:
      nodes: the operations, in order.
      names: layer -> node; a node may have several names.
      orders: variable -> the order in which its array holds PyTorch's axes.
    """
    by_name = {node.name: node for node in nodes}
    names = [(layer, name) for layer, name in names if not layer.endswith(PREACTIVATION)]
    layer_of: dict[str, str] = {}
    for layer, name in names:
        layer_of.setdefault(name, layer)
    found: dict[str, Wire] = {}
    for layer, name in names:
        first = layer_of[name]
        if first != layer:
            found[layer] = Wire(inputs=(first,), carry=_same)
            continue
        path, inputs = _behind(by_name[name], by_name, layer_of)
        kernel = _kernel(by_name[name], orders) if len(path) == 1 else None
        found[layer] = Wire(inputs=inputs, kernel=kernel, carry=None if kernel or len(inputs) != 1 else _carry(path))
    return found


def _same(array: Array) -> Array:
    return array


def _behind(node: Node, by_name: Mapping[str, Node], layer_of: Mapping[str, str]) -> tuple[list[Node], tuple[str, ...]]:
    """Returns the nodes that give a layer and are none, with its own as the first, and the layers that they read."""
    path, inputs, seen = [node], [], {node.name}
    waiting = [*node.inputs]
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        if name in layer_of:
            inputs.append(layer_of[name])
        else:
            path.append(by_name[name])
            waiting += by_name[name].inputs
    places = {layer: place for place, layer in enumerate(layer_of.values())}
    return path, tuple(sorted(inputs, key=places.__getitem__))


def _carry(path: Sequence[Node]) -> Carry | None:
    """Tells how the nodes between two layers pass on what they read; None where they compute or mix channels."""
    if any(OPERATIONS[node.operation].learned for node in path):
        return None
    if all(node.operation in _MOVING for node in path):
        return _Moved(tuple(reversed(path)))
    is_alone = all(node.reads is not None and node.reads.count("channel") == 1 for node in path)
    return "channels" if is_alone else None


@dataclasses.dataclass(frozen=True)
class _Moved:
    """Puts the numbers of one image in other places, as nodes do."""

    path: tuple[Node, ...]

    def __call__(self, array: Array) -> Array:
        tensor = Tensor.of(array[None])
        for node in self.path:
            moved = node.run([tensor], None)
            assert isinstance(moved, Tensor)
            tensor = moved
        return tensor.plain()[0]


def _kernel(node: Node, orders: Orders) -> Kernel | None:
    """Returns the weights of a convolution or a linear layer that are variables as they are."""
    if not OPERATIONS[node.operation].learned or not node.inputs[1].startswith(VARIABLE):
        return None
    if node.operation not in ("conv1d", "conv2d", "conv3d", "linear"):
        return None
    name = node.inputs[1].removeprefix(VARIABLE)
    order = orders[name]
    # [units, inputs, *taps] -> [*taps, inputs, units]
    wanted = (*range(2, len(order)), 1, 0)

    def array(variables: PyTree) -> np.ndarray:
        return np.asarray(variables[name]).transpose([order.index(axis) for axis in wanted])

    is_linear = node.operation == "linear"
    return Kernel(axis=-1 if is_linear else 0, groups=1 if is_linear else _groups(node), array=array)


def _groups(node: Node) -> int:
    groups = node.arguments[6]
    assert isinstance(groups, int)
    return groups
