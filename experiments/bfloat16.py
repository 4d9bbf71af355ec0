"""How far do scores move when the network is computed in bfloat16?

Command:  python -m experiments.bfloat16
Time:     about 2 minutes on 2 cores.
Expected: the median score of the same image differs by less than 1 % (up to 13 % for the weakest channels), and the
scores after the ascent, computed in float32, differ by less than 4 %.

Each layer of the article's network is optimized twice from the same images, once in each precision. "The same image"
compares the first scores, before any step. "After the ascent" compares the final scores, both computed in float32.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

import jaxviz
from jaxviz import cli
from jaxviz import objectives as obj


def moved(model: jaxviz.Model, layer: str, steps: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns the changes of the scores of a layer's active channels, relative to float32."""
    objective = obj.channel(layer)
    exact, coarse = (
        jaxviz.visualize(model, objective, "seed", steps=steps, precision=precision)
        for precision in ("float32", "bfloat16")
    )
    again = jaxviz.visualize(model, objective, "seed", steps=1, start=coarse.images)  # its first score, in float32
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
    arguments = parser.parse_args(argv)
    model = jaxviz.default_model()
    table = Table(title="scores in bfloat16, relative to float32")
    for heading in ("layer", "alive", "same image: median", "largest", "after the climb: median", "lowest", "highest"):
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    for layer in arguments.layers.split(","):
        same, reached = moved(model, layer, arguments.steps)
        figures = (np.median(abs(same)), abs(same).max(), np.median(reached), reached.min(), reached.max())
        table.add_row(layer, str(len(same)), *(f"{figure:+.4f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    cli.run(main)
