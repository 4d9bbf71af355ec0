"""Products with weights: Dense, EinsumDense, Embedding."""

import math
import string
from collections.abc import Callable
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.keras.layers.computation import ZEROS, Built, Slices, pick
from jaxviz.keras.layers.settings import Settings
from jaxviz.layers.convolution import EXACT

__all__ = ["BUILDERS", "LOOKUPS", "Dense", "EinsumDense"]


class Dense(nn.Module):
    """Dense, on the last axis. Its kernel is ``[inputs, units]``."""

    features: int
    use_bias: bool
    slices: ClassVar[Slices] = "output"

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        kernel = pick(self.param("kernel", ZEROS, (x.shape[-1], self.features)), index)
        y = jnp.matmul(x, kernel, precision=EXACT)
        if self.use_bias:
            y = y + pick(self.param("bias", ZEROS, (self.features,)), index)
        return y


class EinsumDense(nn.Module):
    """EinsumDense: a product of the image, batch of one, and a kernel, whose axes an equation pairs by letters."""

    image: str
    weights: str
    result: str
    kernel_shape: tuple[int, ...]
    bias_shape: tuple[int, ...] | None

    @property
    def slices(self) -> Slices | None:
        """One unit of the last axis needs one slice of the kernel, if only the kernel has that axis."""
        return "output" if self.result[-1] in self.weights and self.result[-1] not in self.image else None

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        kernel = self.param("kernel", ZEROS, self.kernel_shape)
        if index is not None:
            kernel = pick(kernel, index, self.weights.index(self.result[-1]))
        y = jnp.einsum(f"{self.image},{self.weights}->{self.result}", x[None], kernel, precision=EXACT)[0]
        if self.bias_shape is not None:
            bias = self.param("bias", ZEROS, self.bias_shape)
            y = y + (bias if self.bias_shape[-1] == 1 else pick(bias, index))
        return y


class Embedding(nn.Module):
    """Embedding: a row of a table for each number of the input."""

    entries: int
    features: int
    slices: ClassVar[Slices] = "output"

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        table = pick(self.param("embeddings", ZEROS, (self.entries, self.features)), index)
        return jnp.take(table, x.astype(jnp.int32), axis=0, mode="clip")


def _dense(settings: Settings) -> Built:
    layer = Dense(features=settings.count("units"), use_bias=settings.flag("use_bias", True))
    return layer, settings.signal.rank - 1


def _einsum_dense(settings: Settings) -> Built:
    equation, rank = str(settings.get("equation")).replace(" ", ""), settings.signal.rank + 1
    try:
        image, weights, result = equation.replace("->", ",").split(",")
    except ValueError:
        raise settings.refuse(f"equation is {equation!r}, not 'image,kernel->result'") from None
    elided = rank - len(image.replace("...", ""))
    free = "".join(letter for letter in string.ascii_letters if letter not in equation)[: max(elided, 0)]
    on_the_right = image.endswith("...") and elided > 0
    image, result = image.replace("...", free), result.replace("...", free)
    if not all(part.isalpha() for part in (image, weights, result)) or len(image) != rank:
        raise settings.refuse(f"equation {equation!r} does not fit an image of {settings.signal.shape}")
    given = settings.get("output_shape")
    sides = list(given) if isinstance(given, list | tuple) else [given]
    if free:  # the elided axes, of which the batch is one on the left, are as long as the image's
        sides = sides + [None] * elided if on_the_right else [None] * (elided - 1) + sides
    known = dict(zip(image[1:], settings.signal.shape, strict=True))
    lengths = {letter: side for letter, side in zip(result[1:], sides, strict=False) if isinstance(side, int)}
    known = {**lengths, **known}
    lacking = [letter for letter in (*weights, *result[1:]) if letter not in known]
    if lacking:
        raise settings.refuse(f"output_shape {given!r} does not say the length of {lacking[0]!r} in {equation!r}")
    kernel_shape = tuple(known[letter] for letter in weights)
    if math.prod(kernel_shape) > 1 << 31:
        raise settings.refuse(f"a kernel of {kernel_shape}")
    bias_shape = None
    if axes := str(settings.get("bias_axes", "")):
        if not set(axes) <= set(result[1:]):
            raise settings.refuse(f"bias_axes {axes!r} are none of {result!r}")
        first = min(result.index(letter) for letter in axes)
        bias_shape = tuple(known[letter] if letter in axes else 1 for letter in result[first:])
    layer = EinsumDense(image=image, weights=weights, result=result, kernel_shape=kernel_shape, bias_shape=bias_shape)
    return layer, len(result) - 2


def _embedding(settings: Settings) -> Built:
    if settings.flag("mask_zero", False):
        raise settings.refuse("mask_zero is not supported")
    layer = Embedding(entries=settings.count("input_dim"), features=settings.count("output_dim"))
    return layer, settings.signal.rank


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
}
"""They end in an activation function of their own."""

LOOKUPS: dict[str, Callable[[Settings], Built]] = {"Embedding": _embedding}
