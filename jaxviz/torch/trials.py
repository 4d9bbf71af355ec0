"""Trials: the nodes of a network -> a refusal of those that fail, or give another shape than in PyTorch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import jax
import numpy as np
from jaxtyping import Array

from jaxviz.torch.conversion import Conversion
from jaxviz.torch.nodes import IMAGE, VARIABLE, Node
from jaxviz.torch.operations.elementwise import number_type
from jaxviz.torch.scopes import called
from jaxviz.torch.tensors import Tensor, Value, with_channels_last
from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    import torch

__all__ = ["try_all"]


class _Shape(NamedTuple):
    """A tensor without its numbers."""

    array: jax.ShapeDtypeStruct
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape[self.order.index(axis)] for axis in range(len(self.order)))


_Given = Tensor | list[_Shape]  # a constant, or the tensors that a node gives


def try_all(conversion: Conversion, variables: Mapping[str, Array], orders: Mapping[str, tuple[int, ...]]) -> None:
    """Traces each node alone, which computes nothing, and compares the shape and the type with PyTorch's.

    Args:
      conversion: a converted graph.
      variables: name -> array.
      orders: name -> the order in which its array holds PyTorch's axes.

    Raises:
      JaxvizError: some nodes fail; the message has the operation, the submodule and the reason for each.
    """
    given = _given(conversion, variables, orders)
    origins = {name: node for node, name in conversion.made.items() if name == node.name}
    failed = []
    for node in conversion.nodes:
        origin = origins[node.name]
        value = origin.meta["val"]
        wanted = [_theirs(each) for each in (value if isinstance(value, list | tuple) else [value]) if each is not None]
        try:
            found = _traced(node, [given[name] for name in node.inputs])
            _compare(found, wanted)
            given[node.name] = found
        except Exception as error:  # whatever the shapes at hand cause
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            failed.append(f"{called(origin)}: {reason}")
            given[node.name] = wanted  # so that those behind it can be tried
    if failed:
        raise JaxvizError(f"these calls of PyTorch's operations are not supported: {'; '.join(failed)}")


def _given(
    conversion: Conversion, variables: Mapping[str, Array], orders: Mapping[str, tuple[int, ...]]
) -> dict[str, _Given]:
    batch, *channels = conversion.shape[:2]
    image = jax.ShapeDtypeStruct((batch, *conversion.shape[2:], *channels), np.float32)
    given: dict[str, _Given] = {IMAGE: [_Shape(image, with_channels_last(len(conversion.shape)))]}
    for name, order in orders.items():
        given[VARIABLE + name] = [_Shape(jax.ShapeDtypeStruct(variables[name].shape, variables[name].dtype), order)]
    for name, constant in conversion.constants.items():
        given[name] = Tensor.of(np.asarray(constant))
    return given


def _traced(node: Node, inputs: Sequence[_Given]) -> list[_Shape]:
    """Returns the shapes of what a node gives; constants keep their numbers, which may say where to look."""
    orders: list[tuple[int, ...]] = []

    def run(arrays: Sequence[Sequence[Array] | None]) -> list[Array]:
        values: list[Value] = []
        for given, traced in zip(inputs, arrays, strict=True):
            if isinstance(given, Tensor) or traced is None:
                values.append(cast("Tensor", given))
                continue
            tensors = tuple(Tensor(array, shape.order) for array, shape in zip(traced, given, strict=True))
            values.append(tensors if len(tensors) > 1 else tensors[0])
        out = node.run(values, None)
        tensors = (out,) if isinstance(out, Tensor) else out
        orders.extend(tensor.order for tensor in tensors)
        return [tensor.array for tensor in tensors]

    arrays = jax.eval_shape(run, [None if isinstance(each, Tensor) else [one.array for one in each] for each in inputs])
    return [_Shape(array, order) for array, order in zip(arrays, orders, strict=True)]


def _theirs(tensor: "torch.Tensor") -> _Shape:
    shape = tuple(map(int, tensor.shape))
    dtype = number_type(str(tensor.dtype).removeprefix("torch."))
    return _Shape(jax.ShapeDtypeStruct(shape, dtype), tuple(range(len(shape))))


def _compare(found: Sequence[_Shape], wanted: Sequence[_Shape]) -> None:
    for ours, theirs in zip(found, wanted, strict=False):  # some of theirs are for training alone
        if ours.shape != theirs.shape:
            raise ValueError(f"gives {list(ours.shape)} and not {list(theirs.shape)}")
        if ours.array.dtype != theirs.array.dtype:
            raise ValueError(f"gives {ours.array.dtype} and not {theirs.array.dtype}")
