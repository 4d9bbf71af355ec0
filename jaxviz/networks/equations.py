"""Equations: a function -> what it computes, step by step; any part of it can be computed alone."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

import jax
from jaxtyping import Array, PyTree

__all__ = ["Constant", "Equation", "Trace", "trace_of"]

# Calls whose equations are those of the function called, as if it stood in their place.
_CALLS = {"jit", "pjit", "closed_call", "checkpoint", "remat2", "custom_jvp_call", "custom_vjp_call"}


class Constant(NamedTuple):
    """A value that an equation reads and no other gives."""

    value: object


class Equation(NamedTuple):
    """One equation: what it reads and gives, by number.

    Attributes:
      primitive: JAX's primitive.
      params: what it is called with.
      reads: the numbers of the values that it reads, or constants.
      gives: the numbers of those that it gives.
    """

    primitive: object
    params: dict
    reads: tuple[int | Constant, ...]
    gives: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name of the primitive."""
        return str(self.primitive)

    def compute(self, inputs: list) -> list:
        """Computes what it gives."""
        found = self.primitive.bind(*inputs, **self.params)  # type: ignore[attr-defined]
        return list(found) if self.primitive.multiple_results else [found]  # type: ignore[attr-defined]


@dataclasses.dataclass(frozen=True)
class Trace:
    """The equations of a function.

    Attributes:
      equations: in the order of computation, calls replaced by what they call.
      inputs: the numbers of its arguments' leaves.
      outputs: the numbers of what it gives, by name; a constant where it depends on no argument.
      shapes: the shape of each value, by number.
    """

    equations: tuple[Equation, ...]
    inputs: tuple[int, ...]
    outputs: Mapping[str, int | Constant]
    shapes: Mapping[int, tuple[int, ...]]

    @cached_property
    def givers(self) -> Mapping[int, Equation]:
        """The equation that gives each value; arguments have none."""
        return {number: equation for equation in self.equations for number in equation.gives}

    def behind(self, number: int, stop: frozenset[int] = frozenset()) -> frozenset[int]:
        """Returns the values that a value is made of, without those behind the ones where it is to stop."""
        found: set[int] = set()
        waiting = [number]
        while waiting:
            equation = self.givers.get(waiting.pop())
            new = {read for read in equation.reads if isinstance(read, int)} - found if equation else set()
            found |= new
            waiting += new - stop
        return frozenset(found)

    def compute(self, number: int, known: Mapping[int, Array]) -> Array:
        """Computes one value from others.

        Raises:
          KeyError: it depends on an argument that is not known.
        """
        if number in known:
            return known[number]
        needed = self.behind(number, frozenset(known)) | {number}
        values: dict[int, object] = dict(known)
        for equation in self.equations:
            if not set(equation.gives) & needed or set(equation.gives) <= values.keys():
                continue
            inputs = [read.value if isinstance(read, Constant) else values[read] for read in equation.reads]
            values |= dict(zip(equation.gives, equation.compute(inputs), strict=True))
        return values[number]  # type: ignore[return-value]


def trace_of(function: Callable[..., Mapping[str, Array]], *arguments: PyTree) -> Trace:
    """Traces a function that gives arrays by name.

    Where a function is lowered differently for different devices, the equations are those for any device.

    Args:
      function: what is traced.
      *arguments: arrays, or the shapes of arrays.
    """
    names: list[str] = []

    def listed(*values: PyTree) -> list[Array]:
        named = function(*values)
        names.extend(named)
        return list(named.values())

    closed = jax.make_jaxpr(listed)(*arguments)
    builder = _Builder()
    inputs = [builder.new(variable) for variable in closed.jaxpr.invars]
    outputs = builder.walk(closed.jaxpr, closed.consts, inputs)
    return Trace(tuple(builder.equations), tuple(inputs), dict(zip(names, outputs, strict=True)), builder.shapes)


class _Builder:
    """Numbers values, and collects equations."""

    def __init__(self) -> None:
        self.equations: list[Equation] = []
        self.shapes: dict[int, tuple[int, ...]] = {}

    def new(self, variable) -> int:
        self.shapes[number := len(self.shapes)] = variable.aval.shape
        return number

    def walk(self, jaxpr, constants, inputs) -> list[int | Constant]:
        values: dict = dict(zip(jaxpr.invars, inputs, strict=True))
        values |= {variable: Constant(value) for variable, value in zip(jaxpr.constvars, constants, strict=True)}

        def read(variable) -> int | Constant:
            return Constant(variable.val) if hasattr(variable, "val") else values[variable]

        for equation in jaxpr.eqns:
            reads = [read(variable) for variable in equation.invars]
            called = next(_called(equation, reads), None)
            if called is not None:
                gives = self.walk(*called)
            else:
                numbers = tuple(self.new(variable) for variable in equation.outvars)
                self.equations.append(Equation(equation.primitive, equation.params, tuple(reads), numbers))
                gives = list(numbers)
            values.update(zip(equation.outvars, gives, strict=True))
        return [read(variable) for variable in jaxpr.outvars]


def _called(equation, reads: list) -> Iterator[tuple]:
    """Yields the jaxpr that a call calls, its constants and what it reads; of a choice by device the one for any."""
    if equation.primitive.name in _CALLS:
        for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
            inner = equation.params.get(name)
            if inner is not None:
                jaxpr, constants = getattr(inner, "jaxpr", inner), getattr(inner, "consts", ())
                if len(jaxpr.invars) == len(reads):
                    yield jaxpr, constants, reads
    platforms = equation.params.get("branches_platforms")
    if equation.primitive.name == "cond" and platforms is not None and None in platforms:
        inner = equation.params["branches"][platforms.index(None)]
        yield inner.jaxpr, inner.consts, reads[1:]
