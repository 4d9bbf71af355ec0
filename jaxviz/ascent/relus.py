"""Relus: a function -> the same function, whose gradient also passes through dead relus."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn, Literal
from jaxtyping import Array, Bool, PyTree

from jaxviz.networks.traces import CALLS, as_usual, evaluate, inside

__all__ = ["redirect_relus"]


def redirect_relus(
    function: Callable[[Array], PyTree], active: Bool[Array, ""] | bool, *, nearest: bool = False
) -> Callable[[Array], PyTree]:
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
      nearest: whether only the unit with the largest input gets it, or several if they are equal. The gradient of all
        positions together may lead to an image, such as a black one, that activates none of them.

    Example:
      >>> loss = lambda x: -jax.nn.relu(x).sum()
      >>> x = jnp.array([-1.0, -2.0])
      >>> print(jax.grad(loss)(x) + 0.0, jax.grad(redirect_relus(loss, True))(x))
      [0. 0.] [-1. -1.]
    """

    def redirected(argument: Array) -> PyTree:
        traced, shape = jax.make_jaxpr(function, return_shape=True)(argument)

        def override(equation: JaxprEqn, operands: list) -> list | None:
            place = _relu_input(equation)
            if place is None:
                return None
            usual = as_usual(traced.jaxpr, equation)
            before, after = operands[:place], operands[place + 1 :]
            return [_redirected(lambda x: usual(*before, x, *after)[0], operands[place], jnp.asarray(active), nearest)]

        values = evaluate(traced, [argument], override)
        return jax.tree.unflatten(jax.tree.structure(shape), values)

    return redirected


def _redirected(relu: Callable[[Array], Array], x: Array, active: Array, nearest: bool) -> Array:
    """Applies a relu whose gradient is its own but where that is zero as a whole."""

    @jax.custom_vjp
    def applied(x: Array, active: Array) -> Array:
        del active
        return relu(x)

    def forward(x: Array, active: Array) -> tuple[Array, tuple[Array, Array, Callable]]:
        value, pull_back = jax.vjp(relu, x)
        return value, (x, active, pull_back)

    def backward(kept: tuple[Array, Array | bool, Callable], gradient: Array) -> tuple[Array, np.ndarray]:
        x, active, pull_back = kept
        (usual,) = pull_back(gradient)
        through = jnp.where((x <= 0) & (gradient > 0), 0, gradient)  # a descent would push these further down
        if nearest:
            willing = jnp.where(through == 0, -jnp.inf, x)
            through = jnp.where(willing < jnp.max(willing), 0, through)
        # A product sums all absolute values in one operation; XLA makes four of a reduction over a large array.
        stopped = active & (jnp.vdot(usual, jnp.sign(usual)) == 0)
        return jnp.where(stopped, through, usual), np.zeros(np.shape(active), jax.dtypes.float0)

    applied.defvjp(forward, backward)
    return applied(x, active)


def _relu_input(equation: JaxprEqn) -> int | None:
    """Returns which operand a relu reads; None for an equation that is no relu, and for calls, which are walked."""
    places = [place for place, variable in enumerate(equation.invars) if not isinstance(variable, Literal)]
    if len(places) != 1 or equation.primitive.name in CALLS or not _is_relu(equation):
        return None
    return places[0]


def _is_relu(equation: JaxprEqn) -> bool:
    """Tells whether an equation is a maximum with 0, or what stands for one: with a cap on it, inside of calls."""
    name = equation.primitive.name
    if name == "max":
        zeros = [isinstance(one, Literal) and np.ndim(one.val) == 0 and not one.val for one in equation.invars]
        return zeros.count(True) == 1
    if name not in {"custom_jvp_call", *CALLS}:
        return False
    first, *rest = inside(equation).jaxpr.eqns or [None]
    return first is not None and _is_relu(first) and all(one.primitive.name == "min" for one in rest)
