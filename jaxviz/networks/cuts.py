"""Cuts: a network and a layer -> what comes after the layer, as a function of the layer's activation."""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn
from jaxtyping import Array, Float

from jaxviz.networks.activations import Activations
from jaxviz.networks.graphs import is_activation
from jaxviz.networks.model import Model
from jaxviz.networks.traces import CALLS, as_usual, evaluate
from jaxviz.values.errors import JaxvizError

__all__ = ["Halves", "cut"]

Answer = TypeVar("Answer")

# Equations that leave every number as it is, or give it another place.
_PLACING = {"broadcast_in_dim", "copy", "expand_dims", "reshape", "squeeze", "transpose"}
_EXACT = 1 << 24  # whole numbers that float32 tells apart


class Halves(NamedTuple):
    """A network in two halves, for one image.

    Attributes:
      activation: the activation of the layer at which it is cut.
      rest: what comes after: an activation of the layer -> the answer.
    """

    activation: Float[Array, "..."]
    rest: Callable[[Array], Array]


class _Step(NamedTuple):
    equation: JaxprEqn
    reads: tuple[int, ...]
    gives: tuple[int, ...]


def cut(
    model: Model,
    layer: str,
    question: Callable[[Activations], Array],
    image: Float[Array, "..."],
    *,
    linear: bool = False,
) -> Halves:
    """Cuts a network at a layer, so that an answer can be computed, and derived, from that layer's activation.

    The network is traced, and run again with the activation in the place of what it had computed there.

    Args:
      model: the network.
      layer: the layer's name.
      question: what is asked of the activations, one array.
      image: ``[*canvas.shape]``.
      linear: whether activation functions after the layer pass on what they are given.

    Raises:
      JaxvizError: the model has no such layer, or the answer does not depend on it.

    Example:
      >>> import jaxviz
      >>> halves = cut(jaxviz.default_model(), "conv2d_4", lambda a: a["dense_3"][3], jnp.zeros((28, 28, 1)))
      >>> halves.activation.shape, jax.grad(halves.rest)(halves.activation).shape
      ((7, 7, 64), (7, 7, 64))
    """
    model.layer(layer)

    def both(image: Array) -> tuple[Array, Array]:
        return model.ask(image, lambda activations: (activations[layer], question(activations)))

    closed = jax.make_jaxpr(both)(image)
    steps, (found, answer) = _numbered(closed)
    source, placing = _source(steps, found)
    if answer not in _after(steps, source):
        raise JaxvizError(f"the objective does not depend on layer {layer!r}; name a layer before those that it reads")
    shape = next(
        _shape(variable)
        for step in steps
        for variable, number in zip(step.equation.outvars, step.gives, strict=True)
        if number == source
    )
    places = _places(closed, placing, shape)

    def run(activation: Array | None) -> list[Array]:
        count = iter(range(len(steps) + 1))
        order = [step.gives for step in steps]

        def override(equation: JaxprEqn, operands: list) -> list | None:
            past = activation is not None and is_activation(equation) and linear
            if equation.primitive.name in CALLS and not is_activation(equation):
                return None
            gives = order[next(count)]
            results = [operands[0]] if past else as_usual(closed.jaxpr, equation)(*operands)
            if activation is None or source not in gives:
                return results
            flat = activation.reshape(-1)
            own = flat if places is None else flat[places]
            return [own.reshape(shape) if number == source else one for one, number in zip(results, gives, strict=True)]

        return evaluate(closed, [image], override)

    return Halves(run(None)[0], lambda activation: run(activation)[1])


def _numbered(closed: ClosedJaxpr) -> tuple[list[_Step], list[int]]:
    """Returns the equations in order, with a number for each value, and the numbers of the outputs."""
    steps: list[_Step] = []
    last = 0

    def override(equation: JaxprEqn, operands: list) -> list | None:
        nonlocal last
        if equation.primitive.name in CALLS and not is_activation(equation):
            return None
        gives = tuple(range(last + 1, last + 1 + len(equation.outvars)))
        last += len(equation.outvars)
        steps.append(_Step(equation, tuple(one for one in operands if isinstance(one, int)), gives))
        return list(gives)

    return steps, evaluate(closed, [0] * len(closed.jaxpr.invars), override)


def _source(steps: list[_Step], number: int) -> tuple[int, list[JaxprEqn]]:
    """Follows a value back to where it was not yet reshaped or transposed; returns that value, and the way from it."""
    givers = {number: step for step in steps for number in step.gives}
    way: list[JaxprEqn] = []
    while (step := givers.get(number)) and step.equation.primitive.name in _PLACING and len(step.reads) == 1:
        before, after = (math.prod(_shape(end[0])) for end in (step.equation.invars, step.equation.outvars))
        if before != after or step.reads[0] not in givers:
            break
        way.insert(0, step.equation)
        number = step.reads[0]
    return number, way


def _shape(variable) -> tuple[int, ...]:
    return variable.aval.shape


def _after(steps: list[_Step], source: int) -> set[int]:
    """Returns the numbers of all values that depend on one, itself included."""
    found = {source}
    for step in steps:
        if found.intersection(step.reads):
            found.update(step.gives)
    return found


def _places(closed: ClosedJaxpr, way: list[JaxprEqn], shape: tuple[int, ...]) -> np.ndarray | None:
    """Returns where each number of the source stands in the activation; None where the order is the same."""
    size = math.prod(shape)
    if all(equation.primitive.name != "transpose" for equation in way):
        return None
    if size > _EXACT:
        raise JaxvizError(f"an activation of {size:,} numbers, transposed, is too large to cut at; at most {_EXACT:,}")
    with jax.ensure_compile_time_eval():
        numbers = jnp.arange(size, dtype=jnp.float32).reshape(shape)
        for equation in way:
            (numbers,) = as_usual(closed.jaxpr, equation)(numbers)
    return np.argsort(np.asarray(numbers).reshape(-1).astype(np.int64))
