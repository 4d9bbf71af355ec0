"""Constants: what a graph computes without its image and its variables -> tensors, which PyTorch computes once."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from jaxviz.torch.arguments import gives_a_view
from jaxviz.torch.nodes import CONSTANT
from jaxviz.torch.scopes import called
from jaxviz.torch.state_dicts import numbers
from jaxviz.values.errors import JaxvizError
from jaxviz.values.frozen_arrays import FrozenArray

if TYPE_CHECKING:
    import torch

__all__ = ["Constants"]

_LARGEST = 1 << 32  # bytes that all of them may take


class Constants:
    """The constants of one graph."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], tuple[str, torch.Tensor, FrozenArray]] = {}
        self._bytes = 0

    def computed(self, node: "torch.fx.Node", values: "Mapping[torch.fx.Node, object]") -> object:
        """Lets PyTorch compute what does not depend on the image or a variable.

        Args:
          node: an operation.
          values: what the nodes before it give: tensors, or names where they depend on the image.

        Raises:
          JaxvizError: PyTorch refuses it, or the constants take more memory than those of any network.
        """
        import torch

        def at_hand(value: torch.fx.Node):
            known = values[value]
            if isinstance(known, str):  # only its shape is looked at
                return torch.empty((), dtype=value.meta["val"].dtype).expand(value.meta["val"].shape)
            return known

        if not gives_a_view(node.target):
            self._count(_size(node.meta.get("val")), called(node))
        arguments = torch.fx.node.map_arg(node.args, at_hand)
        keywords = dict(torch.fx.node.map_arg(node.kwargs, at_hand))
        if "device" in keywords:
            keywords["device"] = torch.device("cpu")
        compute: Callable = node.target  # type: ignore[assignment]
        try:
            return compute(*arguments, **keywords)
        except (IndexError, RuntimeError) as error:  # a table may be read where it has no entry
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise JaxvizError(f"PyTorch cannot compute {called(node)}: {reason}") from error

    def held(self, tensor: "torch.Tensor") -> tuple[str, FrozenArray]:
        """Returns a name for a tensor, the same for the same one, and its numbers."""
        key = (id(tensor), tensor._version)  # it may be changed in its place
        if key not in self._held:
            name = f"{CONSTANT}{len(self._held)}"
            self._count(_size(tensor), "a tensor of the network")
            array = FrozenArray.of(numbers(tensor, "a constant tensor of the network"))
            self._held[key] = (name, tensor, array)  # the tensor is kept, so that its place in memory is not another's
        return self._held[key][0], self._held[key][2]

    def _count(self, size: int, origin: str) -> None:
        self._bytes += size
        if self._bytes > _LARGEST:
            raise JaxvizError(
                f"the constants of the network take more than {_LARGEST} bytes, the last of them {origin}"
            )


def _size(value: object) -> int:
    """Returns how many bytes a tensor or several take."""
    import torch

    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return value.numel() * value.element_size() if isinstance(value, torch.Tensor) else 0
