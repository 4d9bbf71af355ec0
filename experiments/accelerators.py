"""What does a step of each recipe cost on a TPU, by the account of the TPU's own compiler?

Command:  pip install -e '.[accelerators]' && python -m experiments.accelerators --networks mnist
          (each result is appended to the file of --results, and a second run goes on)
Time:     2 minutes of CPU time for a recipe on the MNIST network, more on the others; no TPU.
Expected: the table of docs/performance.md; no recipe that moves more than 20 times the bytes of another.

Measured by the compiler, not by a clock: the package libtpu contains the compiler, and compiles for devices that are
not there. The numbers are of the images that the memory rule puts on one device of 16 GB. Bytes and operations are
those of one step and of the start. The compiler counts the views of a step, which are a loop, once; here they are
multiplied by the number of views, which counts the rest of the step too often. The time is the longer of two: bytes at
the bandwidth of the memory, and operations at the peak of float32, which takes six passes of the matrix unit.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp

import jaxviz
from jaxviz import cli
from jaxviz import objectives as obj
from jaxviz.ascent import chunks, programs
from jaxviz.recipes.presets import PRESETS

MEMORY = 16 << 30  # bytes of a TPU v5e
BANDWIDTH = 819e9  # bytes a second, likewise: https://cloud.google.com/tpu/docs/v5e
PEAK = 197e12 / 6  # operations a second: those of bfloat16, in six passes

HEADINGS = (
    *("network", "recipe", "topology", "devices", "precision", "images", "compile, CPU s", "GB", "GFLOP"),
    *("temporary, GB", "roofline, ms"),
)


def topology(name: str, count: int) -> Sequence[jax.Device]:
    """Returns devices that are not there, such as those of ``"v5e:2x2"``."""
    if importlib.util.find_spec("libtpu") is None:
        raise jaxviz.JaxvizError("libtpu is not installed; install it with: pip install -e '.[accelerators]'")
    from jax.experimental import topologies

    # It shall not look for a TPU, nor keep others from compiling.
    settings = {
        "TPU_SKIP_MDS_QUERY": "1",
        "TPU_ACCELERATOR_TYPE": "v5litepod-4",
        "TPU_WORKER_HOSTNAMES": "localhost",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    }
    for variable, value in settings.items():
        os.environ.setdefault(variable, value)
    devices = topologies.get_topology_desc(platform="tpu", topology_name=name).devices
    if not 1 <= count <= len(devices):
        raise jaxviz.JaxvizError(f"devices of {count}: {name} has {len(devices)}")
    return devices[:count]


def mnist() -> tuple[jaxviz.Model, str]:
    return jaxviz.default_model(), "conv2d_4"


def lite0() -> tuple[jaxviz.Model, str]:
    """Returns EfficientNet-Lite0 at 224 x 224; all weights are zero, which costs as much as any others."""
    from experiments.materials.efficientnet_lite import EfficientNetLite

    network, shape = EfficientNetLite(0), (224, 224, 3)
    shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, *shape)))
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), {"params": shapes["params"]})
    return jaxviz.from_linen(network, zeros, shape, preprocessing="0-1"), "head_relu"


def vgg16() -> tuple[jaxviz.Model, str]:
    from experiments.benchmark import vgg16 as file

    with file() as path:
        return jaxviz.keras.load(path).with_preprocessing("0-1"), "block5_conv3"


NETWORKS: dict[str, Callable[[], tuple[jaxviz.Model, str]]] = {"mnist": mnist, "lite0": lite0, "vgg16": vgg16}


@dataclasses.dataclass(frozen=True)
class Account:
    """What a compiler says of a program, for one device.

    Attributes:
      images: how many the device optimizes together.
      seconds: of a processor, to trace, lower and compile.
      bytes: moved in one step.
      operations: in one step.
      temporary: bytes of memory beside the arguments and the results.
    """

    images: int
    seconds: float
    bytes: float
    operations: float
    temporary: int

    @property
    def roofline(self) -> float:
        """Seconds of a step, at least."""
        return max(self.bytes / BANDWIDTH, self.operations / PEAK)


def account(
    model: jaxviz.Model, layer: str, recipe: jaxviz.Recipe, devices: Sequence[jax.Device], images: int | None = None
) -> Account:
    """Compiles a recipe for devices, and returns what the compiler says of it."""
    objective = obj.channel(layer, 0).resolve(model)
    width = images or chunks.most(model, "tpu", MEMORY, recipe.restarts)
    begin = time.process_time()
    while True:
        try:
            compiled = programs.lowered_for(devices, model, objective, recipe=recipe, width=width).compile()
            break
        except jax.errors.JaxRuntimeError as error:  # the compiler refuses what does not fit, as it does `visualize`
            if "RESOURCE_EXHAUSTED" not in str(error) or images or width == 1:
                raise
            width //= 2
    seconds, costs, memory = time.process_time() - begin, compiled.cost_analysis(), compiled.memory_analysis()
    if costs is None or memory is None:
        raise jaxviz.JaxvizError(f"the compiler for {devices[0].device_kind} gives no account of the program")
    moved, operations = (costs[name] * recipe.views for name in ("bytes accessed", "flops"))
    return Account(width, seconds, moved, operations, memory.temp_size_in_bytes)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.accelerators",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--networks", default=",".join(NETWORKS), help="default %(default)s")
    parser.add_argument("--recipes", default=",".join(PRESETS), help="default %(default)s")
    parser.add_argument("--topology", default="v5e:2x2", help="default %(default)s")
    parser.add_argument("--devices", type=int, default=1, help="how many share the images; default %(default)s")
    parser.add_argument("--images", type=int, help="for each device; chosen by the memory rule when left out")
    parser.add_argument("--precision", default="float32", help="default %(default)s")
    parser.add_argument("--results", type=Path, help="a file of results, which is appended to; those in it are kept")
    arguments = parser.parse_args(argv)
    devices, known = topology(arguments.topology, arguments.devices), kept(arguments.results)
    print("Measured by the compiler, not by a clock.\n")
    print(line(HEADINGS), line(["---"] * len(HEADINGS)), sep="\n", flush=True)
    for name in arguments.networks.split(","):
        model, layer = NETWORKS[name]()
        model = jaxviz.networks.precision.in_precision(model, arguments.precision)
        for recipe in arguments.recipes.split(","):
            setting = (name, recipe, arguments.topology, arguments.devices, arguments.precision, arguments.images)
            if setting not in known:
                known[setting] = account(model, layer, jaxviz.recipes.find(recipe), devices, arguments.images)
                if arguments.results:
                    with arguments.results.open("a") as file:
                        file.write(json.dumps([setting, dataclasses.asdict(known[setting])]) + "\n")
            print(row(setting, known[setting]), flush=True)


def kept(results: Path | None) -> dict[tuple, Account]:
    """Returns the results of earlier runs by their settings."""
    if results is None or not results.exists():
        return {}
    lines = map(json.loads, results.read_text().splitlines())
    return {tuple(setting): Account(**found) for setting, found in lines}


def row(setting: tuple, found: Account) -> str:
    """Writes a result as a line of the table."""
    figures = (found.seconds, found.bytes / 1e9, found.operations / 1e9, found.temporary / 1e9, found.roofline * 1e3)
    return line([*map(str, (*setting[:-1], found.images)), *(f"{figure:.3g}" for figure in figures)])


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    cli.run(main)
