"""Relus: a function -> the same function, whose gradient also passes through dead relus."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxpr_as_fun
from jaxtyping import Array, Bool, PyTree

__all__ = ["redirect_relus"]

# Calls that stand for the equations inside them.
_CALLS = {"jit", "pjit", "closed_call"}


def redirect_relus(function: Callable[[Array], PyTree], active: Bool[Array, ""] | bool) -> Callable[[Array], PyTree]:
    """Returns a function with equal values, whose gradient passes through relus that are dead as a whole.

    If the gradient of a whole relu layer is zero, because each of its units is off or has no gradient from above, the
    gradient of the *descended* function passes through the units that it would increase, as if they were on. Otherwise
    the gradient is unchanged. The relus of different images are independent. A relu is recognized if it is computed as
    ``maximum(x, 0)``, as in ``jax.nn.relu`` and ``relu6``, also inside ``jax.jit``; not inside a loop or a branch, nor
    inside a function with its own derivative.

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


def _redirected(relu: Callable[[Array], Array], x: Array, active: Array) -> Array:
    """Applies a relu whose gradient is its own but where that is zero as a whole."""

    @jax.custom_vjp
    def applied(x: Array, active: Array) -> Array:
        del active
        return relu(x)

    def forward(x: Array, active: Array) -> tuple[Array, tuple[Array, Array, Callable]]:
        value, pull_back = jax.vjp(relu, x)
        return value, (x, active, pull_back)

    def backward(kept: tuple[Array, Array, Callable], gradient: Array) -> tuple[Array, np.ndarray]:
        x, active, pull_back = kept
        (usual,) = pull_back(gradient)
        through = jnp.where((x <= 0) & (gradient > 0), 0, gradient)  # a descent would push these further down
        stopped = active & jnp.all(usual == 0)
        return jnp.where(stopped, through, usual), np.zeros(active.shape, jax.dtypes.float0)

    applied.defvjp(forward, backward)
    return applied(x, active)


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
    if equation.primitive.name in _CALLS:
        inner = _inside(equation)
        return _evaluate(inner.jaxpr, inner.consts, operands, active)
    # How a primitive is bound differs between versions of JAX; how a jaxpr is called does not.
    pairs = zip(equation.invars, operands, strict=True)
    given = {variable: operand for variable, operand in pairs if not isinstance(variable, Literal)}
    alone = whole.replace(constvars=[], invars=list(given), outvars=equation.outvars, eqns=[equation])
    as_it_is = jaxpr_as_fun(ClosedJaxpr(alone, []))
    if _is_relu(equation):
        (x,) = given.values()
        return [_redirected(lambda x: as_it_is(x)[0], x, active)]
    return as_it_is(*given.values())


def _is_relu(equation) -> bool:
    """Tells whether an equation is a maximum with 0, or what stands for one: with a cap on it, inside of calls."""
    name = equation.primitive.name
    if name == "max":
        zeros = [isinstance(one, Literal) and np.ndim(one.val) == 0 and not one.val for one in equation.invars]
        return zeros.count(True) == 1
    if name not in {"custom_jvp_call", *_CALLS}:
        return False
    first, *rest = _inside(equation).jaxpr.eqns or [None]
    return first is not None and _is_relu(first) and all(one.primitive.name == "min" for one in rest)


def _inside(equation) -> ClosedJaxpr:
    """Returns what a call calls."""
    return equation.params["jaxpr" if "jaxpr" in equation.params else "call_jaxpr"]
