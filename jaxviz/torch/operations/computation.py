"""Operations: tensors -> tensor, with what one channel of the output needs of the inputs.

A rule tells that from a call. ``EACH`` is for functions of each number, ``along`` for those that leave the channels as
they are; what has no such rule is computed whole.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

__all__ = [
    "EACH",
    "Call",
    "Channels",
    "Known",
    "Number",
    "Operation",
    "Read",
    "Rule",
    "along",
    "of_each_side",
    "on_channel",
    "whole",
]

Number = int | float
"""A setting of an operation: PyTorch gives whole numbers as such."""

Read = Literal["whole", "channel"] | int
"""What of an input one channel of the output needs: all of it, the same channel, or one entry of an axis."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a tensor that a call reads.

    Attributes:
      shape: its shape.
      axis: where it counts channels; None where it does not.
      of_image: True where it depends on the image; a weight does not.
    """

    shape: tuple[int, ...]
    axis: int | None
    of_image: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """One call of an operation.

    Attributes:
      arguments: what it is called with: a `Known` for each tensor, in lists too.
      inputs: the tensors among these, in order.
      shape: the shape of its output; of the first where there are several.
    """

    arguments: tuple
    inputs: tuple[Known, ...]
    shape: tuple[int, ...]

    def get(self, place: int, default=None):
        """Returns an argument, or a default where it is left out."""
        return self.arguments[place] if place < len(self.arguments) else default


@dataclasses.dataclass(frozen=True)
class Channels:
    """Where an output counts channels, and how one of them is computed.

    Attributes:
      axis: where the output counts channels; None where it does not.
      reads: what is read of each input for one channel; None where it cannot be computed alone.
      one: what computes one channel, with the index as its first argument; the operation itself when None.
    """

    axis: int | None
    reads: tuple[Read, ...] | None = None
    one: Callable | None = None


Rule = Callable[[Call], Channels]


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation of PyTorch.

    Attributes:
      compute: what it computes; called as PyTorch's is, with a `Tensor` for each tensor.
      channels: what one channel needs.
      learned: True where its units have weights of their own, given as the second argument.
      activation: True where it is an activation function.
    """

    compute: Callable
    channels: Rule
    learned: bool = False
    activation: bool = False


def of_each_side(values: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """Returns a setting for each side of a picture, where one number may stand for all."""
    values = (values,) if isinstance(values, int) else tuple(values)
    return values * rank if len(values) == 1 else values


def whole(call: Call) -> Channels:
    """The rule of what is computed whole: channels are counted where the first input of that rank counts them."""
    rank = len(call.shape)
    axes = [
        known.axis for known in call.inputs if known.of_image and known.axis is not None and len(known.shape) == rank
    ]
    return Channels(axes[0] if axes else max(rank - 1, 0) if rank else None)


def EACH(call: Call) -> Channels:  # noqa: N802
    """The rule of functions of each number, of one tensor or of several that are broadcast."""
    rank = len(call.shape)
    axis = None
    for known in call.inputs:
        if known.of_image and known.axis is not None:
            place = known.axis + rank - len(known.shape)
            if known.shape[known.axis] == call.shape[place]:
                axis = place
                break
    if axis is None:
        return whole(call)
    return Channels(axis, tuple(_read(known, axis - (rank - len(known.shape))) for known in call.inputs))


def _read(known: Known, axis: int) -> Read:
    if axis < 0 or known.shape[axis] == 1:
        return "whole"
    return "channel" if known.of_image and known.axis == axis else axis


def on_channel(call: Call) -> tuple[Read, ...]:
    """Returns what is read where a channel needs that channel of the first input, and all of the others."""
    others: list[Read] = ["whole"] * (len(call.inputs) - 1)
    return ("channel", *others)


def along(axes: Callable[[Call], Sequence[int]], *, keeps: Callable[[Call], bool] = lambda call: True) -> Rule:
    """The rule of what works along some axes of its first input, and on each channel alone where these are others.

    Args:
      axes: a call -> the axes.
      keeps: a call -> False where the axes are gone from the output.
    """

    def rule(call: Call) -> Channels:
        first = call.inputs[0]
        if first.axis is None:
            return whole(call)
        rank = len(first.shape)
        used = {axis % rank for axis in axes(call)}
        if first.axis in used:
            return whole(call)
        gone = 0 if keeps(call) else sum(axis < first.axis for axis in used)
        return Channels(first.axis - gone, on_channel(call))

    return rule
