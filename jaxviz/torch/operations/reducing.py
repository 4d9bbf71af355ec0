"""Reductions: the mean, sum, largest number or length along some axes."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.torch.operations.computation import Call, Number, Operation, along, whole
from jaxviz.torch.tensors import Tensor

__all__ = ["OPERATIONS"]

Reduce = Callable[..., Array]


def _axes(axes: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    axes = (axes,) if isinstance(axes, int) else tuple(axes or range(rank))
    return tuple(axis % rank for axis in axes)


def _reduced(x: Tensor, axes: Sequence[int], keep: bool, reduce: Reduce) -> Tensor:
    array = reduce(x.array, axis=x.places(axes), keepdims=keep)
    return x.like(array) if keep else x.without(axes, array)


def _over(reduce: Reduce) -> Operation:
    """Makes an operation called with the axes and whether they are kept with length 1."""

    def compute(x: Tensor, axes=None, keep: bool = False, *_) -> Tensor:
        return _reduced(x, _axes(axes, x.ndim), keep, reduce)

    return Operation(
        compute, along(lambda call: _axes(call.get(1), _rank(call)), keeps=lambda call: call.get(2, False))
    )


def _rank(call: Call) -> int:
    return len(call.inputs[0].shape)


def _over_all(reduce: Reduce) -> Operation:
    def compute(x: Tensor, *_) -> Tensor:
        return Tensor.of(reduce(x.array))

    return Operation(compute, whole)


def _variance(x: Tensor, axes=None, correction: Number | bool | None = 1, keep: bool = False) -> Tensor:
    less = 1 if correction is None else float(correction)
    return _reduced(x, _axes(axes, x.ndim), keep, lambda array, **axis: jnp.var(array, correction=less, **axis))


def _deviation(x: Tensor, axes=None, correction: Number | bool | None = 1, keep: bool = False) -> Tensor:
    return _root(_variance(x, axes, correction, keep))


def _root(x: Tensor) -> Tensor:
    return x.like(jnp.sqrt(x.array))


def _variance_and_mean(x: Tensor, axes=None, correction=1, keep: bool = False) -> tuple[Tensor, Tensor]:
    return _variance(x, axes, correction, keep), _reduced(x, _axes(axes, x.ndim), keep, jnp.mean)


def _norm(x: Tensor, order: Number | None = 2, axes=None, keep: bool = False, *_) -> Tensor:
    def length(array: Array, **axis) -> Array:
        if order in (None, 2):
            return jnp.sqrt(jnp.sum(jnp.square(array), **axis))
        if abs(order) == float("inf"):
            return (jnp.max if order > 0 else jnp.min)(jnp.abs(array), **axis)
        if order == 0:
            return jnp.sum((array != 0).astype(array.dtype), **axis)
        if order == 1:
            return jnp.sum(jnp.abs(array), **axis)
        return jnp.sum(jnp.abs(array) ** order, **axis) ** (1 / order)

    return _reduced(x, _axes(axes, x.ndim), keep, length)


def _best(reduce: Reduce, place: Callable[..., Array]) -> Callable[..., tuple[Tensor, Tensor]]:
    def compute(x: Tensor, axis: int, keep: bool = False) -> tuple[Tensor, Tensor]:
        return _reduced(x, [axis], keep, reduce), _at(place)(x, axis, keep)

    return compute


def _at(place: Callable[..., Array]) -> Callable[..., Tensor]:
    def compute(x: Tensor, axis: int | None = None, keep: bool = False) -> Tensor:
        if axis is None:
            return Tensor.of(place(x.plain()))
        array = place(x.array, axis=x.place(axis), keepdims=keep)
        return x.like(array) if keep else x.without([axis], array)

    return compute


def _cumulative_sum(x: Tensor, axis: int, *_) -> Tensor:
    return x.like(jnp.cumsum(x.array, axis=x.place(axis)))


_VARYING = along(lambda call: _axes(call.get(1), _rank(call)), keeps=lambda call: call.get(3, False))
_NORMED = along(lambda call: _axes(call.get(2), _rank(call)), keeps=lambda call: call.get(3, False))

OPERATIONS: dict[str, Operation] = {
    "all": _over(jnp.all),
    "amax": _over(jnp.max),
    "amin": _over(jnp.min),
    "any": _over(jnp.any),
    "argmax": Operation(_at(jnp.argmax), whole),
    "argmin": Operation(_at(jnp.argmin), whole),
    "cumsum": Operation(_cumulative_sum, along(lambda call: [call.arguments[1]])),
    "linalg_vector_norm": Operation(_norm, _NORMED),
    "logsumexp": _over(jax.scipy.special.logsumexp),
    "max": _over_all(jnp.max),
    "max.dim": Operation(_best(jnp.max, jnp.argmax), whole),
    "mean": _over_all(jnp.mean),
    "mean.dim": _over(jnp.mean),
    "min": _over_all(jnp.min),
    "min.dim": Operation(_best(jnp.min, jnp.argmin), whole),
    "norm": Operation(_norm, whole),
    "norm.ScalarOpt_dim": Operation(_norm, _NORMED),
    "prod": _over_all(jnp.prod),
    "prod.dim_int": _over(jnp.prod),
    "std": Operation(lambda x, unbiased=True: _deviation(x, None, unbiased), whole),
    "std.correction": Operation(_deviation, _VARYING),
    "std.dim": Operation(_deviation, _VARYING),
    "sum": _over_all(jnp.sum),
    "sum.dim_IntList": _over(jnp.sum),
    "var": Operation(lambda x, unbiased=True: _variance(x, None, unbiased), whole),
    "var.correction": Operation(_variance, _VARYING),
    "var.dim": Operation(_variance, _VARYING),
    "var_mean.correction": Operation(_variance_and_mean, whole),
    "var_mean.dim": Operation(_variance_and_mean, whole),
}
