"""Convolution: (image, kernel) -> image, lowered for the backend at hand.

XLA's own convolution is the right one on a GPU or TPU. On a CPU, inside a scan, it runs at a tenth of what the machine
can do, and a matrix product of the image's patches at most of it (docs/performance.md has the figures).
"""

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

__all__ = ["EXACT", "convolve", "output_padding", "window"]

Padding = tuple[tuple[int, int], ...]

EXACT = lax.Precision.HIGHEST
"""Products in full float32: recent GPUs and TPUs round the factors to 10 or 7 bits by default, too few for 1e-5."""

_FEW = 8  # channels, below which a slice is copied number by number rather than in runs


def output_padding(padding: str, sides: Sequence[int], window: Sequence[int], strides: Sequence[int]) -> Padding:
    """Returns the zeros ``((before, after), …)`` that a padding's name stands for, as TensorFlow counts them.

    Args:
      padding: ``"valid"`` or ``"same"``; with ``same`` an odd zero goes after.
      sides: lengths of the image, in pixels.
      window: lengths of the window, dilation included, in pixels.
      strides: steps of the window, in pixels.
    """
    if padding == "valid":
        return tuple((0, 0) for _ in sides)
    totals = [
        max((math.ceil(side / stride) - 1) * stride + extent - side, 0)
        for side, extent, stride in zip(sides, window, strides, strict=True)
    ]
    return tuple((total // 2, total - total // 2) for total in totals)


def convolve(
    image: Float[Array, "*sides channels"],
    kernel: Float[Array, "*kernel_sides group_channels features"],
    *,
    strides: tuple[int, ...] = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
    dilation: tuple[int, ...] = (1, 1),
    groups: int = 1,
) -> Float[Array, "*out_sides features"]:
    """Cross-correlates one image with a kernel, as neural networks convolve.

    ``out[y, x, f] = sum over i, j, c of image[y s + i d, x s + j d, c] kernel[i, j, c, f]``, with s the stride and d
    the dilation.

    Args:
      image: one image, channels last.
      kernel: height, width, input channels of a group, output channels.
      strides: steps of the window, in pixels.
      padding: zeros before and after each side, in pixels.
      dilation: distance between the kernel's taps, in pixels.
      groups: the channels are split into this many groups, each with its own part of the kernel's features.
    """
    rank = image.ndim - 1
    if jax.default_backend() == "cpu" and groups == 1 and rank == 2:
        padded = jnp.pad(image, (*padding, (0, 0))) if any(map(any, padding)) else image
        taps_first = kernel.shape[-1] * 4 <= kernel.shape[-2]
        return (_convolve_taps if taps_first else _convolve_patches)(padded, kernel, strides, dilation)
    return lax.conv_general_dilated(
        image[None],
        kernel,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=(f"N{'XYZ'[:rank]}C", f"{'XYZ'[:rank]}IO", f"N{'XYZ'[:rank]}C"),
        feature_group_count=groups,
        precision=EXACT,
    )[0]


def _convolve_patches(image: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int]) -> Array:
    """One product of all patches with the whole kernel: memory for a patch a pixel, the longest sums."""
    rows, columns, channels, features = kernel.shape
    height, sides = image.shape[0], _output_sides(image, kernel, strides, dilation)
    # What made the image is computed once, not again in each of the slices below.
    image = lax.optimization_barrier(image)
    across = [window(image, (0, j * dilation[1]), (height, sides[1]), (1, strides[1])) for j in range(columns)]
    if channels < _FEW:
        # Side by side first, then one above the other: slices of a few numbers are slow, and these are fewer.
        across = [jnp.concatenate(across, axis=-1)]
    patches = jnp.concatenate(
        [window(slab, (i * dilation[0], 0), sides, (strides[0], 1)) for i in range(rows) for slab in across], axis=-1
    )  # [out_height, out_width, rows * columns * channels]
    return patches @ kernel.reshape(rows * columns * channels, features)


def _convolve_taps(image: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int]) -> Array:
    """One product of all pixels with every tap, then the taps are shifted and added: best where features are few."""
    rows, columns, channels, features = kernel.shape
    sides = _output_sides(image, kernel, strides, dilation)
    products = image @ jnp.moveaxis(kernel, 2, 0).reshape(channels, rows * columns * features)
    products = products.reshape(*image.shape[:2], rows, columns, features)
    shifted = [
        window(products[:, :, i, j], (i * dilation[0], j * dilation[1]), sides, strides)
        for i in range(rows)
        for j in range(columns)
    ]
    return functools.reduce(jnp.add, shifted)


def _output_sides(image: Array, kernel: Array, strides: Sequence[int], dilation: Sequence[int]) -> list[int]:
    return [
        (side - (taps - 1) * spread - 1) // stride + 1
        for side, taps, spread, stride in zip(image.shape[:2], kernel.shape[:2], dilation, strides, strict=True)
    ]


def window(image: Array, start: Sequence[int], sides: Sequence[int], strides: Sequence[int]) -> Array:
    """Takes every ``strides``-th pixel from ``start`` on: ``[*sides, channels]``."""
    ends = [first + (side - 1) * stride + 1 for first, side, stride in zip(start, sides, strides, strict=True)]
    return lax.slice(image, (*start, 0), (*ends, image.shape[-1]), (*strides, 1))
