"""Exits: a function with several answers, and the number of one -> that answer, and nothing computed beyond it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import ShapedArray
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun
from jaxtyping import Array, Float, Int

from jaxviz.networks.traces import evaluate

__all__ = ["leaving_at"]


def leaving_at(function: Callable[[Array], Sequence[Array]], place: Int[Array, ""]) -> Callable[[Array], Array]:
    """Returns a function that computes one of several answers, and only what this answer needs.

    The answers of a network's layers need more and more of the network. The function is divided at each answer: after
    each part a branch either computes the answer and turns back, or goes on to the next part. So one program serves
    every layer, and a unit of an early layer does not cost a pass through the whole network. Values and gradients are
    those of the answer alone, but for rounding. The gradient is computed with the value, so that no branch has to keep
    anything for a later pass; it is that of a descent of the negative answer, which a redirected relu tells from an
    ascent. There is no forward mode.

    Args:
      function: of one array, to scalars in the order of what they need; it is traced.
      place: the number of the answer. A number that is mapped by ``vmap`` makes both sides of each branch be computed.

    Example:
      >>> answers = leaving_at(lambda x: (jnp.sum(x), jnp.sum(jnp.exp(jnp.sin(x)))), jnp.asarray(0))
      >>> print(answers(jnp.ones(3)), jax.grad(answers)(jnp.ones(3)))
      3.0 [1. 1. 1.]
    """

    def answer(argument: Array) -> Array:
        closed = _flat(function, argument)
        way = _Way(closed.jaxpr, _parts(closed.jaxpr), place)
        known = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))

        @jax.custom_vjp
        def taken(argument: Array) -> Array:
            return way.answer(0, closed.jaxpr.invars, [argument], known)[0]

        def forward(argument: Array) -> tuple[Array, Array]:
            value, (gradient,) = way.answer(0, closed.jaxpr.invars, [argument], known)
            return value, gradient

        def backward(gradient: Array, by: Float[Array, ""]) -> tuple[Array]:
            return (-by * gradient,)

        taken.defvjp(forward, backward)
        return taken(argument)

    return answer


Known = Mapping[Var, Array]


class _Part(NamedTuple):
    """What one answer needs beyond the answers before it.

    Attributes:
      shared: the equations that later answers need as well.
      own: those that this answer alone needs.
      needed: what ``own`` and all later parts read, and what these parts answer.
    """

    shared: list[JaxprEqn]
    own: list[JaxprEqn]
    needed: set[Var]


class _Way(NamedTuple):
    """The way through the parts of a function, which is left at a place."""

    jaxpr: Jaxpr
    parts: list[_Part]
    place: Array

    def answer(self, first: int, names: list[Var], values: list[Array], known: Known) -> tuple[Array, list[Array]]:
        """Goes on from a part.

        Args:
          first: the part.
          names: what it begins with, and has a gradient.
          values: of these.
          known: other values.

        Returns:
          The answer, and the gradient of its negative by the values.
        """
        part = self.parts[first]
        given = [*names, *(name for equation in part.shared for name in equation.outvars)]
        kept = [name for name in given if name in part.needed]
        smooth = [name for name in kept if isinstance(name.aval, ShapedArray) and _is_smooth(name.aval)]
        others = [name for name in kept if name not in smooth]

        def run(*values: Array) -> tuple[list[Array], list[Array]]:
            found = _run(self.jaxpr, part.shared, names, [*smooth, *others], known)(*values)
            return found[: len(smooth)], found[len(smooth) :]

        middle, pull_back, rest = jax.vjp(run, *values, has_aux=True)
        known = {**known, **dict(zip(others, rest, strict=True))}

        def leave(middle: list[Array]) -> tuple[Array, list[Array]]:
            own = _run(self.jaxpr, part.own, smooth, self.jaxpr.outvars[first : first + 1], known)
            (value,), pull_back = jax.vjp(own, *middle)
            return jnp.asarray(value), list(pull_back([-jnp.ones_like(value)]))

        def go_on(middle: list[Array]) -> tuple[Array, list[Array]]:
            return self.answer(first + 1, smooth, middle, known)

        is_last = first + 1 == len(self.parts)
        value, gradient = leave(middle) if is_last else lax.cond(self.place == first, leave, go_on, middle)
        return value, list(pull_back(gradient))


def _flat(function: Callable[[Array], Sequence[Array]], argument: Array) -> ClosedJaxpr:
    """Traces a function, with calls replaced by the equations inside them."""
    closed = jax.make_jaxpr(function)(argument)
    return jax.make_jaxpr(lambda argument: evaluate(closed, [argument], lambda equation, operands: None))(argument)


def _parts(jaxpr: Jaxpr) -> list[_Part]:
    varying = _varying(jaxpr)
    needs = [_needed(jaxpr, [output]) & varying for output in jaxpr.outvars]
    parts: list[_Part] = []
    read: set[Var] = set()
    for place in reversed(range(len(needs))):
        before, after = set().union(*needs[:place]), set().union(*needs[place + 1 :])
        mine = sorted(needs[place] - before)
        own = [jaxpr.eqns[number] for number in mine if number not in after]
        read |= {*_variables(jaxpr.outvars[place : place + 1]), *_reads(own)}
        shared = [jaxpr.eqns[number] for number in mine if number in after]
        parts.append(_Part(shared, own, set(read)))
        read |= set(_reads(shared))
    return parts[::-1]


def _varying(jaxpr: Jaxpr) -> set[int]:
    """Returns the numbers of the equations whose results depend on the argument."""
    names, found = set(jaxpr.invars), set()
    for number, equation in enumerate(jaxpr.eqns):
        if not names.isdisjoint(_variables(equation.invars)):
            found.add(number)
            names.update(equation.outvars)
    return found


def _needed(jaxpr: Jaxpr, outputs: Iterable[Var | Literal], known: Iterable[Var] = ()) -> set[int]:
    """Returns the numbers of the equations that some values need, where others are known."""
    given = set(known)
    wanted, found = set(_variables(outputs)) - given, set()
    for number in reversed(range(len(jaxpr.eqns))):
        if not wanted.isdisjoint(jaxpr.eqns[number].outvars):
            found.add(number)
            wanted.update(set(_variables(jaxpr.eqns[number].invars)) - given)
    return found


def _reads(equations: Iterable[JaxprEqn]) -> list[Var]:
    """Returns what some equations read that none of them gives, in order."""
    read: dict[Var, None] = {}
    given: set[Var] = set()
    for equation in equations:
        read.update((name, None) for name in _variables(equation.invars) if name not in given)
        given.update(equation.outvars)
    return list(read)


def _variables(atoms: Iterable[Var | Literal]) -> list[Var]:
    return [atom for atom in atoms if not isinstance(atom, Literal)]


def _run(
    whole: Jaxpr, equations: Sequence[JaxprEqn], names: Sequence[Var], wanted: Sequence[Var | Literal], known: Known
) -> Callable[..., list[Array]]:
    """Returns some equations, and those that depend on constants alone, as a function of named values to others."""
    own = [name for equation in equations for name in equation.outvars]
    needed = _needed(whole, [*_reads(equations), *wanted], [*own, *names, *known])
    every = [*(whole.eqns[number] for number in sorted(needed)), *equations]
    constants = [name for name in dict.fromkeys([*_reads(every), *_variables(wanted)]) if name in known]
    alone = whole.replace(constvars=[], invars=[*constants, *names], outvars=list(wanted), eqns=every)
    run = jaxpr_as_fun(ClosedJaxpr(alone, []))
    return lambda *values: run(*(known[name] for name in constants), *values)


def _is_smooth(shape: ShapedArray) -> bool:
    return jnp.issubdtype(shape.dtype, jnp.inexact)
