"""Attention: each position of an image reads all positions, weighted by query and key."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.keras.config.graph import Slot
from jaxviz.keras.layers.computation import ONES, ZEROS, Built
from jaxviz.keras.layers.settings import Settings
from jaxviz.layers.convolution import EXACT

__all__ = ["BUILDERS"]

_FAR = 1e9  # what Keras takes from the score of a place that must not be read, before the softmax


class Projection(nn.Module):
    """A product over the last axes: ``[*places, *inputs] -> [*places, *outputs]``."""

    inputs: int
    outputs: tuple[int, ...]
    use_bias: bool

    @nn.compact
    def __call__(self, x: Array) -> Array:
        kernel = self.param("kernel", ZEROS, (*x.shape[x.ndim - self.inputs :], *self.outputs))
        y = jnp.tensordot(x, kernel, self.inputs, precision=EXACT)
        return y + self.param("bias", ZEROS, self.outputs) if self.use_bias else y


@dataclasses.dataclass(frozen=True)
class Reach:
    """Which places each place may read: those before it, and those near it.

    Attributes:
      is_causal: True where none behind it.
      window: how far off, in places; None for any distance.
    """

    is_causal: bool
    window: int | None

    def weights(self, scores: Array) -> Array:
        """Returns the softmax of scores ``[…, places, places read]`` over those that may be read."""
        if not self.is_causal and self.window is None:
            return jax.nn.softmax(scores, axis=-1)
        row, column = (jax.lax.broadcasted_iota(jnp.int32, scores.shape[-2:], axis) for axis in (0, 1))
        allowed = jnp.full(scores.shape[-2:], True)
        if self.is_causal:
            allowed &= row >= column
        if self.window is not None:
            allowed &= jnp.abs(row - column) < self.window
        return jnp.where(allowed, jax.nn.softmax(jnp.where(allowed, scores, scores - _FAR), axis=-1), 0.0)


class MultiHeadAttention(nn.Module):
    """MultiHeadAttention and GroupedQueryAttention: several attentions side by side, each on a projection of its own.

    With fewer heads of keys and values than of queries, each of those serves several of these.
    """

    heads: int
    groups: int
    key_features: int
    value_features: int
    output_shape: tuple[int, ...]
    axes: tuple[int, ...]  # of the image, along which places read each other
    reach: Reach
    use_bias: bool
    use_gate: bool
    order: tuple[int, int, int]  # which of the inputs are query, value and key
    slices: ClassVar[None] = None
    keras_names: ClassVar[Mapping[str, str]] = {
        "query": "query_dense",
        "key": "key_dense",
        "gate": "gate_dense",
        "value": "value_dense",
        "attention_output": "output_dense",
    }

    @nn.compact
    def __call__(self, *inputs: Array) -> Array:
        query, value, key = (inputs[place] for place in self.order)

        def projected(x: Array, heads: int, features: int, name: str) -> Array:
            return Projection(1, (heads, features), self.use_bias, name=name)(x)

        queries = projected(query, self.heads, self.key_features, "query")
        keys = projected(key, self.groups, self.key_features, "key")
        gate = projected(query, self.heads, self.value_features, "gate") if self.use_gate else None
        values = projected(value, self.groups, self.value_features, "value")
        keys, values = (jnp.repeat(x, self.heads // self.groups, axis=-2) for x in (keys, values))
        scores = jnp.einsum("...td,...sd->...ts", self._rows(queries), self._rows(keys), precision=EXACT)
        weights = self.reach.weights(scores / math.sqrt(self.key_features))
        read = jnp.matmul(weights, self._rows(values), precision=EXACT)  # [*others, heads, places, features]
        read = self._places(read, queries.shape[:-2])
        read = read if gate is None else read * jax.nn.sigmoid(gate)
        return Projection(2, self.output_shape, self.use_bias, name="attention_output")(read)

    def _rows(self, x: Array) -> Array:
        """Brings ``[*image, heads, features]`` to ``[*others, heads, places, features]``."""
        others = [axis for axis in range(x.ndim - 2) if axis not in self.axes]
        x = jnp.transpose(x, (*others, x.ndim - 2, *self.axes, x.ndim - 1))
        return x.reshape(*x.shape[: len(others) + 1], -1, x.shape[-1])

    def _places(self, rows: Array, sides: tuple[int, ...]) -> Array:
        """Brings ``[*others, heads, places, features]`` back to ``[*image, heads, features]``."""
        others = [axis for axis in range(len(sides)) if axis not in self.axes]
        order = (*others, len(sides), *self.axes, len(sides) + 1)
        spread = rows.reshape(
            *(sides[axis] for axis in others), rows.shape[-3], *(sides[axis] for axis in self.axes), rows.shape[-1]
        )
        return jnp.transpose(spread, [order.index(axis) for axis in range(len(order))])


class Attention(nn.Module):
    """Attention and AdditiveAttention: queries, values and keys as they are.

    The score is the product of query and key, or a sum of ``tanh(query + key)``, each with a learned scale if any.
    """

    score: str  # dot, concat or additive
    use_scale: bool
    reach: Reach
    order: tuple[int, int, int]
    slices: ClassVar[None] = None

    @nn.compact
    def __call__(self, *inputs: Array) -> Array:
        query, value, key = (inputs[place] for place in self.order)
        shape = (query.shape[-1],) if self.score == "additive" else ()
        scale = self.param("scale", ONES, shape) if self.use_scale else jnp.ones(shape)
        if self.score == "dot":
            scores = jnp.matmul(query, jnp.swapaxes(key, -2, -1), precision=EXACT) * scale
        else:
            pairs = query[..., :, None, :] + key[..., None, :, :]
            if self.score == "concat":
                weight = self.param("concat_score_weight", ONES, ())
                scores = weight * jnp.sum(jnp.tanh(scale * pairs), axis=-1)
            else:
                scores = jnp.sum(scale * jnp.tanh(pairs), axis=-1)
        return jnp.matmul(self.reach.weights(scores), value, precision=EXACT)


def _reach(settings: Settings, rank: int) -> Reach:
    keywords = settings.call.keywords
    masks = ("attention_mask", "mask", "query_mask", "value_mask", "key_mask")
    if any(isinstance(keywords.get(name), Slot) for name in masks):
        raise settings.refuse("a mask among its arguments is not supported")
    is_causal = keywords.get("use_causal_mask") is True or settings.flag("causal", False)
    window = settings.count("sliding_window") if settings.has("sliding_window") else None
    if rank != 1 and (is_causal or window is not None):
        raise settings.refuse(f"places read each other along {rank} axes; a mask goes with one")
    return Reach(is_causal, window)


def _order(settings: Settings) -> tuple[int, int, int]:
    """Returns which of the activations that a call reads are query, value and key."""
    arguments = settings.call.arguments
    if len(arguments) == 1 and isinstance(arguments[0], tuple):
        [arguments] = arguments
    by_name = {**dict(zip(("query", "value", "key"), arguments, strict=False)), **settings.call.keywords}
    places = {name: slot.position for name, slot in by_name.items() if isinstance(slot, Slot)}
    if not {"query", "value"} <= places.keys():
        raise settings.refuse("it is called without a query and a value")
    order = (places["query"], places["value"], places.get("key", places["value"]))
    if set(order) != set(range(len(settings.signals))):
        raise settings.refuse(f"it is called with {len(settings.signals)} activations; query, value and key are known")
    return order


def _multi_head(settings: Settings) -> Built:
    order = _order(settings)
    query = settings.signals[order[0]]
    shape = settings.get("output_shape", query.shape[-1])
    shape = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    if not all(isinstance(side, int) and 0 < side < 1 << 20 for side in shape):
        raise settings.refuse(f"output_shape is {shape!r}")
    axes = settings.axes("attention_axes") if settings.has("attention_axes") else tuple(range(query.rank - 1))
    heads, features = settings.count("num_heads"), settings.count("key_dim")
    layer = MultiHeadAttention(
        heads=heads,
        groups=heads,
        key_features=features,
        value_features=settings.count("value_dim", features),
        output_shape=shape,
        axes=axes,
        reach=_reach(settings, len(axes)),
        use_bias=settings.flag("use_bias", True),
        use_gate=settings.flag("use_gate", False),
        order=order,
    )
    return layer, query.rank + len(shape) - 2


def _grouped_query(settings: Settings) -> Built:
    order = _order(settings)
    query = settings.signals[order[0]]
    heads, groups = settings.count("num_query_heads"), settings.count("num_key_value_heads")
    if query.rank != 2 or heads % groups:
        raise settings.refuse(f"{heads} heads of queries, {groups} of keys, for an activation of {query.shape}")
    features = settings.count("head_dim")
    layer = MultiHeadAttention(
        heads=heads,
        groups=groups,
        key_features=features,
        value_features=features,
        output_shape=(query.shape[-1],),
        axes=(0,),
        reach=_reach(settings, 1),
        use_bias=settings.flag("use_bias", True),
        use_gate=settings.flag("use_gate", False),
        order=order,
    )
    return layer, 1


def _attention(settings: Settings) -> Built:
    score = settings.choice("score_mode", ("dot", "concat"), "dot")
    return _plain(settings, score, settings.flag("use_scale", False))


def _additive_attention(settings: Settings) -> Built:
    return _plain(settings, "additive", settings.flag("use_scale", True))


def _plain(settings: Settings, score: str, use_scale: bool) -> Built:
    order = _order(settings)
    layer = Attention(score=score, use_scale=use_scale, reach=_reach(settings, 1), order=order)
    return layer, settings.signals[order[0]].rank - 1


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    "AdditiveAttention": _additive_attention,
    "Attention": _attention,
    "GroupedQueryAttention": _grouped_query,
    "MultiHeadAttention": _multi_head,
}
