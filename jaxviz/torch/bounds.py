"""Bounds: an exported program from a file -> a refusal where it is no network of a size that a computer can hold.

What a file says of the shapes of its tensors is not believed: PyTorch computes each again, without numbers.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from jaxviz.torch.scopes import called
from jaxviz.values.errors import ModelFileError

if TYPE_CHECKING:
    import torch

__all__ = ["check_sizes"]

_LARGEST = 1 << 30  # numbers in one tensor; the attention of 4,096 tokens in 16 heads has 2^28
_LONGEST_LIST = 1 << 16  # tensors that one operation gives
_ADDED = 1 << 28  # bytes that the tensors may take beyond those in the file, by numbers that several entries share


def check_sizes(program: "torch.export.ExportedProgram", path: Path) -> None:
    """Refuses stored tensors that are much larger than their file, and operations that give too many numbers.

    Raises:
      ModelFileError: it has such, or says of a tensor what PyTorch does not.
    """
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode

    held = {**program.state_dict, **program.constants}
    tensors = {name: tensor for name, tensor in held.items() if isinstance(tensor, torch.Tensor)}
    _check_stored(tensors, path)
    specs = {spec.arg.name: spec.target for spec in program.graph_signature.input_specs}
    with FakeTensorMode(), torch.no_grad():
        values: dict[torch.fx.Node, object] = {}
        for node in program.graph.nodes:
            if node.op == "placeholder":
                tensor = tensors.get(specs.get(node.name) or "", node.meta.get("val"))
                values[node] = _without_numbers(node, tensor, path)
            elif node.op == "call_function":
                values[node] = _given(node, values, path)
                _compare(node, values[node], path)


def _check_stored(tensors: "dict[str, torch.Tensor]", path: Path) -> None:
    import torch

    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
            raise ModelFileError(f"{path}: {name!r} in it is no tensor of plain numbers")
    taken = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    stored = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors.values()}
    if taken > sum(stored.values()) + _ADDED:
        largest = max(tensors, key=lambda name: tensors[name].numel())
        raise ModelFileError(
            f"{path}: its tensors take {taken} bytes and it holds {sum(stored.values())}; the largest is {largest!r} "
            f"of shape {tuple(tensors[largest].shape)}"
        )


def _without_numbers(node: "torch.fx.Node", tensor: object, path: Path) -> object:
    """Returns a tensor of the same shape; none is allocated where PyTorch works without numbers."""
    import torch

    if not isinstance(tensor, torch.Tensor):
        return tensor
    _check_size(tensor, repr(node.name), path)
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)


def _check_size(tensor: "torch.Tensor", name: str, path: Path) -> None:
    if math.prod(tensor.shape) > _LARGEST:
        raise ModelFileError(f"{path}: {name} has the shape {tuple(tensor.shape)}, more than {_LARGEST} numbers")


def _given(node: "torch.fx.Node", values: "dict[torch.fx.Node, object]", path: Path) -> object:
    """Returns what an operation gives, without its numbers."""
    import torch

    inputs = [values[each] for each in node.all_input_nodes]
    longest = max((side for each in inputs if isinstance(each, torch.Tensor) for side in each.shape), default=0)
    if longest > _LONGEST_LIST and isinstance(node.meta.get("val"), list | tuple):
        raise ModelFileError(f"{path}: {called(node)} takes apart an axis of length {longest}")

    def value(node: torch.fx.Node):
        return values[node]

    arguments = torch.fx.node.map_arg(node.args, value)
    keywords = dict(torch.fx.node.map_arg(node.kwargs, value))
    if "device" in keywords:
        keywords["device"] = torch.device("cpu")
    try:
        return node.target(*arguments, **keywords)  # type: ignore[operator]
    except Exception as error:  # whatever PyTorch makes of the arguments
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ModelFileError(f"{path}: PyTorch refuses {called(node)}: {reason}") from error


def _compare(node: "torch.fx.Node", found: object, path: Path) -> None:
    import torch

    stated = node.meta.get("val")
    pairs = zip(found, stated, strict=False) if isinstance(stated, list | tuple) else [(found, stated)]  # type: ignore[call-overload]
    for ours, theirs in pairs:
        if not isinstance(ours, torch.Tensor):
            continue
        _check_size(ours, f"what {called(node)} gives", path)
        if not isinstance(theirs, torch.Tensor) or (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            raise ModelFileError(f"{path}: it says that {called(node)} gives something else than PyTorch computes")
