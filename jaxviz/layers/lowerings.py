"""Lowerings: (padded image, kernel) -> image, forms of one convolution that are fast on a CPU.

Inside a scan, XLA's own convolution reaches a tenth of a CPU's speed. Each form here consists of products of large
matrices or of one fused loop, and so does its gradient. Measurements decide which form serves which shape:
docs/performance.md.
"""

import functools
import itertools
import math
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jax.experimental.xla_metadata import set_xla_metadata
from jaxtyping import Array

__all__ = ["depthwise", "grouped", "output_sides", "patches", "shifted", "taps_first", "window", "winograd"]

_FEW = 8  # channels, below which a slice is copied number by number rather than in runs

# Winograd's F(4, 3): four neighbouring pixels of a convolution with three taps from six products in place of twelve.
# Winograd, "Arithmetic Complexity of Computations", 1980; by the points 0, 1, -1, 1/2, -2 and infinity, which round
# less than the usual ones: Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep
# Neural Networks", 2020, https://arxiv.org/abs/1803.10986
_TILE, _TAPS = 4, 3
_OF_IMAGE = np.array(
    [
        [1, -1.5, -2, 1.5, 1, 0],
        [0, -2, 1, 5, 2, 0],
        [0, -2, 5, -1, -2, 0],
        [0, 2, 1, -2, -1, 0],
        [0, 1, -2, -1, 2, 0],
        [0, 1, -1.5, -2, 1.5, 1],
    ]
)
_OF_KERNEL = np.array([[30, 0, 0], [5, 5, 5], [5, -5, 5], [32, 16, 8], [1, -2, 4], [0, 0, 30]]) / 30
_OF_PRODUCTS = np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 0.5, -2, 0], [0, 1, 1, 0.25, 4, 0], [0, 1, -1, 0.125, -8, 1]])


def patches(image: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int]) -> Array:
    """One product of all patches with the whole kernel: memory for a patch a pixel, the longest sums."""
    return _patches(image, kernel.shape[:-2], strides, dilation) @ kernel.reshape(-1, kernel.shape[-1])


def shifted(image: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int]) -> Array:
    """A product for each tap, then their sum: no patch is stored."""
    views = _views(image, kernel.shape[:-2], strides, dilation)
    return functools.reduce(jnp.add, (view @ kernel[tap] for tap, view in views))


def taps_first(image: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int]) -> Array:
    """One product of all pixels with every tap, then the taps are shifted and added: best where features are few."""
    *window_sides, channels, features = kernel.shape
    products = image @ jnp.moveaxis(kernel, -2, 0).reshape(channels, -1)
    products = products.reshape(*image.shape[:-1], -1, features)
    sides = output_sides(image, kernel.shape[:-2], strides, dilation)
    shifts = (
        window(products[..., place, :], _start(tap, dilation), sides, strides)
        for place, tap in enumerate(_taps(window_sides))
    )
    return functools.reduce(jnp.add, shifts)


def winograd(image: Array, kernel: Array) -> Array:
    """Half the multiplications along the last side, of three taps and unit strides; it rounds some more than others.

    Four pixels side by side become one, of six images; each is convolved along the other sides, tap by tap.
    """
    *leading, across, channels, features = kernel.shape
    assert across == _TAPS, "F(4, 3) has three taps"
    unit = [1] * (len(leading) + 1)
    *others, width = output_sides(image, kernel.shape[:-2], unit, unit)
    tiles = math.ceil(width / _TILE)
    # As many tiles, and one more for the pixels that the last of them sees beyond itself.
    room = [(0, 0)] * len(leading) + [(0, (tiles + 1) * _TILE - image.shape[-2]), (0, 0)]
    image = lax.optimization_barrier(jnp.pad(image, room))
    image = image.reshape(*image.shape[:-2], tiles + 1, _TILE, channels)
    columns = [image[..., i // _TILE : i // _TILE + tiles, i % _TILE, :] for i in range(len(_OF_IMAGE))]
    kernels = jnp.einsum("pt,...tcf->p...cf", jnp.asarray(_OF_KERNEL, kernel.dtype), kernel, precision="highest")
    products = [
        shifted(view, taps.reshape(*leading, 1, channels, features), unit, unit)
        for view, taps in zip(_combinations(_OF_IMAGE, columns), kernels, strict=True)
    ]
    pixels = jnp.stack(_combinations(_OF_PRODUCTS, products), axis=-2)  # [*others, tiles, 4, features]
    return pixels.reshape(*others, tiles * _TILE, features)[..., :width, :]


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def depthwise(image: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int]) -> Array:
    """Each channel with its own taps: no product of matrices, but sums of shifted images in one fused loop.

    So is its gradient, a convolution with the mirrored kernel. The gradient that JAX derives pads an image for each
    tap; XLA then repeats for each of them whatever leads to it, which took most of the compiling of such networks. The
    derivative by the kernel, which an ascent does not ask for, is traced only where it is asked for.
    """
    return _depthwise(image, kernel, strides, dilation)


def _depthwise(image: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int]) -> Array:
    channels, features = image.shape[-1], kernel.shape[-1]
    kernel = kernel.reshape(*kernel.shape[:-2], channels, features // channels)
    views = _views(image, kernel.shape[:-2], strides, dilation)
    total = functools.reduce(jnp.add, (view[..., None] * kernel[tap] for tap, view in views))
    return total.reshape(*total.shape[:-2], features)


def _once(image: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int]) -> Array:
    """Computes all sums in a call of its own.

    XLA repeats what it inlines in each operation that reads it: an activation function, its derivative, the search for
    dead relus.
    """
    with set_xla_metadata(inlineable="false"):
        return _APART(image, kernel, tuple(strides), tuple(dilation))


# A checkpoint, since JAX would otherwise split the transpose of the call in two, with an operand for each tap.
_APART = jax.jit(
    jax.checkpoint(_depthwise, prevent_cse=False, static_argnums=(2, 3)),
    static_argnums=(2, 3),
)


def _depthwise_jvp(
    strides: Sequence[int],
    dilation: Sequence[int],
    primals: tuple[Array, Array],
    tangents: tuple[Array | SymbolicZero, Array | SymbolicZero],
) -> tuple[Array, Array]:
    (image, kernel), (of_image, of_kernel) = primals, tangents
    out = _once(image, kernel, strides, dilation)
    total = jnp.zeros_like(out)
    if not isinstance(of_image, SymbolicZero):
        # The transpose of the gradient, which JAX transposes back into it.
        gradient = functools.partial(_mirrored, kernel=kernel, shape=image.shape, strides=strides, dilation=dilation)
        (total,) = jax.linear_transpose(gradient, out)(of_image)
    if not isinstance(of_kernel, SymbolicZero):
        total = total + _depthwise(image, of_kernel, strides, dilation)
    return out, total


depthwise.defjvp(_depthwise_jvp, symbolic_zeros=True)


def _mirrored(
    gradient: Array, *, kernel: Array, shape: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Array:
    """Returns the gradient of the image, of a shape, from that of the output."""
    taps = kernel.shape[:-2]
    # As far apart as the windows stood, with room at both ends, so that each pixel meets every window that saw it.
    room = [
        ((count - 1) * spread, side - (places - 1) * stride - 1, stride - 1)
        for side, places, count, stride, spread in zip(
            shape[:-1], gradient.shape[:-1], taps, strides, dilation, strict=True
        )
    ]
    apart = lax.pad(gradient, jnp.zeros((), gradient.dtype), [*room, (0, 0, 0)])
    unit = [1] * len(taps)
    each = _once(apart, jnp.flip(kernel, range(len(taps))), unit, dilation)  # a channel for each feature
    return each.reshape(*shape, -1).sum(-1)


def grouped(image: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int], groups: int) -> Array:
    """One product of patches for each group of channels."""
    *window_sides, channels, features = kernel.shape
    image = image.reshape(*image.shape[:-1], groups, channels)
    # The groups are one more side of the image, along which nothing is convolved.
    parts = _patches(image, (*window_sides, 1), (*strides, 1), (*dilation, 1))  # [*sides, groups, taps * channels]
    out = jnp.einsum("...gk,kgf->...gf", parts, kernel.reshape(-1, groups, features // groups))
    return out.reshape(*out.shape[:-2], features)


def output_sides(image: Array, taps: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """Returns how often a window of so many taps fits along each side of a padded image; 0 where it does not."""
    return [
        max((side - (count - 1) * spread - 1) // stride + 1, 0)
        for side, count, spread, stride in zip(image.shape[:-1], taps, dilation, strides, strict=True)
    ]


def window(image: Array, start: Sequence[int], sides: Sequence[int], strides: Sequence[int]) -> Array:
    """Takes every ``strides``-th pixel from ``start`` on: ``[*sides, channels]``."""
    ends = [first + (side - 1) * step + 1 for first, side, step in zip(start, sides, strides, strict=True)]
    return lax.slice(image, (*start, 0), (*ends, image.shape[-1]), (*strides, 1))


def _taps(sides: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Returns the places of a window in reading order."""
    return itertools.product(*map(range, sides))


def _start(tap: Sequence[int], dilation: Sequence[int]) -> list[int]:
    return [place * spread for place, spread in zip(tap, dilation, strict=True)]


def _views(
    image: Array, taps: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Yields each tap with the pixels that it meets: ``[*output_sides, channels]``."""
    sides = output_sides(image, taps, strides, dilation)
    return ((tap, window(image, _start(tap, dilation), sides, strides)) for tap in _taps(taps))


def _patches(image: Array, taps: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> Array:
    """Returns ``[*output_sides, taps * channels]``, in the order of a kernel laid flat."""
    if image.shape[-1] >= _FEW:
        return jnp.concatenate([view for _, view in _views(image, taps, strides, dilation)], axis=-1)
    # Side by side first, then one above the other: slices of a few numbers are slow, and these are fewer.
    for axis in reversed(range(len(taps))):
        one = [count if place == axis else 1 for place, count in enumerate(taps)]
        step = [stride if place == axis else 1 for place, stride in enumerate(strides)]
        image = jnp.concatenate([view for _, view in _views(image, one, step, dilation)], axis=-1)
    return image


def _combinations(rows: np.ndarray, parts: Sequence[Array]) -> list[Array]:
    """Returns the sums of parts that each row of factors asks for, leaving out those with factor 0."""
    weighted = ([part * np.float32(factor) for factor, part in zip(row, parts, strict=True) if factor] for row in rows)
    return [functools.reduce(jnp.add, terms) for terms in weighted]
