"""Objectives: one image's activations -> a scalar to be maximised.

An objective is a pytree: layer names are static, numbers are leaves. A batch of objectives is an objective whose leaves
have a leading axis, so that one compiled ascent serves every filter. Objectives add, subtract and scale.
"""

import abc
import dataclasses
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.errors import JaxvizError
from jaxviz.model import Activations, Model

__all__ = ["Indices", "Objective", "channel", "class_logit", "class_probability", "function"]

Indices = int | Iterable[int] | np.ndarray | Array | None
Weight = int | float | np.ndarray | Array


class Objective(abc.ABC):
    """What is maximised: a pytree and a callable."""

    __array_ufunc__ = None  # an array of weights times an objective is ours to work out, not NumPy's

    @abc.abstractmethod
    def __call__(self, activations: Activations) -> Float[Array, ""]:
        """Scores the activations of one image."""

    @abc.abstractmethod
    def resolve(self, model: Model) -> "Objective":
        """Checks the objective against a model and fills in what only the model knows, such as "all channels".

        Raises:
          JaxvizError: the model has no such layer or channel.
        """

    @abc.abstractmethod
    def layers(self) -> tuple[str, ...]:
        """Returns the names of the layers that are read."""

    @abc.abstractmethod
    def labels(self) -> list[str]:
        """Names each objective of a resolved batch, such as ``conv2d_3:17``."""

    def units(self, model: Model) -> int | None:
        """Returns how many such objectives the model has in all; None where that is unbounded."""
        del model
        return None

    def __add__(self, other: "Objective") -> "Objective":
        if not isinstance(other, Objective):
            return NotImplemented
        return Sum((*_terms(self), *_terms(other)))

    def __sub__(self, other: "Objective") -> "Objective":
        if not isinstance(other, Objective):
            return NotImplemented
        return self + (-other)

    def __mul__(self, weight: "Weight") -> "Objective":
        return Scaled(weight, self)

    __rmul__ = __mul__

    def __neg__(self) -> "Objective":
        return -1.0 * self


@partial(jax.tree_util.register_dataclass, data_fields=["index"], meta_fields=["layer"])
@dataclasses.dataclass(frozen=True)
class Channel(Objective):
    """The mean of one channel of a layer over its positions."""

    layer: str
    index: PyTree  # a leaf; None, until resolved, for all there are

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        assert self.index is not None, "an objective is resolved against a model before it is called"
        return jnp.mean(activations.channel(self.layer, self.index))

    def resolve(self, model: Model) -> "Channel":
        layer = model.layer(self.layer)
        if layer.channels is None:
            raise JaxvizError(f"layer {layer.name!r} ({layer.kind}) has no channels to visualize")
        return Channel(self.layer, _indices(self.index, layer.channels, f"channel of {layer.name!r}"))

    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def labels(self) -> list[str]:
        return [f"{self.layer}:{index}" for index in np.atleast_1d(np.asarray(self.index))]

    def units(self, model: Model) -> int | None:
        return model.layer(self.layer).channels


@partial(jax.tree_util.register_dataclass, data_fields=["index"], meta_fields=["logits", "layer", "softmax"])
@dataclasses.dataclass(frozen=True)
class ClassScore(Objective):
    """The probability of a class, or its logit, wherever the model keeps them."""

    index: PyTree  # likewise
    logits: bool
    layer: str = ""  # the array that is read, once resolved
    softmax: bool = False  # taken of it, where the network takes none itself

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        assert self.index is not None, "an objective is resolved against a model before it is called"
        if self.softmax:
            return jax.nn.softmax(activations[self.layer])[self.index]
        return activations.channel(self.layer, self.index)[0]

    def resolve(self, model: Model) -> Objective:
        output = model.layer(model.output)
        if len(output.output_shape) != 1:
            raise JaxvizError(
                f"the last layer, {output.name!r}, has the shape {output.output_shape}, not one number a class; "
                "name a layer and use channel"
            )
        index = _indices(self.index, output.output_shape[0], "class")
        if self.logits:
            return ClassScore(index, True, model.logits)
        return ClassScore(index, False, model.output, softmax=model.output == model.logits)

    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def labels(self) -> list[str]:
        kind = "logit" if self.logits else "class"
        return [f"{kind}:{index}" for index in np.atleast_1d(np.asarray(self.index))]

    def units(self, model: Model) -> int | None:
        return model.layer(model.output).channels


@partial(jax.tree_util.register_dataclass, data_fields=["weight", "term"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class Scaled(Objective):
    """A number times an objective."""

    weight: PyTree  # a leaf
    term: Objective

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        return jnp.asarray(self.weight) * self.term(activations)

    def resolve(self, model: Model) -> "Scaled":
        return Scaled(np.asarray(self.weight, np.float32), self.term.resolve(model))

    def __mul__(self, weight: Weight) -> "Scaled":
        return Scaled(weight * self.weight, self.term)

    __rmul__ = __mul__

    def layers(self) -> tuple[str, ...]:
        return self.term.layers()

    def labels(self) -> list[str]:
        weights: np.ndarray = np.atleast_1d(np.asarray(self.weight))
        return [f"{weight:g}*{label}" for weight, label in _aligned(weights, self.term.labels())]

    def units(self, model: Model) -> int | None:
        return self.term.units(model)


@partial(jax.tree_util.register_dataclass, data_fields=["terms"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class Sum(Objective):
    """A sum of objectives."""

    terms: tuple[Objective, ...]

    def __mul__(self, weight: Weight) -> "Sum":
        return Sum(tuple(weight * term for term in self.terms))

    __rmul__ = __mul__

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        return jnp.sum(jnp.stack([term(activations) for term in self.terms]))

    def resolve(self, model: Model) -> "Sum":
        return Sum(tuple(term.resolve(model) for term in self.terms))

    def layers(self) -> tuple[str, ...]:
        return tuple(layer for term in self.terms for layer in term.layers())

    def units(self, model: Model) -> int | None:
        counts = [count for term in self.terms if (count := term.units(model)) is not None]
        return max(counts, default=None)

    def labels(self) -> list[str]:
        rows = _aligned(*(term.labels() for term in self.terms))
        return [" + ".join(row).replace("+ -", "- ") for row in rows]


@partial(jax.tree_util.register_dataclass, data_fields=[], meta_fields=["score"])
@dataclasses.dataclass(frozen=True)
class Function(Objective):
    """Any function of activations, as it is."""

    score: Callable[[Activations], Float[Array, ""]]
    unbatched: ClassVar[int] = 1

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        return self.score(activations)

    def resolve(self, model: Model) -> "Function":
        image = jax.ShapeDtypeStruct(model.canvas.shape, jnp.float32)
        answer = jax.eval_shape(lambda image: model.ask(image, self.score), image)
        if getattr(answer, "shape", None) != ():
            shape = getattr(answer, "shape", type(answer).__name__)
            raise JaxvizError(f"the objective {self.labels()[0]} gives {shape}, not one number; take a mean or a sum")
        if not jnp.issubdtype(answer.dtype, jnp.floating):
            raise JaxvizError(f"the objective {self.labels()[0]} gives {answer.dtype}, which has no gradient")
        return self

    def layers(self) -> tuple[str, ...]:
        return ()

    def labels(self) -> list[str]:
        return [getattr(self.score, "__name__", type(self.score).__name__)]

    def units(self, model: Model) -> int | None:
        del model
        return self.unbatched


def channel(layer: str, index: Indices = None) -> Objective:
    """Maximises the mean of one channel over height and width; of a dense layer, one unit.

    Source: Olah et al., "Feature Visualization", Distill 2017, https://distill.pub/2017/feature-visualization

    Args:
      layer: the layer's name; ``model.layers`` has them.
      index: a channel, or several for a batch; all of the layer's when left out.

    Example:
      >>> channel("conv2d_3", [3, 7]).labels()
      ['conv2d_3:3', 'conv2d_3:7']
    """
    return Channel(layer, _whole_numbers(index))


def class_probability(index: Indices = None) -> Objective:
    """Maximises the probability of a class: the network's own softmax or sigmoid, or the softmax of its last layer.

    Args:
      index: a class, or several for a batch; all when left out.
    """
    return ClassScore(_whole_numbers(index), logits=False)


def class_logit(index: Indices = None) -> Objective:
    """Maximises what the last layer gives for a class before its softmax or sigmoid.

    Source: Simonyan et al., "Deep Inside Convolutional Networks", 2013, https://arxiv.org/abs/1312.6034

    Args:
      index: a class, or several for a batch; all when left out.
    """
    return ClassScore(_whole_numbers(index), logits=True)


def function(score: Callable[[Activations], Float[Array, ""]]) -> Objective:
    """Maximises any function of one image's activations, such as ``lambda a: a["dense_2"][:8].sum()``.

    Args:
      score: a function of a mapping, layer name -> array, to a scalar. It compares by identity: pass the same function
        again and nothing is compiled again.
    """
    return Function(score)


def fold_key(key: Array, objective: Objective) -> Array:
    """Folds into a key the layers and the numbers of one objective, so that its random draws are its own.

    Args:
      key: the key of the run.
      objective: one resolved objective, its leaves scalars.
    """
    for layer in objective.layers():
        key = jax.random.fold_in(key, zlib.crc32(layer.encode()))
    for leaf in jax.tree.leaves(objective):
        number = jnp.asarray(leaf)
        is_float = jnp.issubdtype(number.dtype, jnp.floating)
        bits = jax.lax.bitcast_convert_type(number.astype(jnp.float32), jnp.uint32) if is_float else number
        key = jax.random.fold_in(key, bits)
    return key


def _terms(objective: Objective) -> tuple[Objective, ...]:
    return objective.terms if isinstance(objective, Sum) else (objective,)


def _whole_numbers(index: Indices) -> np.ndarray | None:
    if index is None:
        return None
    numbers = np.asarray(index if isinstance(index, int | np.ndarray | jax.Array) else list(index))
    if numbers.size == 0:
        raise JaxvizError("an empty list of indices; leave it out for all")
    if numbers.ndim > 1 or not np.issubdtype(numbers.dtype, np.integer):
        raise JaxvizError(f"indices {numbers.tolist()!r}: give a whole number or a list of them")
    return numbers


def _indices(index: Array | np.ndarray | None, count: int, what: str) -> np.ndarray:
    if index is None:
        return np.arange(count, dtype=np.int32)
    numbers = np.asarray(index)
    outside = [int(number) for number in np.atleast_1d(numbers) if not 0 <= number < count]
    if outside:
        raise JaxvizError(f"{what} {', '.join(map(str, outside))} is out of range; there are 0 to {count - 1}")
    return numbers.astype(np.int32)


def _aligned(*columns: Iterable) -> list[tuple]:
    """Zips columns, repeating those of length 1 as broadcasting does."""
    lists = [list(column) for column in columns]
    longest = max(map(len, lists))
    if any(len(column) not in (1, longest) for column in lists):
        lengths = ", ".join(str(len(column)) for column in lists)
        raise JaxvizError(f"terms of {lengths} objectives; give each one, or as many as the longest")
    return list(zip(*(column * longest if len(column) == 1 else column for column in lists), strict=True))
