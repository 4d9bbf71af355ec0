"""Indexing: parts of a tensor, tensors side by side, rolled, flipped, and put into another."""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxviz.torch.operations.computation import Call, Channels, Operation, Read, along, whole
from jaxviz.torch.operations.shaping import expanded
from jaxviz.torch.tensors import Tensor

__all__ = ["OPERATIONS"]


def _select(x: Tensor, axis: int, index: int) -> Tensor:
    return x.without([axis], jnp.take(x.array, index % x.shape[axis], axis=x.place(axis)))


def _slice(x: Tensor, axis: int = 0, start: int | None = None, stop: int | None = None, step: int = 1) -> Tensor:
    place = x.place(axis)
    start, stop, step = slice(start, stop, step).indices(x.shape[axis])
    return x.like(lax.slice_in_dim(x.array, start, max(stop, start), step, place))


def _narrow(x: Tensor, axis: int, start: int, length: int) -> Tensor:
    start = start % x.shape[axis]
    return _slice(x, axis, start, start + length)


def _split(x: Tensor, sizes: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    side = x.shape[axis]
    lengths = [min(sizes, side - start) for start in range(0, side, sizes)] if isinstance(sizes, int) else [*sizes]
    starts = [sum(lengths[:place]) for place in range(len(lengths))]
    return tuple(_slice(x, axis, start, start + length) for start, length in zip(starts, lengths, strict=True))


def _chunk(x: Tensor, count: int, axis: int = 0) -> tuple[Tensor, ...]:
    return _split(x, -(-x.shape[axis] // count), axis)


def _tensor_split(x: Tensor, count: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    if not isinstance(count, int):  # where the parts begin
        return tuple(_slice(x, axis, *ends) for ends in itertools.pairwise((0, *count, x.shape[axis])))
    size, rest = divmod(x.shape[axis], count)
    return _split(x, [size + (place < rest) for place in range(count)], axis)


def _unbind(x: Tensor, axis: int = 0) -> tuple[Tensor, ...]:
    return tuple(_select(x, axis, index) for index in range(x.shape[axis]))


def _cat(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    tensors = [tensor for tensor in tensors if tensor.shape != (0,)]  # which PyTorch allows for old times' sake
    order = max(tensors, key=lambda tensor: tensor.array.size).order
    return Tensor(jnp.concatenate([x.ordered(order) for x in tensors], axis=order.index(axis % len(order))), order)


def _concatenating(call: Call) -> Channels:
    axes = {known.axis for known in call.inputs}
    rank = len(call.shape)
    if len(axes) == 1 and None not in axes and call.arguments[1] % rank not in axes:
        reads: list[Read] = ["channel"] * len(call.inputs)
        return Channels(axes.pop(), tuple(reads))
    return whole(call)


def _stack(tensors: Sequence[Tensor], axis: int = 0) -> Tensor:
    return Tensor.of(jnp.stack([x.plain() for x in tensors], axis=axis))


def _index(x: Tensor, indices: Sequence[Tensor | None]) -> Tensor:
    given = [axis for axis, index in enumerate(indices) if index is not None]
    if len(given) == 1:
        [axis] = given
        rows = indices[axis]
        assert rows is not None
        if rows.ndim == 1 and rows.array.dtype != jnp.bool_:
            return _index_select(x, axis, rows)
    key = tuple(slice(None) if index is None else index.plain() for index in indices)
    return Tensor.of(x.plain()[key])


def _index_select(x: Tensor, axis: int, rows: Tensor) -> Tensor:
    return x.like(jnp.take(x.array, rows.plain(), axis=x.place(axis), mode="wrap"))


def _gather(x: Tensor, axis: int, rows: Tensor, *_) -> Tensor:
    order = x.order
    return x.like(_taken(x.array, rows.ordered(order), order.index(axis % x.ndim)))


def _taken(array: Array, rows: Array, place: int) -> Array:
    for other, (side, wanted) in enumerate(zip(array.shape, rows.shape, strict=True)):
        if other != place and side != wanted:  # only as much of the other axes as is asked for
            array = lax.slice_in_dim(array, 0, wanted, axis=other)
    return jnp.take_along_axis(array, rows, axis=place)


def _embedding(table: Tensor, rows: Tensor, *_) -> Tensor:
    return Tensor.of(jnp.take(table.plain(), rows.plain(), axis=0))


def _roll(x: Tensor, shifts: int | Sequence[int], axes: int | Sequence[int] = ()) -> Tensor:
    shifts, axes = ((value,) if isinstance(value, int) else tuple(value) for value in (shifts, axes))
    if not axes:
        return Tensor.of(jnp.roll(x.plain(), shifts[0]))
    return x.like(jnp.roll(x.array, shifts, x.places(axes)))


def _flip(x: Tensor, axes: Sequence[int]) -> Tensor:
    return x.like(jnp.flip(x.array, x.places(axes)))


def _slice_scatter(x: Tensor, part: Tensor, axis: int = 0, start=None, stop=None, step: int = 1) -> Tensor:
    key = [slice(None)] * x.ndim
    key[x.place(axis)] = slice(*slice(start, stop, step).indices(x.shape[axis]))
    return x.like(x.array.at[tuple(key)].set(part.ordered(x.order)))


def _select_scatter(x: Tensor, part: Tensor, axis: int, index: int) -> Tensor:
    array = jnp.expand_dims(part.plain(), axis % x.ndim)
    return _slice_scatter(x, Tensor.of(array), axis, index % x.shape[axis], index % x.shape[axis] + 1)


def _index_put(x: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False) -> Tensor:
    key = tuple(slice(None) if index is None else index.plain() for index in indices)
    places = x.plain().at[key]
    return Tensor.of(places.add(values.plain()) if accumulate else places.set(values.plain()))


def _copy(x: Tensor, source: Tensor, *_) -> Tensor:
    return expanded(source, x.shape)


def _unfold(x: Tensor, axis: int, size: int, step: int) -> Tensor:
    count = (x.shape[axis] - size) // step + 1
    parts = [_slice(x, axis, place, place + (count - 1) * step + 1, step).plain() for place in range(size)]
    return Tensor.of(jnp.stack(parts, axis=-1))


def _im2col(x: Tensor, size, dilation, padding, stride) -> Tensor:
    *batch, channels, _, _ = x.shape
    (top, left), pictures = padding, x.plain()
    pictures = pictures if batch else pictures[None]
    pictures = jnp.pad(pictures, ((0, 0), (0, 0), (top, top), (left, left)))
    height, width = (
        (side - gap * (count - 1) - 1) // step + 1
        for side, gap, count, step in zip(pictures.shape[2:], dilation, size, stride, strict=True)
    )
    views = [
        pictures[
            :,
            :,
            row * dilation[0] : row * dilation[0] + (height - 1) * stride[0] + 1 : stride[0],
            column * dilation[1] : column * dilation[1] + (width - 1) * stride[1] + 1 : stride[1],
        ]
        for row in range(size[0])
        for column in range(size[1])
    ]
    return Tensor.of(jnp.stack(views, axis=2).reshape(*batch, channels * len(views), height * width))


def _col2im(x: Tensor, sides, size, dilation, padding, stride) -> Tensor:
    *batch, columns, _ = x.shape
    channels = columns // (size[0] * size[1])
    whole_sides = [side + 2 * pad for side, pad in zip(sides, padding, strict=True)]
    places = [
        (side - gap * (count - 1) - 1) // step + 1
        for side, gap, count, step in zip(whole_sides, dilation, size, stride, strict=True)
    ]
    views = x.plain().reshape(*batch, channels, *size, *places)
    pictures = jnp.zeros((*batch, channels, *whole_sides), views.dtype)
    for row in range(size[0]):
        for column in range(size[1]):
            window = [
                slice(place * gap, place * gap + (count - 1) * step + 1, step)
                for place, gap, count, step in zip((row, column), dilation, places, stride, strict=True)
            ]
            pictures = pictures.at[..., window[0], window[1]].add(views[..., row, column, :, :])
    top, left = padding
    return Tensor.of(pictures[..., top : top + sides[0], left : left + sides[1]])


def _triangle(function) -> Operation:
    return Operation(lambda x, diagonal=0: Tensor.of(function(x.plain(), diagonal)), whole)


def _topk(x: Tensor, count: int, axis: int = -1, largest: bool = True, *_) -> tuple[Tensor, Tensor]:
    moved = jnp.moveaxis(x.plain(), axis, -1)
    values, places = jax.lax.top_k(moved if largest else -moved, count)
    return tuple(Tensor.of(jnp.moveaxis(y, -1, axis)) for y in (values if largest else -values, places))  # type: ignore[return-value]


def _member(parts: Sequence[Tensor], place: int) -> Tensor:
    return parts[place]


def _one_axis(call: Call) -> list[int]:
    return [call.arguments[1]]


def _rolled(call: Call) -> Sequence[int]:
    axes = call.arguments[2]
    return (axes,) if isinstance(axes, int) else axes or range(len(call.shape))


_SELECTING = along(_one_axis, keeps=lambda call: False)
_OF_AXIS = along(_one_axis)

OPERATIONS: dict[str, Operation] = {
    **{name: Operation(_split, whole) for name in ("split", "split_with_sizes", "unsafe_split")},
    "cat": Operation(_cat, _concatenating),
    "chunk": Operation(_chunk, whole),
    "concat": Operation(_cat, _concatenating),
    "copy": Operation(_copy, whole),
    "embedding": Operation(_embedding, whole),
    "flip": Operation(_flip, along(lambda call: call.arguments[1])),
    "getitem": Operation(_member, whole),
    "gather": Operation(_gather, whole),
    "col2im": Operation(_col2im, whole),
    "im2col": Operation(_im2col, whole),
    "index": Operation(_index, whole),
    "index_put": Operation(_index_put, whole),
    "index_select": Operation(_index_select, _OF_AXIS),
    "narrow": Operation(_narrow, _OF_AXIS),
    "roll": Operation(_roll, along(_rolled)),
    "select": Operation(_select, _SELECTING),
    "select_scatter": Operation(_select_scatter, whole),
    "slice": Operation(_slice, _OF_AXIS),
    "slice_scatter": Operation(_slice_scatter, whole),
    "stack": Operation(_stack, whole),
    "tensor_split": Operation(_tensor_split, whole),
    "topk": Operation(_topk, whole),
    "tril": _triangle(jnp.tril),
    "triu": _triangle(jnp.triu),
    "unbind": Operation(_unbind, whole),
    "unfold": Operation(_unfold, whole),
}
