"""Base: what an objective is, and the exact algebra of objectives."""

import abc
import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.networks.preactivations import Names, Renamed, before_activation, names_of
from jaxviz.objectives.arguments import is_number, numbers
from jaxviz.objectives.labels import aligned, enclosed, joined
from jaxviz.objectives.stacking import alike, stacked
from jaxviz.values.errors import JaxvizError
from jaxviz.values.texts import Texts

__all__ = ["Constant", "Objective", "Scaled", "Sum", "Weight"]

Weight = int | float | np.number | np.ndarray | Array

_MANY = 8  # terms alike that are computed one by one; more are computed at once, which compiles as fast as one


class Objective(abc.ABC):
    """What is maximized: a pytree and a callable.

    ``resolve`` fits it to a model. Every leaf of a resolved objective has a leading axis, of length 1 or the number of
    ``labels``. When the objective is called, under ``vmap``, the leaves no longer have this axis.

    An objective of several images that are optimized together has their number in ``group``. It is computed in two
    steps: ``read`` is called for each image, and ``combine`` with the results for all of them.
    """

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

    @property
    def group(self) -> int:
        """The number of images that are optimized together; usually 1."""
        return 1

    def read(self, activations: Activations) -> PyTree:
        """Returns the values that ``combine`` needs of one image of the group."""
        return self(activations)

    def combine(self, features: PyTree) -> Float[Array, ""]:
        """Scores a group of images by the results of ``read``, ``[group, …]``."""
        return jnp.mean(features)

    def units(self, model: Model) -> int | None:
        """Returns the number of such objectives that the model has; None if it is unbounded."""
        del model
        return None

    def one(self, place: int = 0) -> "Objective":
        """Returns one objective of a resolved batch, which can be called."""
        return jax.tree.map(lambda leaf: np.asarray(leaf[place if len(leaf) > 1 else 0]), self)

    def before_activation(self, model: Model) -> "Objective":
        """Returns the same objective for the inputs of the layers' activation functions, if they have any.

        A unit with a dead relu has no gradient; the relu's input has one. Source: Olah et al., "Feature
        Visualization", Distill 2017, https://distill.pub/2017/feature-visualization

        Example:
          >>> import jaxviz
          >>> model = jaxviz.default_model()
          >>> jaxviz.objectives.channel("conv2d_3", 17).before_activation(model).labels()
          ['conv2d_3:17 before activation']
        """
        return BeforeActivation(self, names_of(model))

    def at_once(self, weights: np.ndarray, model: Model) -> "Objective | None":
        """Returns a weighted sum of many objectives like this as one; None if they are computed one by one.

        Args:
          weights: ``[n, k]``, as the leading axes of this objective's leaves: k terms of each of n sums.
          model: the model that the terms are resolved for.
        """
        del weights, model
        return None

    def __add__(self, other: "Objective | Weight") -> "Objective":
        if is_number(other):
            return self + Constant(other)
        _refuse_function(other)
        if not isinstance(other, Objective):
            return NotImplemented
        return Sum((*_terms(self), *_terms(other)))

    def __radd__(self, other: Weight | Callable) -> "Objective":
        number = _number(other)
        if number is None:
            return NotImplemented
        return self if np.ndim(number) == 0 and number == 0 else Constant(number) + self  # `sum` begins with 0

    def __sub__(self, other: "Objective | Weight") -> "Objective":
        _refuse_function(other)
        if not isinstance(other, Objective) and not is_number(other):
            return NotImplemented
        return self + (-other)

    def __rsub__(self, other: Weight | Callable) -> "Objective":
        number = _number(other)
        return NotImplemented if number is None else -self + number

    def __mul__(self, weight: Weight) -> "Objective":
        return Scaled(weight, self) if is_number(weight) else NotImplemented

    def __rmul__(self, weight: Weight) -> "Objective":
        return self * weight

    def __truediv__(self, weight: Weight) -> "Objective":
        if not is_number(weight):
            return NotImplemented
        if not np.all(weight):
            raise JaxvizError(f"an objective divided by {weight!r}; give numbers other than 0")
        return self * (1.0 / weight)

    def __neg__(self) -> "Objective":
        return -1.0 * self


@partial(jax.tree_util.register_dataclass, data_fields=["value"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class Constant(Objective):
    """A number that does not depend on the image."""

    value: PyTree  # a leaf

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        del activations
        return jnp.asarray(self.value, jnp.float32)

    def resolve(self, model: Model) -> "Constant":
        return Constant(numbers(self.value, "a constant of"))

    def layers(self) -> tuple[str, ...]:
        return ()

    def labels(self) -> list[str]:
        return [f"{value:g}" for value in np.atleast_1d(np.asarray(self.value))]

    def units(self, model: Model) -> int | None:
        return 1

    def __neg__(self) -> "Constant":
        return Constant(-self.value)


@partial(jax.tree_util.register_dataclass, data_fields=["weight", "term"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class Scaled(Objective):
    """A number times an objective."""

    weight: PyTree  # a leaf
    term: Objective

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        return jnp.asarray(self.weight) * self.term(activations)

    def resolve(self, model: Model) -> "Scaled":
        return Scaled(numbers(self.weight, "a weight of"), self.term.resolve(model))

    def __mul__(self, weight: Weight) -> "Scaled":
        return Scaled(weight * self.weight, self.term) if is_number(weight) else NotImplemented

    @property
    def group(self) -> int:
        return self.term.group

    def read(self, activations: Activations) -> PyTree:
        return self.term.read(activations)

    def combine(self, features: PyTree) -> Float[Array, ""]:
        return jnp.asarray(self.weight) * self.term.combine(features)

    def layers(self) -> tuple[str, ...]:
        return self.term.layers()

    def labels(self) -> list[str]:
        weights: np.ndarray = np.atleast_1d(np.asarray(self.weight))
        return [f"{weight:g}*{enclosed(label)}" for weight, label in aligned(weights, self.term.labels())]

    def units(self, model: Model) -> int | None:
        return self.term.units(model)


@partial(jax.tree_util.register_dataclass, data_fields=["terms"], meta_fields=["names"])
@dataclasses.dataclass(frozen=True)
class Sum(Objective):
    """A sum of objectives."""

    terms: tuple[Objective, ...]
    names: Texts | None = None  # the labels, where the terms do not tell them

    def __mul__(self, weight: Weight) -> Objective:
        if not is_number(weight) or self.names is not None:
            return super().__mul__(weight)
        return Sum(tuple(term * weight for term in self.terms))

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        return jnp.sum(jnp.stack([term(activations) for term in self.terms]))

    def resolve(self, model: Model) -> "Sum":
        terms = tuple(term.resolve(model) for term in self.terms)
        whole = Sum(terms, self.names)
        labels = whole.labels()
        if whole.group > 1 or len(terms) <= _MANY:
            return whole
        return Sum(_merged(terms, len(labels), model), Texts(tuple(labels)))

    @property
    def group(self) -> int:
        groups = {term.group for term in self.terms} - {1}
        if len(groups) > 1:
            raise JaxvizError(f"a sum over groups of {' and '.join(map(str, sorted(groups)))} images; give one size")
        return groups.pop() if groups else 1

    def read(self, activations: Activations) -> PyTree:
        return tuple(term.read(activations) for term in self.terms)

    def combine(self, features: PyTree) -> Float[Array, ""]:
        return jnp.sum(jnp.stack([term.combine(part) for term, part in zip(self.terms, features, strict=True)]))

    def layers(self) -> tuple[str, ...]:
        return tuple(layer for term in self.terms for layer in term.layers())

    def units(self, model: Model) -> int | None:
        counts = [count for term in self.terms if (count := term.units(model)) is not None]
        return max(counts, default=None)

    def labels(self) -> list[str]:
        if self.names is not None:
            return list(self.names.texts)
        return [joined(row) for row in aligned(*(term.labels() for term in self.terms))]


@partial(jax.tree_util.register_dataclass, data_fields=["term"], meta_fields=["names"])
@dataclasses.dataclass(frozen=True)
class BeforeActivation(Objective):
    """An objective for the inputs of activation functions."""

    term: Objective
    names: Names

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        return self.term(Renamed(activations, self.names))

    def resolve(self, model: Model) -> "BeforeActivation":
        return BeforeActivation(self.term.resolve(before_activation(model, self.names)), self.names)

    @property
    def group(self) -> int:
        return self.term.group

    def read(self, activations: Activations) -> PyTree:
        return self.term.read(Renamed(activations, self.names))

    def combine(self, features: PyTree) -> Float[Array, ""]:
        return self.term.combine(features)

    def layers(self) -> tuple[str, ...]:
        names = dict(self.names)
        return tuple(names.get(layer, layer) for layer in self.term.layers())

    def labels(self) -> list[str]:
        return [f"{enclosed(label)} before activation" for label in self.term.labels()]

    def units(self, model: Model) -> int | None:
        return self.term.units(model)


def _number(other: object) -> Weight | None:
    _refuse_function(other)
    return other if is_number(other) else None  # type: ignore[return-value]


def _refuse_function(other: object) -> None:
    if callable(other) and not isinstance(other, Objective):
        name = getattr(other, "__name__", type(other).__name__)
        wrapped = name if name.isidentifier() else "lambda activations: …"
        raise JaxvizError(f"an objective and a function, {name}: wrap the function, objectives.function({wrapped})")


def _terms(objective: Objective) -> tuple[Objective, ...]:
    return objective.terms if isinstance(objective, Sum) and objective.names is None else (objective,)


def _merged(terms: tuple[Objective, ...], count: int, model: Model) -> tuple[Objective, ...]:
    """Replaces many terms that differ in their numbers only by one that computes their sum."""
    ones = np.ones(1, np.float32)
    weighted = [(term.weight, term.term) if isinstance(term, Scaled) else (ones, term) for term in terms]
    left = dict(enumerate(terms))
    for first, *others in alike([term for _, term in weighted]):
        if len(others) < _MANY:
            continue
        weights, many = stacked([weighted[place] for place in (first, *others)], count)
        merged = many.at_once(weights, model)
        if merged is not None:
            left = {place: term for place, term in left.items() if place not in set(others)} | {first: merged}
    return tuple(left.values())
