"""What does one program for all layers of a sweep save, and what does it cost?

Command:  pip install -e '.[photographs]' && python -m experiments.one_program
Time:     about five minutes of CPU time; --layers for fewer.
Expected: compiling takes less than a third of the time, steps take a few percent longer, and the images are the same.

One layer in each of the 16 blocks of EfficientNet-Lite0, 8 units, 32 steps, 96 x 96 pixels: once with a program for
each layer, once with one program, which leaves the network where the layer is. Seconds are those of all cores
together (CPU seconds), tracing included, with nothing on disk. Those of the steps are the smaller of two runs.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable
from functools import partial

import jax
import numpy as np
from rich.console import Console
from rich.table import Table

import jaxviz
from experiments.materials import efficientnet_lite
from jaxviz import cli
from jaxviz import objectives as obj
from jaxviz.ascent import batches
from jaxviz.objectives.choices import choice

BLOCKS = 16


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    jax.config.update("jax_enable_compilation_cache", False)
    side = arguments.side
    model = efficientnet_lite.load(0, input_shape=(side, side, 3))
    layers = [f"block{number}/project" for number in range(BLOCKS - arguments.layers, BLOCKS)]
    each = [obj.channel(layer, range(arguments.units)).resolve(model) for layer in layers]
    recipe = jaxviz.recipes.find(arguments.recipe).replace(steps=arguments.steps)

    def compiled(objective: obj.Objective) -> batches.Batch:
        return batches.compiled(model, objective, None, jax.random.key(0), recipe=recipe)

    shared, begun = _timed(partial(compiled, choice(each, 0)))
    rows, images = [], []
    for place, (layer, objective) in enumerate(zip(layers, each, strict=True)):
        alone, compiling = _timed(partial(compiled, objective))
        together = dataclasses.replace(shared, objective=choice(each, place))
        (own, own_seconds), (same, seconds) = (_climbed(batch) for batch in (alone, together))
        images.append(np.abs(own - same).max())
        rows.append((layer, compiling, own_seconds, seconds))
    table = Table(title=f"{arguments.units} units of each layer, {arguments.steps} steps of {recipe.name}, CPU seconds")
    for heading in ("layer", "compiling its own program", "its steps", "steps of the one program"):
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    for layer, *figures in rows:
        table.add_row(layer, *(f"{figure:.2f}" for figure in figures))
    compiling, steps, steps_of_one = np.sum([figures for _, *figures in rows], axis=0)
    table.add_row("all", f"{compiling:.1f}", f"{steps:.1f}", f"{steps_of_one:.1f}")
    console = Console()
    console.print(table)
    console.print(f"compiling the one program: {begun:.1f} CPU seconds, {begun / compiling:.2f} of {compiling:.1f}")
    console.print(f"its steps: {steps_of_one / steps:.2f} of the time; largest difference of a pixel: {max(images):g}")


def _timed(work: Callable[[], batches.Batch]) -> tuple[batches.Batch, float]:
    begin = time.process_time()
    return work(), time.process_time() - begin


def _climbed(batch: batches.Batch) -> tuple[np.ndarray, float]:
    seconds = []
    for _ in range(2):
        begin = time.process_time()
        images = [arrays["image"] for _, arrays in batch.made(range(-(-batch.count // batch.chunk)))]
        seconds.append(time.process_time() - begin)
    return np.concatenate(images)[: batch.count], min(seconds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.one_program",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--layers", type=int, default=BLOCKS, help="how many, the last ones; default %(default)s")
    parser.add_argument("--units", type=int, default=8, help="of each layer; default %(default)s")
    parser.add_argument("--steps", type=int, default=32, help="default %(default)s")
    parser.add_argument("--side", type=int, default=96, help="pixels of an image's side; default %(default)s")
    parser.add_argument("--recipe", default="photographs-quick", help="default %(default)s")
    return parser


if __name__ == "__main__":
    cli.run(main)
