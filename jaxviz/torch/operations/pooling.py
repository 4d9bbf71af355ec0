"""Pooling: the largest number or the mean of each window."""

import functools
import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from jaxviz.layers import pooling
from jaxviz.torch.operations.computation import Call, Operation, along, of_each_side
from jaxviz.torch.tensors import Tensor

__all__ = ["OPERATIONS"]

Picture = Callable[[Array], Array]


def _each(x: Tensor, rank: int, function: Picture) -> Tensor:
    """Applies a function of one picture, channels last, to each of a batch."""
    batched = x.ndim == rank + 2
    order = (0, *range(2, rank + 2), 1) if batched else (*range(1, rank + 1), 0)
    pictures = x.ordered(order)
    out = jnp.stack([function(picture) for picture in pictures]) if batched else function(pictures)
    return Tensor(out, order)


def _count(side: int, size: int, step: int, zeros: int, spread: int, ceil: bool) -> int:
    """Returns how many windows there are along a side; with ``ceil`` one may reach beyond it, and begins inside."""
    room = side + 2 * zeros - spread * (size - 1) - 1
    count = (-(-room // step) if ceil else room // step) + 1
    return count - 1 if ceil and (count - 1) * step >= side + zeros else count


def _margins(sides, size, steps, zeros, spread, ceil) -> tuple[tuple[int, int], ...]:
    margins = []
    for side, extent, step, before, gap in zip(sides, size, steps, zeros, spread, strict=True):
        count = _count(side, extent, step, before, gap, ceil)
        margins.append((before, max((count - 1) * step + gap * (extent - 1) + 1 - side - before, 0)))
    return tuple(margins)


def _max_pool(rank: int) -> Callable[..., Tensor]:
    def compute(x: Tensor, size, stride=(), padding=0, dilation=1, ceil_mode=False) -> Tensor:
        size = of_each_side(size, rank)
        steps = of_each_side(stride, rank) if stride != () else size
        zeros, spread = of_each_side(padding, rank), of_each_side(dilation, rank)

        def one(picture: Array) -> Array:
            margins = _margins(picture.shape[:-1], size, steps, zeros, spread, ceil_mode)
            return pooling.max_pool(picture, size, strides=steps, padding=margins, dilation=spread)

        return _each(x, rank, one)

    return compute


def _average_pool(rank: int) -> Callable[..., Tensor]:
    def compute(x: Tensor, size, stride=(), padding=0, ceil_mode=False, count_include_pad=True, divisor=None) -> Tensor:
        size = of_each_side(size, rank)
        steps = of_each_side(stride, rank) if stride != () else size
        zeros = of_each_side(padding, rank)

        def one(picture: Array) -> Array:
            sides = picture.shape[:-1]
            margins = _margins(sides, size, steps, zeros, (1,) * rank, ceil_mode)
            padded = jnp.pad(picture, (*margins, (0, 0)))
            mean = pooling.average_pool(padded, size, strides=steps)
            counts = [
                _inside(side, extent, step, before, count, count_include_pad)
                for side, extent, step, before, count in zip(sides, size, steps, zeros, mean.shape[:-1], strict=True)
            ]
            inside = divisor if divisor is not None else functools.reduce(np.multiply.outer, [*counts, np.ones(1)])
            if divisor is None and (inside == math.prod(size)).all():
                return mean
            return mean * jnp.asarray(math.prod(size) / inside, mean.dtype)

        return _each(x, rank, one)

    return compute


def _inside(side: int, size: int, step: int, zeros: int, count: int, with_padding: bool) -> np.ndarray:
    """Returns how many places of each window along a side are counted."""
    first = np.arange(count) * step - zeros
    last = np.minimum(first + size, side + zeros)
    return last - first if with_padding else np.minimum(last, side) - np.maximum(first, 0)


def _adaptive(rank: int, reduce: Callable) -> Callable[..., Tensor]:
    def compute(x: Tensor, size) -> Tensor:
        counts = of_each_side(size, rank)

        def one(picture: Array) -> Array:
            for axis, count in enumerate(counts):  # the mean of a box is that of its sides in turn
                side = picture.shape[axis]
                if count is None or count == side:
                    continue
                if side % count == 0:
                    split = picture.reshape(*picture.shape[:axis], count, side // count, *picture.shape[axis + 1 :])
                    picture = reduce(split, axis=axis + 1)
                    continue
                bounds = [(k * side // count, -(-(k + 1) * side // count)) for k in range(count)]
                parts = [lax.slice_in_dim(picture, start, stop, axis=axis) for start, stop in bounds]
                picture = jnp.stack([reduce(part, axis=axis) for part in parts], axis=axis)
            return picture

        return _each(x, rank, one)

    return compute


def _of_sides(rank: int) -> Callable[[Call], Sequence[int]]:
    return lambda call: range(len(call.inputs[0].shape) - rank, len(call.inputs[0].shape))


OPERATIONS: dict[str, Operation] = {
    name: Operation(compute, along(_of_sides(rank)))
    for rank in (1, 2, 3)
    for name, compute in (
        (f"max_pool{rank}d", _max_pool(rank)),
        (f"max_pool{rank}d_with_indices", _max_pool(rank)),
        (f"avg_pool{rank}d", _average_pool(rank)),
        (f"adaptive_avg_pool{rank}d", _adaptive(rank, jnp.mean)),
        (f"_adaptive_avg_pool{rank}d", _adaptive(rank, jnp.mean)),
        (f"adaptive_max_pool{rank}d", _adaptive(rank, jnp.max)),
    )
}
