"""How fast are the article's five pictures, and how near is that to what the machine can do?

Command:  JAXVIZ_CACHE_DIR= python -m experiments.benchmark      (without the empty variable: with a warm cache)
Time:     about 3 minutes on 2 cores; let nothing else run.
Expected: each of conv2d_3, conv2d_4 and the digits at half of the matrix-product peak or more.

Needed operations are those of the sliced computation: every layer below the target forward and backward, of the target
one channel. The peak is that of a 4096 x 4096 float32 matrix product, measured before and after in the same run.
"""

import argparse
import json
import math
import os
import platform
import statistics
import time
from pathlib import Path

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

import jaxviz
from jaxviz import cli
from jaxviz import objectives as obj

DIGITS = "digits"
SIDE = 4096


def matrix_product_peak() -> float:
    """Returns the best of five 4096 x 4096 matrix products, in operations a second."""
    matrix = jnp.ones((SIDE, SIDE), jnp.float32)
    product = jax.jit(lambda matrix: matrix @ matrix)
    return 2 * SIDE**3 / min(_seconds(lambda: product(matrix).block_until_ready()) for _ in range(6))


def needed_operations(model: jaxviz.Model, target: str) -> float:
    """Returns the floating-point operations of one image and step: multiplications and additions, both ways."""
    total = 0.0
    for layer in model.layers:
        weights = model.variables["params"].get(layer.name)
        if weights is not None:
            positions = math.prod(layer.output_shape[:-1])
            share = layer.output_shape[-1] if layer.name == target else 1
            total += 2 * math.prod(weights["kernel"].shape) * positions / share
        if layer.name == target:
            break
    return 2 * total


def measure(model: jaxviz.Model, target: str, steps: int | None, runs: int) -> dict:
    """Times one picture: the first call with compiling, then the median of some more."""
    recipe = jaxviz.recipes.PRESETS["seed-digits" if target == DIGITS else "seed"]
    recipe = recipe.replace(steps=steps or recipe.steps)
    objective = obj.class_probability() if target == DIGITS else obj.channel(target)

    def run(seed: int) -> None:
        jaxviz.visualize(model, objective, recipe, key=jax.random.key(seed))

    first = _seconds(lambda: run(0))
    seconds = statistics.median(_seconds(lambda seed=seed: run(seed)) for seed in range(1, runs + 1))
    images = len(objective.resolve(model).labels())
    operations = needed_operations(model, target) * images * recipe.steps
    return {
        "picture": target,
        "images": images,
        "steps": recipe.steps,
        "seconds": seconds,
        "compile_seconds": first - seconds,
        "operations": operations,
        "operations_a_second": operations / seconds,
    }


def _seconds(work) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=3, help="timed runs of each, after the first; default %(default)s")
    parser.add_argument("--steps", type=int, help="steps of every ascent; the recipes' own numbers when left out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    arguments = parser.parse_args(argv)
    if arguments.runs < 1:
        raise jaxviz.JaxvizError(f"runs of {arguments.runs}: give 1 or more")

    model = jaxviz.default_model()
    targets = [layer.name for layer in model.layers if layer.kind == "Conv2D"] + [DIGITS]
    before = matrix_product_peak()
    rows = [measure(model, target, arguments.steps, arguments.runs) for target in targets]
    peak = max(before, matrix_product_peak())
    console = Console()
    table = Table(title=f"{os.cpu_count()} cores, {peak / 1e9:.0f} GFLOP/s peak, jax {jax.__version__}")
    for heading in ("picture", "images", "steps", "seconds", "compile", "GFLOP", "GFLOP/s", "of peak"):
        table.add_column(heading, justify="left" if heading == "picture" else "right")
    for row in rows:
        row["fraction_of_peak"] = row["operations_a_second"] / peak
        table.add_row(
            row["picture"],
            str(row["images"]),
            str(row["steps"]),
            f"{row['seconds']:.2f}",
            f"{row['compile_seconds']:.2f}",
            f"{row['operations'] / 1e9:.1f}",
            f"{row['operations_a_second'] / 1e9:.0f}",
            f"{row['fraction_of_peak']:.2f}",
        )
    console.print(table)
    if arguments.json:
        machine = {"cores": os.cpu_count(), "processor": platform.machine(), "backend": jax.default_backend()}
        facts = {"machine": machine, "peak_operations_a_second": peak, "jax": jax.__version__, "pictures": rows}
        arguments.json.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    cli.run(main)
