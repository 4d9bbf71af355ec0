"""How fast are jaxviz and other libraries, and which share of the machine's peak does jaxviz reach?

Command:  pip install -e '.[benchmark,photographs]' efficientnet_lite_pytorch && python -m experiments.benchmark
Time:     35 minutes on 2 cores with every peer installed (25 with --runs 1), 10 with --alone; let nothing else run.
Expected: see docs/performance.md; each of conv2d_3, conv2d_4 and the digits at half of the matrix-product peak or more.

Each engine works in its own process, and the engines take turns. Seconds are the median of the runs after the first
run. A run of more than 20 seconds is not repeated. The needed operations are those of the sliced computation: forward
and backward through every layer below the target, and one channel of the target. The peak is the speed of a 4096 x
4096 float32 matrix product, measured before and after.
"""

import argparse
import contextlib
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

import jaxviz
from experiments.materials import photograph_peers
from experiments.materials.peers import ENGINES, Child, Work, compile_clock
from jaxviz import cli
from jaxviz.keras.default import default_path

OURS = "jaxviz"
PARTS = ("pictures", "cache", "large", "lite0", "resnet50")
SIDE = 4096
PHOTOGRAPH_STEPS = 16
LITE0_ENGINES = ("jaxviz, lucid", "torch, lucid")
RESNET50_ENGINES = (OURS, "TensorFlow, batched", "torch, ResNet50, channels last", "torch, ResNet50, contiguous")
COMPILED_STEPS = 4  # the size of a program does not depend on the number of steps
SLOW = 20.0  # seconds, beyond which a run is not repeated


def matrix_product_peak() -> float:
    """Returns the best of six 4096 x 4096 matrix products, in operations a second."""
    matrix = jnp.ones((SIDE, SIDE), jnp.float32)
    product = jax.jit(lambda matrix: matrix @ matrix)
    seconds = []
    for _ in range(6):
        begin = time.perf_counter()
        product(matrix).block_until_ready()
        seconds.append(time.perf_counter() - begin)
    return 2 * SIDE**3 / min(seconds)


def needed_operations(model: jaxviz.Model, target: str) -> float:
    """Returns the floating-point operations of one image and step, forward and backward."""
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


def pictures(steps: int | None) -> list[Work]:
    """Returns the article's five."""
    model, path = jaxviz.default_model(), str(default_path().absolute())
    works = [
        Work(
            name=layer.name,
            path=path,
            input_shape=(28, 28, 1),
            layer=layer.name,
            units=layer.output_shape[-1],
            steps=steps or 256,
        )
        for layer in model.layers
        if layer.kind == "Conv2D"
    ]
    digits = Work(
        name="digits",
        path=path,
        input_shape=(28, 28, 1),
        layer=model.output,
        units=10,
        steps=steps or 4096,
        digits=True,
    )
    return [*works, digits]


def compare(
    work: Work, engines: list[str], runs: int, module: str = "experiments.materials.peers"
) -> dict[str, dict[str, float]]:
    """Times one piece of work on several engines of a module, which take turns."""
    with contextlib.ExitStack() as stack:
        children = {name: stack.enter_context(Child(name, work, module=module)) for name in engines}
        results: dict[str, list[dict[str, float]]] = {name: [] for name in engines}
        for _ in range(runs):
            for name, child in children.items():
                if child.first["seconds"] < SLOW:
                    results[name].append(child.run())
        return {name: _summary(child.first, results[name]) for name, child in children.items()}


def _summary(first: dict[str, float], others: list[dict[str, float]]) -> dict[str, float]:
    compiling = first["compiling"]
    alone = first["seconds"] - (0 if math.isnan(compiling) else compiling)
    seconds = statistics.median([run["seconds"] for run in others] or [alone])
    return {
        "seconds": seconds,
        # Libraries that do not report the time to compile: the first run's time less the others'.
        "compile_seconds": max(0.0, first["seconds"] - seconds) if math.isnan(compiling) else compiling,
        "first_seconds": first["seconds"],
        "memory": max(run["memory"] for run in [first, *others]),
        "runs": max(1, len(others)),
    }


def five_pictures(engines: list[str], steps: int | None, runs: int, peak: float, console: Console) -> dict:
    """The article's pictures on every engine, and the fraction of the machine's peak that jaxviz reaches."""
    model, rows = jaxviz.default_model(), {}
    for work in pictures(steps):
        console.print(f"{work.name} …")
        row = rows[work.name] = compare(work, engines, runs)
        operations = needed_operations(model, work.layer) * work.units * work.steps
        row[OURS] |= {"operations": operations, "fraction_of_peak": operations / row[OURS]["seconds"] / peak}
    table = Table(title="The five pictures: seconds, and how many times as long as jaxviz")
    for heading in ("engine", *rows, "all", "compiling", "memory, MB"):
        table.add_column(heading, justify="left" if heading == "engine" else "right")
    for name in engines:
        seconds = {picture: row[name]["seconds"] for picture, row in rows.items()}
        times = {picture: seconds[picture] / row[OURS]["seconds"] for picture, row in rows.items()}
        total = sum(seconds.values())
        table.add_row(
            name,
            *(f"{seconds[picture]:.2f}" + (f" ({times[picture]:.1f})" if name != OURS else "") for picture in rows),
            f"{total:.1f}",
            f"{sum(row[name]['compile_seconds'] for row in rows.values()):.1f}",
            f"{max(row[name]['memory'] for row in rows.values()) / 1e6:.0f}",
        )
    console.print(table)
    table = Table(title=f"jaxviz against the peak of {peak / 1e9:.0f} GFLOP/s")
    for heading in ("picture", "images", "steps", "seconds", "compiling", "GFLOP", "GFLOP/s", "of peak"):
        table.add_column(heading, justify="left" if heading == "picture" else "right")
    for work in pictures(steps):
        ours = rows[work.name][OURS]
        figures = (ours["operations"] / 1e9, ours["operations"] / ours["seconds"] / 1e9)
        table.add_row(
            *(work.name, str(work.units), str(work.steps), f"{ours['seconds']:.2f}", f"{ours['compile_seconds']:.2f}"),
            *(f"{figures[0]:.1f}", f"{figures[1]:.0f}", f"{ours['fraction_of_peak']:.2f}"),
        )
    console.print(table)
    return rows


def compile_all() -> float:
    """Returns the seconds that this process spends on tracing, lowering and compiling the five pictures."""
    clock = 0.0
    for work in pictures(COMPILED_STEPS):
        run = ENGINES[OURS].prepare(work)
        compiling = compile_clock()
        run(0)
        clock += compiling()
    return clock


def second_process(console: Console) -> dict[str, float]:
    """Returns the seconds that a second process spends on compiling, with the programs of the first on disk."""
    code = "from experiments import benchmark; print(benchmark.compile_all())"
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"JAXVIZ_CACHE_DIR": cache}
        cold, warm = (
            float(subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout)
            for _ in range(2)
        )
    console.print(f"compiling all five: {cold:.2f} s, in a second process {warm:.2f} s")
    return {"cold": cold, "warm": warm}


@contextlib.contextmanager
def vgg16() -> Iterator[str]:
    """Returns the path of VGG16 from keras.applications, with random weights."""
    try:
        from tf_keras.applications import VGG16
    except ImportError:
        os.environ.setdefault("KERAS_BACKEND", "jax")
        from keras.applications import VGG16

    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "vgg16.h5")
        VGG16(weights=None, include_top=False, input_shape=(224, 224, 3)).save(path)
        yield path


def large(engines: list[str], runs: int, console: Console) -> dict:
    """Compares VGG16 with other libraries at 224 x 224, and times jaxviz alone with increasing numbers of filters."""
    results: dict = {}
    with vgg16() as path:

        def work(layer: str, side: int, units: int, steps: int) -> Work:
            name = f"{layer}, {side} x {side}, {units} filters, {steps} steps"
            shape = (side, side, 3)
            return Work(name=name, path=path, input_shape=shape, layer=layer, units=units, steps=steps, largest=1.0)

        others = [name for name in engines if name in (OURS, "TensorFlow, batched", "tf-keras-vis")]
        table = Table(title="VGG16, random weights")
        for heading in ("work", "engine", "seconds", "a filter", "compiling", "memory, MB"):
            table.add_column(heading, justify="left" if heading in ("work", "engine") else "right")
        jobs = [(work("block5_conv3", 224, 3, 8), others, runs)]
        jobs += [(work("block3_conv3", 64, units, 16), [OURS], 1) for units in (64, 128, 256)]
        jobs += [(work("block3_conv3", 224, units, 2), [OURS], 1) for units in (64, 256)]
        for job, names, times in jobs:
            console.print(f"VGG16 {job.name} …")
            results[job.name] = compare(job, names, times)
            for name, row in results[job.name].items():
                figures = (row["seconds"], row["seconds"] / job.units, row["compile_seconds"])
                table.add_row(job.name, name, *(f"{figure:.3g}" for figure in figures), f"{row['memory'] / 1e6:.0f}")
        console.print(table)
    return results


@contextlib.contextmanager
def resnet50() -> Iterator[str]:
    """Returns the path of ResNet50 from keras.applications, with random weights."""
    try:
        from tf_keras.applications import ResNet50
    except ImportError:
        os.environ.setdefault("KERAS_BACKEND", "jax")
        from keras.applications import ResNet50

    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "resnet50.h5")
        ResNet50(weights=None, include_top=False, input_shape=(224, 224, 3)).save(path)
        yield path


def photographs(
    parts: list[str], alone: bool, counts: list[int], steps: int | None, runs: int, console: Console
) -> dict:
    """Compares networks of photographs with other libraries: seconds of a step and image, and of a whole first call."""
    results: dict = {}
    table = Table(title="Networks of photographs at 224 x 224")
    for heading in ("work", "engine", "a step and image, s", "times", "first call, s", "compiling, s", "memory, MB"):
        table.add_column(heading, justify="left" if heading in ("work", "engine") else "right")
    jobs: list[tuple[Work, list[str]]] = []
    with contextlib.ExitStack() as stack:
        for part, layer, file, engines in (
            ("lite0", "logits", contextlib.nullcontext(""), LITE0_ENGINES),
            ("resnet50", "conv4_block6_out", resnet50(), RESNET50_ENGINES),
        ):
            if part not in parts:
                continue
            path = stack.enter_context(file)
            for units in counts:
                work = Work(
                    name=f"{part}, {units} image{'s' if units > 1 else ''}",
                    path=path,
                    input_shape=(224, 224, 3),
                    layer=layer,
                    units=units,
                    steps=steps or PHOTOGRAPH_STEPS,
                    largest=1.0,
                )
                some = [name for name in engines if photograph_peers.ENGINES[name].installed]
                jobs.append((work, some[:1] if alone else some))
        for work, names in jobs:
            console.print(f"{work.name} …")
            found = results[work.name] = compare(work, names, runs, photograph_peers.__name__)
            for name, row in found.items():
                a_step = row["seconds"] / work.steps / work.units
                times = row["seconds"] / found[names[0]]["seconds"]
                figures = (
                    f"{a_step:.3g}",
                    f"{times:.2f}",
                    f"{row['first_seconds']:.1f}",
                    f"{row['compile_seconds']:.1f}",
                )
                table.add_row(work.name, name, *figures, f"{row['memory'] / 1e6:.0f}")
                console.print(f"  {name}: {figures[0]} s a step and image, first call {figures[2]} s")
    console.print(table)
    return results


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--runs", type=int, default=3, help="timed runs of each engine, after a first run; default %(default)s"
    )
    parser.add_argument(
        "--steps", type=int, help="steps of the pictures; default: the article's numbers, 16 for lite0 and resnet50"
    )
    parser.add_argument(
        "--images", type=int, nargs="+", default=[1, 4], help="images of lite0 and resnet50; default %(default)s"
    )
    parser.add_argument("--only", choices=PARTS, help="run only this part")
    parser.add_argument("--alone", action="store_true", help="run jaxviz without the other libraries")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    arguments = parser.parse_args(argv)
    if arguments.runs < 1:
        raise jaxviz.JaxvizError(f"runs of {arguments.runs}: give 1 or more")
    if arguments.steps is not None and arguments.steps < 1:
        raise jaxviz.JaxvizError(f"steps of {arguments.steps}: give 1 or more")

    console = Console(width=160)  # wide enough for the tables when the output goes to a file
    engines = [OURS] if arguments.alone else [name for name, engine in ENGINES.items() if engine.installed]
    if missing := [name for name in ENGINES if name not in engines and not arguments.alone]:
        console.print(f"not installed: {', '.join(missing)}; pip install -e '.[benchmark]' brings them")
    parts = [arguments.only] if arguments.only else list(PARTS)
    peak = matrix_product_peak()
    machine = {"cores": os.cpu_count(), "processor": platform.machine(), "backend": jax.default_backend()}
    facts: dict = {"machine": machine, "jax": jax.__version__, "peak_operations_a_second": peak}
    console.print(f"{machine['cores']} cores, {peak / 1e9:.0f} GFLOP/s peak, jax {jax.__version__}")
    if "pictures" in parts:
        facts["pictures"] = five_pictures(engines, arguments.steps, arguments.runs, peak, console)
    if "cache" in parts:
        facts["compiling_all_five"] = second_process(console)
    if "large" in parts:
        facts["large"] = large(engines, arguments.runs, console)
    if of_photographs := [part for part in parts if part in ("lite0", "resnet50")]:
        settings = (arguments.alone, arguments.images, arguments.steps, arguments.runs)
        facts["photographs"] = photographs(of_photographs, *settings, console)
    after = matrix_product_peak()
    console.print(f"peak afterwards: {after / 1e9:.0f} GFLOP/s")
    facts["peak_afterwards"] = after
    if arguments.json:
        arguments.json.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    cli.run(main)
