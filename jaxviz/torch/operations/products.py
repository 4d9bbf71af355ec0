"""Products of tensors: matrices, sums over axes, attention."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.layers.convolution import EXACT
from jaxviz.torch.operations.computation import Number, Operation, whole
from jaxviz.torch.tensors import Tensor

__all__ = ["OPERATIONS"]


def _matmul(x: Tensor, y: Tensor) -> Tensor:
    a, b = x.plain(), y.plain()
    rank = max(a.ndim, b.ndim)
    if a.ndim > 1 and b.ndim > 1 and a.ndim != b.ndim:
        a, b = (array.reshape((1,) * (rank - array.ndim) + array.shape) for array in (a, b))
    return Tensor.of(jnp.matmul(a, b, precision=EXACT))


def _baddbmm(bias: Tensor, x: Tensor, y: Tensor, beta: Number = 1, alpha: Number = 1) -> Tensor:
    product = alpha * jnp.matmul(x.plain(), y.plain(), precision=EXACT)
    bias_array = bias.plain()
    return Tensor.of(beta * bias_array.reshape((1,) * (3 - bias.ndim) + bias_array.shape) + product)


def _einsum(equation: str, operands: Sequence[Tensor], *_) -> Tensor:
    return Tensor.of(jnp.einsum(equation.replace(" ", ""), *(x.plain() for x in operands), precision=EXACT))


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    dropout: Number = 0.0,
    is_causal: bool = False,
    scale: Number | None = None,
    shares_heads: bool = False,
) -> Tensor:
    """Attention: Vaswani et al., "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762."""
    del dropout
    q, k, v = query.plain(), key.plain(), value.plain()
    if shares_heads:
        k, v = (jnp.repeat(x, q.shape[-3] // x.shape[-3], axis=-3) for x in (k, v))
    # PyTorch scales both factors by the root, which rounds in another place than to scale the product.
    root = math.sqrt(1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    scores = jnp.matmul(q * root, jnp.swapaxes(k, -1, -2) * root, precision=EXACT)
    allowed: Array | None = None
    if is_causal:
        allowed = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    elif mask is not None:
        given = mask.plain().reshape((1,) * (scores.ndim - mask.ndim) + mask.shape)
        if given.dtype == jnp.bool_:
            allowed = given
        else:
            scores = scores + given
    if allowed is not None:
        scores = jnp.where(allowed.reshape((1,) * (scores.ndim - allowed.ndim) + allowed.shape), scores, -jnp.inf)
    # PyTorch gives zeros where nothing may be looked at.
    is_blind = jnp.max(scores, axis=-1, keepdims=True) == -jnp.inf
    weights = jnp.where(is_blind, 0.0, jax.nn.softmax(jnp.where(is_blind, 0.0, scores), axis=-1))
    return Tensor.of(jnp.matmul(weights, v, precision=EXACT))


def _bilinear(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    out = jnp.einsum("...i, oij, ...j -> ...o", x.plain(), weight.plain(), y.plain(), precision=EXACT)
    return Tensor.of(out if bias is None else out + bias.plain().reshape((1,) * (out.ndim - 1) + (-1,)))


def _outer(x: Tensor, y: Tensor) -> Tensor:
    return Tensor.of(x.plain()[:, None] * y.plain()[None, :])


_PRODUCT = Operation(_matmul, whole)

OPERATIONS: dict[str, Operation] = {
    **dict.fromkeys(("bmm", "dot", "matmul", "mm", "mv", "vdot"), _PRODUCT),
    "baddbmm": Operation(_baddbmm, whole),
    "bilinear": Operation(_bilinear, whole),
    "einsum": Operation(_einsum, whole),
    "outer": Operation(_outer, whole),
    "scaled_dot_product_attention": Operation(_attention, whole),
}
