"""Sizes: padding pictures, and resizing them by weights of their pixels."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxviz.layers.resampling import weigh
from jaxviz.torch.operations.computation import Call, Number, Operation, along
from jaxviz.torch.tensors import Tensor, with_channels_last

__all__ = ["OPERATIONS"]

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
Matrix = Float[np.ndarray, "view side"]
Weights = Callable[[int, int, float, bool], Matrix]


def _pad(x: Tensor, margins: Sequence[int], mode: str = "constant", value: Number | None = None) -> Tensor:
    pairs = [*zip(margins[::2], margins[1::2], strict=True)]
    by_axis = {x.ndim - 1 - place: pair for place, pair in enumerate(pairs)}
    widths = [by_axis.get(axis, (0, 0)) for axis in x.order]
    array = x.array
    if any(side < 0 for pair in widths for side in pair):  # PyTorch cuts where a margin is negative
        cuts = [slice(max(-a, 0), side - max(-b, 0)) for side, (a, b) in zip(array.shape, widths, strict=True)]
        array, widths = array[tuple(cuts)], [(max(a, 0), max(b, 0)) for a, b in widths]
    if mode == "constant":
        return x.like(jnp.pad(array, widths, constant_values=value or 0))
    return x.like(jnp.pad(array, widths, mode=_MODES[mode]))


def _padded(mode: str) -> Callable[..., Tensor]:
    return lambda x, margins: _pad(x, margins, mode)


def _constant_pad(x: Tensor, margins: Sequence[int], value: Number = 0) -> Tensor:
    return _pad(x, margins, "constant", value)


def _padding(call: Call) -> Sequence[int]:
    rank = len(call.shape)
    margins = call.arguments[1]
    return [rank - 1 - place for place in range(len(margins) // 2) if margins[2 * place] or margins[2 * place + 1]]


def _nearest(side: int, view: int, ratio: Number, exact: bool) -> Matrix:
    places = np.arange(view, dtype=np.float32)
    at = np.floor((places + np.float32(0.5 if exact else 0)) * np.float32(ratio)).astype(int)
    return np.eye(side, dtype=np.float32)[np.minimum(at, side - 1)]


def _positions(side: int, view: int, ratio: Number, corners: bool) -> np.ndarray:
    if corners:
        return np.arange(view) * ((side - 1) / (view - 1) if view > 1 else 0.0)
    return (np.arange(view) + 0.5) * ratio - 0.5


def _linear(side: int, view: int, ratio: Number, corners: bool) -> Matrix:
    at = np.clip(_positions(side, view, ratio, corners), 0, side - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(side)[None])).astype(np.float32)


def _cubic_weight(distance: np.ndarray, a: Number) -> np.ndarray:
    """Returns the weights of a cubic convolution: Keys, 1981, https://doi.org/10.1109/TASSP.1981.1163711."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d**2 + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _cubic(side: int, view: int, ratio: Number, corners: bool) -> Matrix:
    at = _positions(side, view, ratio, corners)
    matrix = np.zeros((view, side))
    for tap in range(-1, 3):
        pixel = np.floor(at).astype(int) + tap
        np.add.at(matrix, (np.arange(view), np.clip(pixel, 0, side - 1)), _cubic_weight(at - pixel, -0.75))
    return matrix.astype(np.float32)


def _smoothed(weight: Callable[[np.ndarray], np.ndarray], reach: Number) -> Weights:
    """Makes of a weight of distances a resizing that smooths over as many pixels as go."""

    def matrix(side: int, view: int, ratio: Number, corners: bool) -> Matrix:
        ratio = (side - 1) / (view - 1) if corners and view > 1 else ratio
        stretch = max(ratio, 1.0)
        centres = (np.arange(view) + 0.5) * ratio
        rows = np.zeros((view, side))
        for row, centre in enumerate(centres):
            first = max(int(centre - reach * stretch + 0.5), 0)
            last = min(int(centre + reach * stretch + 0.5), side)
            pixels = np.arange(first, last)
            rows[row, first:last] = weight((pixels - centre + 0.5) / stretch)
        return (rows / rows.sum(1, keepdims=True)).astype(np.float32)

    return matrix


def _resized(x: Tensor, sizes: Sequence[int], ratios: Sequence[float | None], weights: Weights, flag: bool) -> Tensor:
    order = with_channels_last(x.ndim)
    pictures = x.ordered(order)
    sides = pictures.shape[1:-1]
    matrices = [
        jnp.asarray(weights(side, view, 1 / ratio if ratio else side / view, flag), pictures.dtype)
        for side, view, ratio in zip(sides, sizes, ratios, strict=True)
    ]
    return Tensor(jnp.stack([weigh(picture, matrices) for picture in pictures]), order)


def _by_size(weights: Weights, rank: int, *, has_flag: bool, exact: bool = False) -> dict[str, Callable[..., Tensor]]:
    """Returns the two ways in which a resizing is called: with sizes or factors in one argument, or both one by one."""

    def vector(x: Tensor, sizes, *others) -> Tensor:
        flag, factors = others if has_flag else (exact, *others)
        sides = x.shape[2:]
        if sizes is None:
            sizes = [int(np.floor(side * factor)) for side, factor in zip(sides, factors, strict=True)]
        return _resized(x, sizes, factors or [None] * rank, weights, flag)

    def scalar(x: Tensor, sizes, *others) -> Tensor:
        flag, *factors = others if has_flag else (exact, *others)
        factors = [*factors, *[None] * (rank - len(factors))]
        return _resized(x, sizes, factors[:rank], weights, flag)

    return {".vec": vector, "": scalar}


def _sides(call: Call) -> Sequence[int]:
    return range(2, len(call.shape))


_TRIANGLE = _smoothed(lambda distance: np.maximum(0, 1 - np.abs(distance)), 1.0)
_KEYS = _smoothed(lambda distance: _cubic_weight(distance, -0.5), 2.0)

_CALLED = {
    **{
        name: _by_size(_nearest, rank, has_flag=False, exact=exact)
        for rank in (1, 2, 3)
        for name, exact in ((f"upsample_nearest{rank}d", False), (f"_upsample_nearest_exact{rank}d", True))
    },
    "_upsample_bicubic2d_aa": _by_size(_KEYS, 2, has_flag=True),
    "_upsample_bilinear2d_aa": _by_size(_TRIANGLE, 2, has_flag=True),
    "upsample_bicubic2d": _by_size(_cubic, 2, has_flag=True),
    "upsample_bilinear2d": _by_size(_linear, 2, has_flag=True),
    "upsample_linear1d": _by_size(_linear, 1, has_flag=True),
    "upsample_trilinear3d": _by_size(_linear, 3, has_flag=True),
}

OPERATIONS: dict[str, Operation] = {
    **{
        name + overload: Operation(compute, along(_sides))
        for name, ways in _CALLED.items()
        for overload, compute in ways.items()
    },
    **{
        f"{word}_pad{rank}d": Operation(_padded(mode), along(_padding))
        for rank in (1, 2, 3)
        for word, mode in (("reflection", "reflect"), ("replication", "replicate"))
    },
    "constant_pad_nd": Operation(_constant_pad, along(_padding)),
    "pad": Operation(_pad, along(_padding)),
}
