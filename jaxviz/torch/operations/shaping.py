"""Shapes: reshaping, permuting and repeating axes. Where the numbers can stay where they are, they do."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxviz.torch.operations.computation import EACH, Call, Channels, Operation, on_channel, whole
from jaxviz.torch.tensors import Tensor

__all__ = ["OPERATIONS", "expanded", "reshaped"]


def reshaped(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Gives a tensor another shape, its numbers in PyTorch's order.

    Where each run of axes that are split or merged is held in that order, nothing moves: tokens are made of a picture
    that has its channels last without a transposition.
    """
    shape = _filled(shape, math.prod(x.shape))
    runs = [*_runs(x.shape, shape)]
    placed: list[tuple[int, Sequence[int]]] = []  # where a run lies in the array, and the axes that it becomes
    for sources, targets in runs:
        places = [x.order.index(axis) for axis in sources if x.shape[axis] != 1]
        if places and places != [*range(places[0], places[0] + len(places))]:
            return Tensor.of(x.plain().reshape(shape))
        placed.append((places[0] if places else -1, targets))
    order = tuple(axis for _, targets in sorted(placed, key=lambda run: run[0]) for axis in targets)
    squeezed = [axis for axis in x.order if x.shape[axis] != 1]
    held = x.array.reshape([x.shape[axis] for axis in squeezed])
    return Tensor(held.reshape([shape[axis] for axis in order]), order)


def _filled(shape: Sequence[int], size: int) -> tuple[int, ...]:
    known = math.prod(side for side in shape if side != -1)
    return tuple(size // known if side == -1 else side for side in shape)


def _runs(before: Sequence[int], after: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Yields the axes that become axes: the shortest runs whose lengths multiply to the same."""
    i = j = 0
    while i < len(before) or j < len(after):
        sources, targets = [], []
        if i < len(before):
            sources.append(i)
            i += 1
        if j < len(after):
            targets.append(j)
            j += 1
        left = math.prod(before[k] for k in sources)
        right = math.prod(after[k] for k in targets)
        while left != right:
            if left < right:
                sources.append(i)
                left *= before[i]
                i += 1
            else:
                targets.append(j)
                right *= after[j]
                j += 1
        yield sources, targets


@dataclasses.dataclass(frozen=True)
class _OneChannel:
    """A reshaping of one channel."""

    shape: tuple[int, ...]

    def __call__(self, index: Array, x: Tensor, *_) -> Tensor:
        del index
        return reshaped(x, self.shape)


def _reshaping(call: Call) -> Channels:
    """The rule of reshaping: channels stay such where they are an axis of their own, before and after."""
    [x, *_] = call.inputs
    rank = len(call.shape)
    if x.axis is None or not rank:
        return whole(call)
    for sources, targets in _runs(x.shape, call.shape):
        if x.axis in sources:
            long = [axis for axis in sources if x.shape[axis] != 1 or axis == x.axis]
            kept = [axis for axis in targets if call.shape[axis] == x.shape[x.axis]]
            if (
                long == [x.axis]
                and len(kept) == 1
                and all(call.shape[axis] == 1 for axis in targets if axis not in kept)
            ):
                shape = tuple(1 if axis == kept[0] else side for axis, side in enumerate(call.shape))
                return Channels(kept[0], on_channel(call), _OneChannel(shape))
            # What becomes of a channel and its positions together is units; of split channels, the last part counts.
            return Channels(targets[-1] if targets else rank - 1)
    return whole(call)


def _flatten(x: Tensor, start: int = 0, end: int = -1) -> Tensor:
    shape, start, end = x.shape, start % max(x.ndim, 1), end % max(x.ndim, 1)
    return reshaped(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def _unflatten(x: Tensor, axis: int, sizes: Sequence[int]) -> Tensor:
    axis = axis % x.ndim
    return reshaped(x, (*x.shape[:axis], *_filled(sizes, x.shape[axis]), *x.shape[axis + 1 :]))


def _permute(x: Tensor, axes: Sequence[int]) -> Tensor:
    axes = [axis % x.ndim for axis in axes]
    return Tensor(x.array, tuple(axes.index(axis) for axis in x.order))


def _moved(axes: Sequence[int], call: Call) -> Channels:
    [x] = call.inputs
    return whole(call) if x.axis is None else Channels([*axes].index(x.axis), ("channel",))


def _permuting(call: Call) -> Channels:
    rank = len(call.shape)
    return _moved([axis % rank for axis in call.arguments[1]], call)


def _swapped(rank: int, first: int, second: int) -> list[int]:
    axes = [*range(rank)]
    first, second = first % rank, second % rank
    axes[first], axes[second] = axes[second], axes[first]
    return axes


def _transpose(x: Tensor, first: int, second: int) -> Tensor:
    return _permute(x, _swapped(x.ndim, first, second)) if x.ndim else x


def _transposing(call: Call) -> Channels:
    return _moved(_swapped(len(call.shape), *call.arguments[1:3]), call)


def _turned(x: Tensor) -> Tensor:
    return _transpose(x, -2, -1)


def _reverse(x: Tensor) -> Tensor:
    return _permute(x, range(x.ndim)[::-1])


def _moveaxis(x: Tensor, sources: int | Sequence[int], targets: int | Sequence[int]) -> Tensor:
    return _permute(x, _moved_axes(x.ndim, sources, targets))


def _moved_axes(rank: int, sources: int | Sequence[int], targets: int | Sequence[int]) -> list[int]:
    sources, targets = ([axes] if isinstance(axes, int) else [*axes] for axes in (sources, targets))
    axes = [axis for axis in range(rank) if axis not in {source % rank for source in sources}]
    for source, target in sorted(zip(sources, targets, strict=True), key=lambda pair: pair[1] % rank):
        axes.insert(target % rank, source % rank)
    return axes


def _squeeze(x: Tensor, axes: int | Sequence[int] | None = None) -> Tensor:
    given = range(x.ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    gone = [axis % x.ndim for axis in given if x.shape[axis] == 1]
    return x.without(gone, jnp.squeeze(x.array, x.places(gone)))


def _unsqueeze(x: Tensor, axis: int) -> Tensor:
    axis = axis % (x.ndim + 1)
    order = [known + (known >= axis) for known in x.order]
    return Tensor(x.array[None], (axis, *order)) if axis == 0 else Tensor(x.array[..., None], (*order, axis))


def _unsqueezing(call: Call) -> Channels:
    [x] = call.inputs
    if x.axis is None:
        return whole(call)
    return Channels(x.axis + (call.arguments[1] % len(call.shape) <= x.axis), ("channel",))


def expanded(x: Tensor, shape: Sequence[int] | Tensor, *_settings) -> Tensor:
    """Repeats the axes of length 1 that are longer in another shape; -1 leaves one as it is."""
    wanted = shape.shape if isinstance(shape, Tensor) else tuple(shape)
    for _ in range(len(wanted) - x.ndim):
        x = _unsqueeze(x, 0)
    sides = [old if new == -1 else new for old, new in zip(x.shape, wanted, strict=True)]
    return x.like(jnp.broadcast_to(x.array, [sides[axis] for axis in x.order]))


def _repeat(x: Tensor, times: Sequence[int]) -> Tensor:
    times = (*[1] * (x.ndim - len(times)), *times)
    for _missing in range(len(times) - x.ndim):
        x = _unsqueeze(x, 0)
    return x.like(jnp.tile(x.array, [times[axis] for axis in x.order]))


def _repeat_interleave(x: Tensor, times: int, axis: int | None = None, *_) -> Tensor:
    if axis is None:
        return Tensor.of(jnp.repeat(x.plain().ravel(), times))
    return x.like(jnp.repeat(x.array, times, axis=x.place(axis)))


def _same(x: Tensor, *_) -> Tensor:
    return x


def _detach(x: Tensor) -> Tensor:
    return x.like(lax.stop_gradient(x.array))


def _pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    *batch, channels, height, width = x.shape
    split = x.plain().reshape(*batch, channels // factor**2, factor, factor, height, width)
    rank = split.ndim
    moved = split.transpose(*range(rank - 4), rank - 2, rank - 4, rank - 1, rank - 3)
    return Tensor.of(moved.reshape(*batch, channels // factor**2, height * factor, width * factor))


def _pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    *batch, channels, height, width = x.shape
    split = x.plain().reshape(*batch, channels, height // factor, factor, width // factor, factor)
    rank = split.ndim
    moved = split.transpose(*range(rank - 4), rank - 3, rank - 1, rank - 4, rank - 2)
    return Tensor.of(moved.reshape(*batch, channels * factor**2, height // factor, width // factor))


def _channel_shuffle(x: Tensor, groups: int) -> Tensor:
    split = reshaped(x, (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
    return reshaped(_transpose(split, 1, 2), x.shape)


_SAME = Operation(_same, EACH)
_VIEW = Operation(reshaped, _reshaping)

OPERATIONS: dict[str, Operation] = {
    **dict.fromkeys(("alias", "alpha_dropout", "clone", "contiguous", "dropout"), _SAME),
    **dict.fromkeys(("feature_alpha_dropout", "feature_dropout", "lift_fresh_copy", "native_dropout"), _SAME),
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "_reshape_alias", "view_copy"), _VIEW),
    "broadcast_to": Operation(expanded, whole),
    "channel_shuffle": Operation(_channel_shuffle, whole),
    **dict.fromkeys(("detach", "detach_"), Operation(_detach, EACH)),
    "expand": Operation(expanded, whole),
    "expand_as": Operation(expanded, whole),
    "flatten": Operation(_flatten, _reshaping),
    "movedim": Operation(_moveaxis, lambda call: _moved(_moved_axes(len(call.shape), *call.arguments[1:3]), call)),
    "native_channel_shuffle": Operation(_channel_shuffle, whole),
    **dict.fromkeys(
        ("adjoint", "mH", "mT"), Operation(_turned, lambda call: _moved(_swapped(len(call.shape), -2, -1), call))
    ),
    "numpy_T": Operation(_reverse, lambda call: _moved(range(len(call.shape))[::-1], call)),
    "permute": Operation(_permute, _permuting),
    "pixel_shuffle": Operation(_pixel_shuffle, whole),
    "pixel_unshuffle": Operation(_pixel_unshuffle, whole),
    "repeat": Operation(_repeat, whole),
    "repeat_interleave": Operation(_repeat_interleave, whole),
    "squeeze": Operation(_squeeze, _reshaping),
    "swapaxes": Operation(_transpose, _transposing),
    "t": Operation(_reverse, lambda call: _moved(range(len(call.shape))[::-1], call)),
    "tile": Operation(_repeat, whole),
    "transpose": Operation(_transpose, _transposing),
    "unflatten": Operation(_unflatten, _reshaping),
    "unsqueeze": Operation(_unsqueeze, _unsqueezing),
    "view_as": Operation(lambda x, other: reshaped(x, other.shape), whole),
    "reshape_as": Operation(lambda x, other: reshaped(x, other.shape), whole),
}
