"""Scopes: the submodules that the operations of a graph come from -> the names of their outputs."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from jaxviz.torch.arguments import name_of

if TYPE_CHECKING:
    import torch.fx

__all__ = ["Named", "called", "class_name", "outputs", "path_of"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Named:
    """The output of a submodule.

    Attributes:
      name: the path of the submodule, with the number of the call from the second on.
      kind: its class.
      node: the operation that gives the output.
      depth: how many submodules it is inside of.
    """

    name: str
    kind: str
    node: "torch.fx.Node"
    depth: int


@dataclasses.dataclass
class _Call:
    path: str
    kind: str
    depth: int
    nodes: list["torch.fx.Node"]


def outputs(nodes: Iterable["torch.fx.Node"], is_activation: Callable[["torch.fx.Node"], bool]) -> list[Named]:
    """Names the outputs of all submodules; the inner ones first where one operation gives several.

    The output of a submodule is what is computed inside and read outside of it. Where there are several such, they are
    called ``path/0``, ``path/1``, in the order of computation; one that computes nothing has none.

    Args:
      nodes: the operations, in order.
      is_activation: tells whether what an operation gives depends on the image.
    """
    calls: dict[str, _Call] = {}
    places: dict[torch.fx.Node, int] = {}
    for place, node in enumerate(nodes):
        places[node] = place
        for depth, (key, path, kind) in enumerate(_stack(node)):
            calls.setdefault(key, _Call(path, kind, depth, [])).nodes.append(node)
    count: Counter[str] = Counter()
    found: list[Named] = []
    for call in calls.values():
        count[call.path] += 1
        name = call.path if count[call.path] == 1 else f"{call.path}#{count[call.path]}"
        inside = {*call.nodes}
        given = [node for node in call.nodes if is_activation(node) and not inside.issuperset(node.users)]
        for place, node in enumerate(given):
            full = name if len(given) == 1 else f"{name}/{place}"
            found.append(Named(name=full, kind=call.kind, node=node, depth=call.depth))
    return sorted(found, key=lambda named: (places[named.node], -named.depth))


def path_of(node: "torch.fx.Node") -> str:
    """Returns the path of the innermost submodule that an operation comes from; empty for the network itself."""
    return next((path for _, path, _ in reversed(_stack(node))), "")


def called(node: "torch.fx.Node") -> str:
    """Returns what a message calls an operation: its name and the submodule that it comes from."""
    return f"{name_of(node.target)} (in {path_of(node) or 'the network itself'})"


def class_name(node: "torch.fx.Node") -> str:
    """Returns the class of the whole network, as an operation tells it; empty where it does not."""
    stack = node.meta.get("nn_module_stack") or {}
    return next((_kind(kind) for path, kind in stack.values() if not path), "")


def _stack(node: "torch.fx.Node") -> list[tuple[str, str, str]]:
    """Returns for each submodule around an operation what tells its calls apart, its path and its class."""
    stack = node.meta.get("nn_module_stack") or {}
    return [(key, path, _kind(kind)) for key, (path, kind) in stack.items() if path]


def _kind(kind: object) -> str:
    name = kind.__name__ if isinstance(kind, type) else str(kind)
    return name.rpartition(".")[2]
