"""Relus: a function -> the same function, in which the gradient finds a way through dead relus."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxpr_as_fun
from jaxtyping import Array, Bool, PyTree

__all__ = ["redirect_relus"]

# Calls that stand for the equations inside them. A function with a derivative of its own keeps it, but for relus.
_CALLS = {"jit", "pjit", "closed_call"}


def redirect_relus(function: Callable[[Array], PyTree], active: Bool[Array, ""] | bool) -> Callable[[Array], PyTree]:
    """Returns a function of equal values, whose gradient is not stopped by a relu that is dead as a whole.

    Where every unit of a relu is off for this image, or gets no gradient, the gradient of what is *descended* goes
    through those that it would push up, as if they were on. One image's relus do not depend on another's. Any relu is
    found that is computed as ``maximum(x, 0)``, which ``jax.nn.relu`` and ``relu6`` are.

    Source: lucid's ``redirected_relu_grad``, 2018; Olah et al., "Feature Visualization", Distill 2017,
    https://distill.pub/2017/feature-visualization

    Args:
      function: of one array; it is traced.
      active: whether to redirect at all.

    Example:
      >>> loss = lambda x: -jax.nn.relu(x).sum()
      >>> x = jnp.array([-1.0, -2.0])
      >>> print(jax.grad(loss)(x) + 0.0, jax.grad(redirect_relus(loss, True))(x))
      [0. 0.] [-1. -1.]
    """

    def redirected(argument: Array) -> PyTree:
        traced, shape = jax.make_jaxpr(function, return_shape=True)(argument)
        values = _evaluate(traced.jaxpr, traced.consts, [argument], jnp.asarray(active))
        return jax.tree.unflatten(jax.tree.structure(shape), values)

    return redirected


@jax.custom_vjp
def _relu(x: Array, active: Array) -> Array:
    del active
    return jnp.maximum(x, 0)


def _forward(x: Array, active: Array) -> tuple[Array, tuple[Array, Array]]:
    return jnp.maximum(x, 0), (x, active)


def _backward(kept: tuple[Array, Array], gradient: Array) -> tuple[Array, np.ndarray]:
    x, active = kept
    usual = jnp.where(x > 0, gradient, 0)
    through = jnp.where((x <= 0) & (gradient > 0), 0, gradient)  # a descent would push these further down
    stopped = active & jnp.all(usual == 0)
    return jnp.where(stopped, through, usual), np.zeros(active.shape, jax.dtypes.float0)


_relu.defvjp(_forward, _backward)


def _evaluate(jaxpr: Jaxpr, constants: Sequence, arguments: Sequence, active: Array) -> list:
    """Runs a jaxpr with its relus replaced."""
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *arguments], strict=True))

    def read(variable):
        return variable.val if isinstance(variable, Literal) else values[variable]

    for equation in jaxpr.eqns:
        operands = [read(variable) for variable in equation.invars]
        results = _apply(jaxpr, equation, operands, active)
        values.update(zip(equation.outvars, results, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _apply(whole: Jaxpr, equation, operands: list, active: Array) -> list:
    name, parameters = equation.primitive.name, equation.params
    if name == "max" and (kept := _rectified(equation)) is not None:
        return [_relu(operands[kept], active)]
    if name in _CALLS:
        inner = parameters["call_jaxpr" if name == "closed_call" else "jaxpr"]
        return _evaluate(inner.jaxpr, inner.consts, operands, active)
    if name == "custom_jvp_call" and _is_relu(parameters["call_jaxpr"].jaxpr):
        inner = parameters["call_jaxpr"]
        return _evaluate(inner.jaxpr, inner.consts, operands, active)
    # As it is. How a primitive is bound differs between versions of JAX; how a jaxpr is called does not.
    inputs = [
        (variable, operand)
        for variable, operand in zip(equation.invars, operands, strict=True)
        if not isinstance(variable, Literal)
    ]
    given = dict(inputs)
    alone = whole.replace(constvars=[], invars=list(given), outvars=equation.outvars, eqns=[equation])
    return jaxpr_as_fun(ClosedJaxpr(alone, []))(*given.values())


def _rectified(equation) -> int | None:
    """Returns the operand that a maximum takes with a constant 0; None for any other maximum."""
    zero = [
        isinstance(operand, Literal) and np.ndim(operand.val) == 0 and operand.val == 0 for operand in equation.invars
    ]
    return zero.index(False) if sum(zero) == 1 else None


def _is_relu(jaxpr: Jaxpr) -> bool:
    """Tells whether a function is a maximum with 0, with a cap on it or without, maybe inside of calls."""
    first = jaxpr.eqns[0] if jaxpr.eqns else None
    if first is None or any(equation.primitive.name != "min" for equation in jaxpr.eqns[1:]):
        return False
    if first.primitive.name in _CALLS:
        return _is_relu(first.params["call_jaxpr" if first.primitive.name == "closed_call" else "jaxpr"].jaxpr)
    return first.primitive.name == "max" and _rectified(first) is not None
