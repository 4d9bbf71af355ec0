"""How far do scores move when the network is computed in bfloat16, or its products in TF32?

Command:  python -m experiments.bfloat16
          python -m experiments.bfloat16 --precision tensorfloat32
Time:     about 2 minutes on 2 cores.
Expected: the median score of the same image differs by less than 1 % (up to 13 % for the weakest channels), and the
scores after the ascent, computed in float32, differ by less than 4 %.

Each layer of the article's network is optimized twice from the same images, once in each precision. "The same image"
compares the first scores, before any step. "After the ascent" compares the final scores, both computed in float32.

A CPU has no TF32, so it is imitated: the factors of every product, forward and backward, are rounded to 10 bits of
mantissa, and the sums are in float32. The sums of a GPU are rounded in its own way.
"""

import argparse
import dataclasses
from collections.abc import Callable

import jax
import numpy as np
from jax import lax
from jax.extend.core import JaxprEqn
from jaxtyping import Array, PyTree
from rich.console import Console
from rich.table import Table

import jaxviz
from jaxviz import cli
from jaxviz import objectives as obj
from jaxviz.networks import traces
from jaxviz.networks.activations import Module
from jaxviz.networks.precision import in_precision

_MANTISSA = 10  # bits, of TF32


@dataclasses.dataclass(frozen=True)
class _Imitated:
    """A network whose products have factors of TF32."""

    module: Module

    def apply(self, variables: PyTree, image: Array, question: Callable, /) -> PyTree:
        def answer(image: Array) -> PyTree:
            return self.module.apply(variables, image, question)

        traced, shape = jax.make_jaxpr(answer, return_shape=True)(image)

        def override(equation: JaxprEqn, factors: list) -> list | None:
            if equation.primitive.name not in ("dot_general", "conv_general_dilated"):
                return None
            usual = traces.as_usual(traced.jaxpr, equation)
            return [_rounding(lambda one, other: usual(one, other)[0])(*factors)]

        return jax.tree.unflatten(jax.tree.structure(shape), traces.evaluate(traced, [image], override))


def _rounding(product: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    """Returns a product of rounded factors, as those of its gradient are."""

    @jax.custom_vjp
    def rounded(one: Array, other: Array) -> Array:
        return product(_rounded(one), _rounded(other))

    def forward(one: Array, other: Array) -> tuple[Array, tuple[Array, Array]]:
        return rounded(one, other), (one, other)

    def backward(factors: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
        return jax.vjp(product, *map(_rounded, factors))[1](_rounded(gradient))

    rounded.defvjp(forward, backward)
    return rounded


def _rounded(factor: Array) -> Array:
    return lax.reduce_precision(factor, exponent_bits=8, mantissa_bits=_MANTISSA)


def in_coarse(model: jaxviz.Model, precision: str) -> jaxviz.Model:
    """Returns the model in a precision that this machine may not have."""
    if precision == "tensorfloat32":
        return model.replace(module=_Imitated(model.module))
    return in_precision(model, precision)


def moved(
    model: jaxviz.Model, layer: str, steps: int | None, precision: str = "bfloat16"
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the changes of the scores of a layer's active channels, relative to float32."""
    objective = obj.channel(layer)
    exact, coarse = (
        jaxviz.visualize(one, objective, "seed", steps=steps, precision="float32")
        for one in (model, in_coarse(model, precision))
    )
    again = jaxviz.visualize(model, objective, "seed", steps=1, start=coarse.images, precision="float32")
    first, last = exact.scores[:, 0], exact.final_scores
    alive = (first > 0) & (last > 0)
    return coarse.scores[alive, 0] / first[alive] - 1, again.scores[alive, 0] / last[alive] - 1


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.bfloat16",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--layers", default="conv2d_1,conv2d_2,conv2d_3,conv2d_4", help="default %(default)s")
    parser.add_argument("--steps", type=int, help="256 when left out")
    parser.add_argument(
        "--precision", choices=("bfloat16", "tensorfloat32"), default="bfloat16", help="default %(default)s"
    )
    arguments = parser.parse_args(argv)
    model = jaxviz.default_model()
    table = Table(title=f"scores in {arguments.precision}, relative to float32")
    for heading in ("layer", "alive", "same image: median", "largest", "after the climb: median", "lowest", "highest"):
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    for layer in arguments.layers.split(","):
        same, reached = moved(model, layer, arguments.steps, arguments.precision)
        figures = (np.median(abs(same)), abs(same).max(), np.median(reached), reached.min(), reached.max())
        table.add_row(layer, str(len(same)), *(f"{figure:+.4f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    cli.run(main)
