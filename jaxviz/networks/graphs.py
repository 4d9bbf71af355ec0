"""Graph: the equations with which a traced function computes its values from its arguments."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping

import jax
from jaxtyping import PyTree

__all__ = ["Graph", "graph_of", "is_activation"]

# What activation functions are called in a trace: jitted functions by their own names, others by their last equation.
_ACTIVATIONS = {
    *("celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "logistic", "max"),
    *("relu", "relu6", "selu", "silu", "softplus", "soft_sign", "sparse_plus", "squareplus", "tanh"),
}
# Calls whose equations are those of the function called, as if it stood in their place.
_CALLS = {"jit", "pjit", "closed_call", "checkpoint", "remat2", "custom_jvp_call", "custom_vjp_call"}
_UNCHANGED = {"broadcast_in_dim", "reshape", "squeeze", "expand_dims", "stop_gradient", "convert_element_type", "copy"}


@dataclasses.dataclass(frozen=True)
class _Step:
    """One equation: a name, the numbers of the values it reads (None for a constant), those it gives."""

    name: str
    reads: tuple[int | None, ...]
    gives: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Graph:
    """A function's equations in the order of computation, and which of their values has which name.

    Attributes:
      names: name -> the number of a value; names of one and the same value have the same number. In the order of
        computation.
      steps: the equations.
    """

    names: Mapping[str, int]
    steps: tuple[_Step, ...]

    def first_name(self, name: str) -> str:
        """Returns the first of the names of one and the same value."""
        return self.name_of(self.names[name]) or name

    def name_of(self, value: int | None) -> str | None:
        """Returns the first name of a value; None for one without."""
        return next((name for name, number in self.names.items() if number == value), None)

    def operation(self, name: str) -> str:
        """Returns what gives a value: the name of an equation or activation function, such as ``relu``."""
        step = self._giver(self.names[name])
        return step.name if step else "input"

    def activation_after(self, name: str) -> tuple[str, str | None] | None:
        """Returns the activation function that a value goes into next, and the name of what that function gives.

        None where the value goes elsewhere; a name of None where what the function gives has no name.
        """
        readers = [step for step in self.steps if self.names[name] in step.reads]
        if len(readers) != 1 or readers[0].name not in _ACTIVATIONS:
            return None
        return readers[0].name, self.name_of(readers[0].gives[0])

    def preactivation_of(self, name: str) -> str | None:
        """Names what an activation function that gives a value is taken of; None where there is none, or no name."""
        giver = self._giver(self.names[name])
        read = [] if giver is None else [value for value in giver.reads if value is not None]
        if giver is not None and giver.name in _ACTIVATIONS and len(read) == 1:  # the larger of two has no one argument
            return self.name_of(read[0])
        return self.logits_of(name)

    def logits_of(self, name: str) -> str | None:
        """Names what a softmax or sigmoid that gives a value is taken of; None where there is none, or it has no name.

        A softmax is recognized by what it is: ``exp(x - …) / sum of the same``.
        """
        last = self._giver(self.names[name])
        if last is None:
            return None
        if last.name == "logistic":
            return self.name_of(last.reads[0])
        if last.name != "div":
            return None
        powers, total = last.reads
        whole, power = self._giver(self._source(total)), self._giver(powers)
        if not (whole and power and whole.name == "reduce_sum" and power.name == "exp" and whole.reads[0] == powers):
            return None
        shifted = self._giver(power.reads[0])
        return self.name_of(shifted.reads[0] if shifted and shifted.name == "sub" else power.reads[0])

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Returns for each name those of the values that its own is made of; for a second name, the first one."""
        givers = {value: step for step in self.steps for value in step.gives}
        first: dict[int, str] = {}
        for name, number in self.names.items():
            first.setdefault(number, name)
        found: dict[str, tuple[str, ...]] = {}
        for name, number in self.names.items():
            made_of: set[int] = set() if first[number] == name else {number}
            waiting = [] if made_of else [number]
            seen: set[int] = set()
            while waiting:
                step = givers.get(waiting.pop())
                behind = {value for value in step.reads if value is not None} - seen if step else set()
                seen |= behind
                made_of |= behind & first.keys()
                waiting += behind - first.keys()
            found[name] = tuple(first[value] for value in sorted(made_of))
        return found

    def _giver(self, value: int | None) -> _Step | None:
        return next((step for step in self.steps if value in step.gives), None)

    def _source(self, value: int | None) -> int | None:
        while (step := self._giver(value)) and step.name in _UNCHANGED:
            value = step.reads[0]
        return value


def graph_of(function: Callable[..., Mapping[str, jax.Array]], *arguments: PyTree) -> Graph:
    """Traces a function and notes its equations.

    Args:
      function: gives arrays by name.
      *arguments: arrays, or the shapes of arrays.
    """
    order: list[str] = []

    def listed(*values: PyTree) -> list[jax.Array]:
        named = function(*values)
        order.extend(named)
        return list(named.values())

    traced = jax.make_jaxpr(listed)(*arguments).jaxpr
    steps: list[_Step] = []
    outputs = _walk(traced, list(range(-len(traced.invars), 0)), steps, itertools.count())
    # Inputs have negative numbers and values those of their places, so that numbers sort by the time of computation; a
    # constant stands before the inputs, and nothing reads it.
    constant = -len(traced.invars) - 1
    found = [(constant if number is None else number, name) for number, name in zip(outputs, order, strict=True)]
    return Graph({name: number for number, name in sorted(found, key=lambda pair: pair[0])}, tuple(steps))


def is_activation(equation) -> bool:
    """Tells whether an equation is an activation function of one array, such as a relu."""
    arrays = [variable for variable in equation.invars if not hasattr(variable, "val")]
    return len(arrays) == 1 and _name(equation) in _ACTIVATIONS


def _walk(jaxpr, inputs: list[int | None], steps: list[_Step], numbering: Iterator[int]) -> list[int | None]:
    """Appends the steps of a jaxpr, calls replaced by what they call; returns the numbers of its outputs."""
    numbers: dict = dict(zip(jaxpr.invars, inputs, strict=True))

    def read(variable) -> int | None:
        return None if hasattr(variable, "val") else numbers.get(variable)  # literals and constants have no number

    for equation in jaxpr.eqns:
        reads = [read(variable) for variable in equation.invars]
        inner = next(_inner(equation), None)
        name = _name(equation)
        if inner is not None and name not in _ACTIVATIONS and len(inner.invars) == len(reads):
            numbers.update(zip(equation.outvars, _walk(inner, reads, steps, numbering), strict=True))
        else:
            gives = tuple(next(numbering) for _ in equation.outvars)
            steps.append(_Step(name, tuple(reads), gives))
            numbers.update(zip(equation.outvars, gives, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _inner(equation) -> Iterator:
    """Yields the jaxpr that a call calls."""
    if equation.primitive.name in _CALLS:
        for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
            if name in equation.params:
                yield getattr(equation.params[name], "jaxpr", equation.params[name])


def _name(equation) -> str:
    """Names an equation; a function with a derivative of its own is named after the one call inside, as relu is."""
    inner = next(_inner(equation), None)
    if equation.primitive.name.startswith("custom_") and inner is not None and len(inner.eqns) == 1:
        return _name(inner.eqns[0])
    return str(equation.params.get("name", equation.primitive.name))
