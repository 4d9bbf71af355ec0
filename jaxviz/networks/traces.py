"""Traces: a jaxpr and its arguments -> its values, where some of its equations may be computed in another way."""

from collections.abc import Callable, Sequence

from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, jaxpr_as_fun

__all__ = ["CALLS", "Override", "as_usual", "evaluate", "inside"]

Override = Callable[[JaxprEqn, list], list | None]
"""An equation and its operands -> its results; None to compute it as usual."""

CALLS = frozenset({"jit", "pjit", "closed_call"})
"""Calls that stand for the equations inside them. Functions with a derivative of their own are not among them."""


def evaluate(closed: ClosedJaxpr, arguments: Sequence, override: Override) -> list:
    """Computes the outputs of a jaxpr, with calls replaced by the equations inside them.

    Args:
      closed: the jaxpr.
      arguments: one value for each of its inputs. With an override that computes every equation but calls, they may be
        of any kind.
      override: what is asked first, of calls too.
    """
    jaxpr = closed.jaxpr
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*closed.consts, *arguments], strict=True))

    def read(variable):
        return variable.val if isinstance(variable, Literal) else values[variable]

    for equation in jaxpr.eqns:
        operands = [read(variable) for variable in equation.invars]
        results = override(equation, operands)
        if results is None and equation.primitive.name in CALLS:
            results = evaluate(inside(equation), operands, override)
        elif results is None:
            results = as_usual(jaxpr, equation)(*operands)
        values.update(zip(equation.outvars, results, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def as_usual(whole: Jaxpr, equation: JaxprEqn) -> Callable[..., list]:
    """Returns one equation of a jaxpr as a function of its operands."""
    # How a primitive is bound differs between versions of JAX; how a jaxpr is called does not.
    places = [place for place, variable in enumerate(equation.invars) if not isinstance(variable, Literal)]
    given = list(dict.fromkeys(equation.invars[place] for place in places))
    alone = jaxpr_as_fun(
        ClosedJaxpr(whole.replace(constvars=[], invars=given, outvars=equation.outvars, eqns=[equation]), [])
    )

    def compute(*operands) -> list:
        found = {equation.invars[place]: operands[place] for place in places}
        return alone(*found.values())

    return compute


def inside(equation: JaxprEqn) -> ClosedJaxpr:
    """Returns what a call calls."""
    return equation.params["jaxpr" if "jaxpr" in equation.params else "call_jaxpr"]
