"""Kernels: the equations of a traced network -> the weights of a layer, and the channels that they sum over."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float, Int

from jaxviz.networks.graphs import CALLS
from jaxviz.networks.model import Model

__all__ = ["Weights", "kernel_of"]

_PRODUCTS = {"conv_general_dilated", "dot_general"}
# What moves numbers and changes none.
_MOVES = {
    *("broadcast_in_dim", "convert_element_type", "copy", "expand_dims", "optimization_barrier", "reduce_precision"),
    *("reshape", "rev", "slice", "squeeze", "stop_gradient", "transpose"),
}
# What gives an array of the same shape, and mixes its numbers.
_MIXES = {"cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum", "fft", "gather", "scatter", "sort"}
_REDUCTIONS = {"reduce_max", "reduce_min", "reduce_sum"}
_WINDOWS = {"reduce_window_max", "reduce_window_min", "reduce_window_sum"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weights:
    """The weights of one layer.

    Attributes:
      weights: ``[*positions, inputs of a group, units]``.
      groups: into how many groups the inputs are split, each read by as many successive units.
      layer: the layer before, whose channels the weights sum over; None where they are not those of one layer.
      entries: which of its channels each input belongs to; None where ``layer`` is.
    """

    weights: Float[np.ndarray, "... units"]
    groups: int
    layer: str | None
    entries: Int[np.ndarray, " inputs"] | None


def kernel_of(model: Model, layer: str) -> Weights | None:
    """Finds the weights of a layer in the equations of a traced network.

    Args:
      model: the network.
      layer: the name of a layer.

    Returns:
      None for a layer that no convolution or product with the network's variables gives.
    """
    names = [each.name for each in model.layers]

    def every(variables, image):
        return model.module.apply(variables, image, lambda activations: [activations[name] for name in names])

    image = jax.ShapeDtypeStruct(model.canvas.shape, jnp.float32)
    equations = _Equations(jax.make_jaxpr(every)(model.variables, image), jax.tree.leaves(model.variables))
    outputs = dict(zip(names, map(equations.origin, equations.outputs), strict=True))
    value = outputs[layer]
    found = equations.product_behind(value, {other for other in outputs.values() if other != value})
    if found is None or found.weights.shape[-1] != model.layer(layer).channels:
        return None
    for name, source in sorted(outputs.items(), key=lambda pair: pair[1]):
        axis = model.layer(name).channel_axis
        if source >= value or axis is None:
            continue
        shape = model.layer(name).output_shape
        labels = equations.labels(found.data, source, shape, axis % len(shape))
        entries = None if labels is None else _along(labels, found.axis)
        # A group of units reads whole channels, or none of this layer's are its own.
        if entries is not None and (found.groups == 1 or len(np.unique(entries)) == len(entries)):
            return Weights(weights=found.weights, groups=found.groups, layer=name, entries=entries)
    return Weights(weights=found.weights, groups=found.groups, layer=None, entries=None)


class _Product(NamedTuple):
    """A convolution or product: the value that it reads, the axis that it sums over, and its weights."""

    data: int
    axis: int
    weights: np.ndarray
    groups: int


class _Step(NamedTuple):
    """An equation with the numbers of its values."""

    equation: jax.extend.core.JaxprEqn
    reads: tuple[int, ...]
    gives: tuple[int, ...]


class _Equations:
    """The equations of a traced network, calls replaced by what they call; values are numbered in their order."""

    def __init__(self, traced: jax.extend.core.ClosedJaxpr, variables: Sequence[jax.Array]):
        self._known: list[np.ndarray | None] = []  # of each value, the array, where it does not depend on the image
        self._depends: list[bool] = []
        self._shapes: list[tuple[int, ...]] = []
        self._giver: dict[int, _Step] = {}
        arguments = [self._value(array.shape, False, array) for array in variables]
        arguments.append(self._value(traced.jaxpr.invars[-1].aval.shape, True))
        constants = [self._value(np.shape(array), False, array) for array in traced.consts]
        self.outputs = self._walk(traced.jaxpr, constants, arguments)

    def _value(self, shape: Sequence[int], depends: bool, array=None) -> int:
        self._known.append(array)
        self._depends.append(depends)
        self._shapes.append(tuple(shape))
        return len(self._known) - 1

    def _walk(self, jaxpr, constants: Sequence[int], arguments: Sequence[int]) -> list[int]:
        numbers = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *arguments), strict=True))

        def read(variable) -> int:
            if hasattr(variable, "val"):
                return self._value(np.shape(variable.val), False, variable.val)
            return numbers[variable]

        for equation in jaxpr.eqns:
            reads = [read(variable) for variable in equation.invars]
            inner = _called(equation)
            if inner is not None:
                called, consts, first = inner
                held = [self._value(np.shape(array), False, array) for array in consts]
                numbers.update(zip(equation.outvars, self._walk(called, held, reads[first:]), strict=True))
                continue
            depends = any(self._depends[value] for value in reads)
            gives = tuple(self._value(variable.aval.shape, depends) for variable in equation.outvars)
            self._giver.update(dict.fromkeys(gives, _Step(equation, tuple(reads), gives)))
            numbers.update(zip(equation.outvars, gives, strict=True))
        return [read(variable) for variable in jaxpr.outvars]

    def origin(self, value: int) -> int:
        """Returns the value that another is but for axes of length 1, such as that of a batch."""
        sides = [side for side in self._shapes[value] if side != 1]
        while (step := self._giver.get(value)) is not None and step.equation.primitive.name in _MOVES - {
            "rev",
            "transpose",
        }:
            before = [side for side in self._shapes[step.reads[0]] if side != 1]
            if before != sides or not self._depends[step.reads[0]]:
                break
            value = step.reads[0]
        return value

    def product_behind(self, value: int, others: set[int]) -> _Product | None:
        """Returns the one product that a value is made of; None where other layers, or several products, are in it."""
        waiting, seen, products = [value], {value}, {}
        while waiting:
            number = waiting.pop()
            step = self._giver.get(number)
            if step is None or number in others:
                return None
            reads = {read for read in step.reads if self._depends[read]}
            if step.equation.primitive.name in _PRODUCTS:
                products[number] = (step, reads)
            else:
                waiting += reads - seen
                seen |= reads
        [(step, reads)] = products.values() if len(products) == 1 else [(None, set())]
        return self._product(step, *reads) if step is not None and len(reads) == 1 else None

    def _product(self, step: _Step, data: int) -> _Product | None:
        left, right = step.reads
        parameters = step.equation.params
        if step.equation.primitive.name == "conv_general_dilated":
            numbers = parameters["dimension_numbers"]
            if data != left or parameters["batch_group_count"] != 1:
                return None
            out, inputs, *positions = numbers.rhs_spec
            weights = np.transpose(self._array(right), (*positions, inputs, out))
            return _Product(data, numbers.lhs_spec[1], weights, parameters["feature_group_count"])
        (left_sum, right_sum), (batch, _) = parameters["dimension_numbers"]
        mine, other, theirs = (left_sum, right, right_sum) if data == left else (right_sum, left, left_sum)
        if batch or len(mine) != 1 or len(self._shapes[other]) != 2:
            return None
        return _Product(data, mine[0], np.moveaxis(self._array(other), theirs[0], 0), 1)

    def _array(self, value: int) -> np.ndarray:
        """Returns the array of a value that does not depend on the image."""
        if self._known[value] is None:
            step = self._giver[value]
            given = step.equation.primitive.bind(*map(self._array, step.reads), **step.equation.params)
            several = given if step.equation.primitive.multiple_results else [given]
            for number, array in zip(step.gives, several, strict=True):
                self._known[number] = array
        return np.asarray(self._known[value])

    def labels(self, value: int, source: int, shape: tuple[int, ...], axis: int) -> np.ndarray | None:
        """Returns which channel of a source each number of a value belongs to; None where that is not one channel."""
        own = np.moveaxis(
            np.broadcast_to(np.arange(shape[axis], dtype=np.float32), (*np.delete(shape, axis), shape[axis])), -1, axis
        )
        found: dict[int, np.ndarray | None] = {source: own.reshape(self._shapes[source])}

        def of(number: int) -> np.ndarray | None:
            if number not in found:
                found[number] = None if number < source or number not in self._giver else carry(self._giver[number])
            return found[number]

        def carry(step: _Step) -> np.ndarray | None:
            read = [of(number) for number in step.reads if self._depends[number]]
            known = [labels for labels in read if labels is not None]
            name = step.equation.primitive.name
            if not known or len(known) < len(read) or len(step.gives) != 1 or name in _PRODUCTS | _MIXES:
                return None
            first = known[0]
            if any(labels.shape != first.shape or (labels != first).any() for labels in known[1:]):
                return None
            if name in _MOVES:
                moved = step.equation.primitive.bind(jnp.asarray(first), **_of_floats(step.equation))
                return np.asarray(moved[0] if step.equation.primitive.multiple_results else moved)
            if name in _REDUCTIONS | _WINDOWS:
                return _reduced(first, name, step.equation.params)
            return first if self._shapes[step.gives[0]] == first.shape else None

        return of(value)


def _called(equation):
    """Returns the jaxpr that an equation calls, its constants, and the first of the arguments that are passed on."""
    parameters = equation.params
    if equation.primitive.name == "cond":  # a convolution as it is lowered for each platform: they compute the same
        for branch in parameters["branches"]:
            names = [each.primitive.name for each in branch.jaxpr.eqns]
            if [name for name in names if name not in _MOVES] == ["conv_general_dilated"]:
                return branch.jaxpr, branch.consts, 1
        return None
    if equation.primitive.name not in CALLS:
        return None
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if name in parameters:
            inner = parameters[name]
            return getattr(inner, "jaxpr", inner), getattr(inner, "consts", []), 0
    return None


def _of_floats(equation) -> dict:
    """Returns the parameters of an equation, for labels, which are float32 whatever the numbers were."""
    if equation.primitive.name == "convert_element_type":
        return equation.params | {"new_dtype": np.dtype(np.float32)}
    return equation.params


def _reduced(labels: np.ndarray, name: str, parameters: dict) -> np.ndarray | None:
    """Returns the labels of reduced numbers; None where numbers of several channels become one."""
    if name in _REDUCTIONS:
        low, high = labels.min(axis=tuple(parameters["axes"])), labels.max(axis=tuple(parameters["axes"]))
    else:
        window = (parameters["window_dimensions"], parameters["window_strides"], parameters["padding"])
        more = (parameters["base_dilation"], parameters["window_dilation"])
        low = np.asarray(lax.reduce_window(labels, np.float32(np.inf), lax.min, *window, *more))
        high = np.asarray(lax.reduce_window(labels, np.float32(-np.inf), lax.max, *window, *more))
    return low if (low == high).all() else None


def _along(labels: np.ndarray, axis: int) -> np.ndarray | None:
    """Returns the labels along an axis; None where they are others at other positions."""
    rows = np.moveaxis(labels, axis, 0).reshape(labels.shape[axis], -1)
    return rows[:, 0].astype(int) if (rows == rows[:, :1]).all() else None
