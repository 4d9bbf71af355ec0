"""Conversion: a graph of PyTorch on its way to a network."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jaxviz.torch.nodes import VARIABLE, Node
from jaxviz.torch.operations.computation import Known
from jaxviz.torch.operations.convolution import kernel_order, linear_order
from jaxviz.values.frozen_arrays import FrozenArray

if TYPE_CHECKING:
    import torch

__all__ = ["Conversion"]


@dataclasses.dataclass
class Conversion:
    """A graph on its way to a network.

    Attributes:
      nodes: the operations so far.
      constants: what is neither learned nor computed of the image, by name.
      known: what is known of each value, by name.
      made: the value that each of PyTorch's operations gives.
      outputs: the values that the network returns.
      entries: those that it returns in a dictionary, by their keys.
      of_batch: the operations that normalize by statistics of the batch.
      changed: the buffers that the network changes when it is called.
      shape: the shape of the image, batch included.
      program: what is converted.
    """

    program: "torch.export.ExportedProgram"
    nodes: list[Node] = dataclasses.field(default_factory=list)
    constants: dict[str, FrozenArray] = dataclasses.field(default_factory=dict)
    known: dict[str, Known] = dataclasses.field(default_factory=dict)
    made: dict["torch.fx.Node", str] = dataclasses.field(default_factory=dict)
    outputs: list[str] = dataclasses.field(default_factory=list)
    entries: dict[str, str] = dataclasses.field(default_factory=dict)
    of_batch: list[str] = dataclasses.field(default_factory=list)
    changed: list[str] = dataclasses.field(default_factory=list)
    shape: tuple[int, ...] = ()

    def orders(self, names: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """Returns for each variable the order in which those that read it want its axes held.

        Args:
          names: the names of the variables and their shapes.
        """
        wanted: dict[str, set[tuple[int, ...]]] = {}
        for node in self.nodes:
            for place, name in enumerate(node.inputs):
                if name.startswith(VARIABLE):
                    rank = len(self.known[name].shape)
                    order = _wanted(node.operation, rank) if place == 1 else tuple(range(rank))
                    wanted.setdefault(name.removeprefix(VARIABLE), set()).add(order)
        plain = {name: tuple(range(len(shape))) for name, shape in names.items()}
        return plain | {name: orders.pop() for name, orders in wanted.items() if len(orders) == 1 and name in plain}


def _wanted(operation: str, rank: int) -> tuple[int, ...]:
    if operation.startswith("conv_transpose"):
        return kernel_order(rank, transposed=True)
    if operation in ("conv1d", "conv2d", "conv3d"):
        return kernel_order(rank)
    return linear_order if operation == "linear" and rank == 2 else tuple(range(rank))
