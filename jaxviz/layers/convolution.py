"""Convolution: (image, kernel) -> image, in the form that is fast on the backend.

On a GPU or TPU this is XLA's own convolution. On a CPU, XLA's convolution inside a scan reaches a tenth of the
machine's speed, and the forms in ``lowerings`` are much faster (docs/performance.md has the figures).
"""

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from jaxviz.layers import lowerings
from jaxviz.layers.platforms import by_platform

__all__ = ["EXACT", "Padding", "conv_general_dilated", "convolve", "output_padding"]

Padding = tuple[tuple[int, int], ...]

EXACT: None = None
"""Products as exact as `Model.ask` asks for: in full float32, unless the precision ``"tensorfloat32"`` was chosen."""

_FEWER = 4  # times fewer features than channels: then taps are multiplied before they are shifted
# Channels and features, and pixels of a row, from which on Winograd's form pays. It would pay in smaller ones as well,
# but rounds each of four neighbours in its own way: on an image of zeros, from which the seed's digits start, all
# windows of a pooling tie, and its gradient must go to the first pixel, not to the one that rounding favours.
_MANY, _WIDE = 64, 12
_MOST_PATCHES = 1 << 28  # bytes of one image's patches, beyond which none are stored


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
    kernel: Float[Array, "*taps group_channels features"],
    *,
    strides: Sequence[int] | None = None,
    padding: Padding | None = None,
    dilation: Sequence[int] | None = None,
    groups: int = 1,
) -> Float[Array, "*out_sides features"]:
    """Cross-correlates one image with a kernel, as neural networks do, with any number of spatial axes.

    ``out[y, x, f] = sum over i, j, c of image[y s + i d, x s + j d, c] kernel[i, j, c, f]``, with s the stride and d
    the dilation.

    Args:
      image: one image, channels last.
      kernel: a tap for each place of the window, input channels of a group, output channels.
      strides: steps of the window, in pixels; 1 when left out.
      padding: zeros before and after each side, in pixels; none when left out.
      dilation: distance between the kernel's taps, in pixels; 1 when left out.
      groups: the channels are split into this many groups, each with its own part of the kernel's features.
    """
    rank = image.ndim - 1
    strides, dilation = tuple(strides or (1,) * rank), tuple(dilation or (1,) * rank)
    padding = padding or ((0, 0),) * rank
    on_cpu = partial(_on_cpu, strides=strides, padding=padding, dilation=dilation, groups=groups)
    by_xla = partial(_by_xla, strides=strides, padding=padding, dilation=dilation, groups=groups)
    return by_platform(image, kernel, cpu=on_cpu, default=by_xla)


def _on_cpu(
    image: Array,
    kernel: Array,
    *,
    strides: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    groups: int,
) -> Array:
    if any(map(any, padding)):
        image = lax.pad(image, jnp.zeros((), image.dtype), [(*side, 0) for side in (*padding, (0, 0))])
    *taps, channels, features = kernel.shape
    sides = lowerings.output_sides(image, taps, strides, dilation)
    if 0 in sides:  # the window is larger than the image
        return jnp.zeros((*sides, features), image.dtype)
    if groups == 1 and features * _FEWER <= channels:
        return lowerings.taps_first(image, kernel, strides, dilation)
    if groups > 1 and channels == 1:
        return lowerings.depthwise(image, kernel, strides, dilation)
    # What made the image is computed once, not again in each of the slices that follow.
    image = lax.optimization_barrier(image)
    if groups > 1:
        return lowerings.grouped(image, kernel, strides, dilation, groups)
    plain = set(strides) == set(dilation) == {1} and taps[-1] == 3 and image.dtype == jnp.float32
    if plain and min(channels, features) >= _MANY and sides[-1] >= _WIDE:
        return lowerings.winograd(image, kernel)
    if math.prod(taps) * channels * math.prod(sides) * image.dtype.itemsize > _MOST_PATCHES:
        return lowerings.shifted(image, kernel, strides, dilation)
    return lowerings.patches(image, kernel, strides, dilation)


def _by_xla(
    image: Array,
    kernel: Array,
    *,
    strides: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    groups: int,
) -> Array:
    rank = len(strides)
    batched, last = (0, rank + 1, *range(1, rank + 1)), (rank + 1, rank, *range(rank))
    return lax.conv_general_dilated(
        image[None],
        kernel,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=lax.ConvDimensionNumbers(batched, last, batched),
        feature_group_count=groups,
        precision=EXACT,
    )[0]


def conv_general_dilated(
    lhs: Float[Array, "..."],
    rhs: Float[Array, "..."],
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: lax.ConvGeneralDilatedDimensionNumbers = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: lax.PrecisionLike = None,
    preferred_element_type: DTypeLike | None = None,
    out_sharding: NamedSharding | PartitionSpec | None = None,
) -> Float[Array, "..."]:
    """Convolves a batch like ``jax.lax.conv_general_dilated``, with the same arguments and numbers, fast on a CPU.

    For a Flax module; its other convolutions are not changed:

    >>> import flax.linen as nn
    >>> layer = nn.Conv(32, (3, 3), conv_general_dilated=conv_general_dilated)

    On other devices, and if the output has another type or a sharding, it calls ``lax``. The device is the one that the
    program is compiled for.

    Args:
      lhs: the images, ``[batch, height, width, channels]`` or as ``dimension_numbers`` say.
      rhs: the kernel, likewise.
      window_strides: steps of the window, in pixels.
      padding: zeros before and after each side, or ``"SAME"``, ``"VALID"`` or ``"SAME_LOWER"``.
      lhs_dilation: distance between the image's pixels, as in a transposed convolution.
      rhs_dilation: distance between the kernel's taps, in pixels.
      dimension_numbers: the layouts; those of ``lax`` (batch, channels, sides) when left out.
      feature_group_count: groups of channels.
      batch_group_count: groups of the batch.
      precision: the precision of the products; only ``lax`` reads it, because a CPU computes in full precision.
      preferred_element_type: the type of the sums; only ``lax`` reads it.
      out_sharding: the sharding of the output; only ``lax`` reads it.
    """
    sharded = {} if out_sharding is None else {"out_sharding": out_sharding}

    def by_lax(lhs: Array, rhs: Array) -> Array:
        return lax.conv_general_dilated(
            lhs,
            rhs,
            window_strides,
            padding,
            lhs_dilation,
            rhs_dilation,
            dimension_numbers,
            feature_group_count,
            batch_group_count,
            precision,
            preferred_element_type,
            **sharded,
        )

    if batch_group_count != 1 or preferred_element_type not in (None, lhs.dtype) or out_sharding is not None:
        return by_lax(lhs, rhs)
    on_cpu = partial(
        _batch_on_cpu,
        strides=tuple(window_strides),
        padding=padding,
        apart=lhs_dilation,
        spread=rhs_dilation,
        layout=lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers),
        groups=feature_group_count,
    )
    return by_platform(lhs, rhs, cpu=on_cpu, default=by_lax)


def _batch_on_cpu(
    lhs: Array,
    rhs: Array,
    *,
    strides: tuple[int, ...],
    padding: str | Sequence[tuple[int, int]],
    apart: Sequence[int] | None,
    spread: Sequence[int] | None,
    layout: lax.ConvDimensionNumbers,
    groups: int,
) -> Array:
    batch, channels, *sides = layout.lhs_spec
    images = lhs.transpose(batch, *sides, channels)
    features, inputs, *taps = layout.rhs_spec
    kernel = rhs.transpose(*taps, inputs, features)
    ones = (1,) * len(sides)
    spread, apart = tuple(spread or ones), tuple(apart or ones)
    lengths = [(side - 1) * gap + 1 for side, gap in zip(images.shape[1:-1], apart, strict=True)]
    if isinstance(padding, str):
        extents = [(count - 1) * gap + 1 for count, gap in zip(kernel.shape[:-2], spread, strict=True)]
        padding = lax.padtype_to_pads(lengths, extents, strides, padding)
    margins = [(*side, gap - 1) for side, gap in zip(padding, apart, strict=True)]
    images = lax.pad(images, jnp.zeros((), images.dtype), [(0, 0, 0), *margins, (0, 0, 0)])
    none = ((0, 0),) * len(sides)
    one = partial(_on_cpu, strides=strides, padding=none, dilation=spread, groups=groups)
    batch, channels, *sides = layout.out_spec
    return jax.vmap(lambda image: one(image, kernel))(images).transpose(_inverse((batch, *sides, channels)))


def _inverse(order: Sequence[int]) -> list[int]:
    return sorted(range(len(order)), key=order.__getitem__)
