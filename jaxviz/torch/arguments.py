"""Arguments: what an operation of PyTorch's graph is called with -> what ours is called with, in PyTorch's order."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch.fx

__all__ = ["changes_its_input", "frozen", "gives_a_view", "name_of", "positional"]


def name_of(target: object) -> str:
    """Returns the name of an operation with its form: ``add.Tensor``, ``getitem``; ``relu`` for ``relu_`` too."""
    schema = getattr(target, "_schema", None)
    if schema is None:
        return getattr(target, "__name__", str(target))
    namespace, _, base = schema.name.partition("::")
    base = base.removesuffix("_") if changes_its_input(target) else base
    known = base if namespace == "aten" else f"{namespace}.{base}"
    return f"{known}.{schema.overload_name}" if schema.overload_name else known


def changes_its_input(target: object) -> bool:
    """Tells whether an operation changes a tensor in its place."""
    schema = getattr(target, "_schema", None)
    return schema is not None and schema.is_mutable


# They give their input itself where it is already as they want it.
_MAY_GIVE_ITSELF = {"contiguous", "dropout", "feature_dropout", "flatten", "reshape", "to", "type_as"}


def gives_a_view(target: object) -> bool:
    """Tells whether what an operation gives may share its numbers with its input."""
    schema = getattr(target, "_schema", None)
    if schema is None:
        return getattr(target, "__name__", "") == "getitem"
    if schema.name.removeprefix("aten::") in _MAY_GIVE_ITSELF:
        return True
    return not schema.is_mutable and any(value.alias_info is not None for value in schema.returns)


def positional(node: "torch.fx.Node") -> tuple:
    """Returns all arguments of an operation in the order of its declaration, with defaults for those left out."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return tuple(node.args)
    values = []
    for place, argument in enumerate(schema.arguments):
        if place < len(node.args):
            values.append(node.args[place])
        elif argument.name in node.kwargs:
            values.append(node.kwargs[argument.name])
        else:
            values.append(argument.default_value if argument.has_default_value() else None)
    return tuple(values)


def frozen(value: object, tensor: Callable[[object], object]) -> object:
    """Makes of an argument a value that has a hash.

    Args:
      value: a number, a text, a type, a list of such, or what ``tensor`` knows.
      tensor: what to make of a tensor; of anything else it returns None.
    """
    import torch

    if (known := tensor(value)) is not None:
        return known
    if isinstance(value, list | tuple | torch.Size):
        return tuple(frozen(member, tensor) for member in value)
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, bool | int | float | str | None):
        return value
    if isinstance(value, torch.device | torch.layout | torch.memory_format | torch.Generator):
        return None  # where and how PyTorch keeps the numbers
    raise TypeError(f"{type(value).__name__} among its arguments")
