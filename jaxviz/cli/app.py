"""The app: all commands, and the entry point."""

import platform
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Annotated

import typer

from jaxviz.cli.atlas import atlas
from jaxviz.cli.attribution import attribution
from jaxviz.cli.bench import bench
from jaxviz.cli.circuit import circuit
from jaxviz.cli.convert import convert
from jaxviz.cli.gallery import gallery
from jaxviz.cli.history import history
from jaxviz.cli.interrupts import STOPPED, interrupts
from jaxviz.cli.layers import layers
from jaxviz.cli.options import examples
from jaxviz.cli.recipes import recipes
from jaxviz.cli.relate import relate
from jaxviz.cli.report import report
from jaxviz.cli.running import run
from jaxviz.cli.sweep import sweep
from jaxviz.cli.visualize import visualize

__all__ = ["app", "main"]

app = typer.Typer(
    help="Make pictures of what the units of a neural network respond to.",
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "jaxviz layers weights/mnist_cnn.hdf5",
        "jaxviz visualize weights/mnist_cnn.hdf5 --layer conv2d_3 --out pictures",
        "jaxviz sweep weights/mnist_cnn.hdf5 --out mnist",
        "jaxviz gallery mnist",
    ),
)
_COMMANDS: dict[Callable[..., None], list[str]] = {
    layers: ["jaxviz layers weights/mnist_cnn.hdf5", "jaxviz layers weights/mnist_cnn.hdf5 --json"],
    convert: ["jaxviz convert weights/mnist_cnn.hdf5 variables"],
    visualize: [
        "jaxviz visualize weights/mnist_cnn.hdf5 --layer conv2d_3 --channels 0:16 --out pictures",
        'jaxviz visualize weights/mnist_cnn.hdf5 --objective "conv2d_3:17 - 0.5*conv2d_4:3" --out pictures',
        "jaxviz visualize weights/mnist_cnn.hdf5 --objective 'class_log_odds(0:10)' --recipe strokes --out digits",
    ],
    sweep: [
        "jaxviz sweep weights/mnist_cnn.hdf5 --out mnist --images weights/mnist_test_1000.npz",
        "jaxviz sweep vgg16.h5 --layer 'block?_conv*' --out vgg --watch vgg.png",
    ],
    relate: ["jaxviz relate mnist --images weights/mnist_test_1000.npz"],
    gallery: ["jaxviz gallery mnist"],
    atlas: [
        "jaxviz atlas weights/mnist_cnn.hdf5 --layer conv2d_4 --images weights/mnist_test_1000.npz --out atlas",
        "jaxviz atlas networks.py:trained --layer block11 --images photographs --side 128 --zoom 1 --out atlas",
    ],
    report: [
        "jaxviz report mnist --layer conv2d_3 --sort selectivity",
        "jaxviz report pictures/conv2d_3.npz --model weights/mnist_cnn.hdf5 --images weights/mnist_test_1000.npz",
    ],
    attribution: [
        "jaxviz attribution weights/mnist_cnn.hdf5 'logit(3)' --images weights/mnist_test_1000.npz --layer conv2d_4 "
        "--out why",
    ],
    circuit: [
        "jaxviz circuit weights/mnist_cnn.hdf5 'logit(3)' --through conv2d_4 --through conv2d_3 --through conv2d_2 "
        "--out why",
    ],
    history: [
        "jaxviz history weights/mnist_cnn.hdf5 run/step-100 run/step-200 run/step-400 --objective conv2d_3:0:8 "
        "--out film",
        "jaxviz history first.keras first.keras second.keras --objective conv2d_3:0:8 --match conv2d_3 "
        "--images digits.npz --out two",
    ],
    recipes: ["jaxviz recipes", "jaxviz recipes lucid"],
    bench: ["jaxviz bench", "jaxviz bench vgg16.h5 --layer 'block?_conv1' --json"],
}
for _command, _shown in _COMMANDS.items():
    app.command(epilog=examples(*_shown))(_command)


def _version(asked: bool) -> bool:
    if asked:
        packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("jax", "flax", "optax"))
        print(f"jaxviz {metadata.version('jaxviz-optvis')} ({packages}, Python {platform.python_version()})")
        raise typer.Exit
    return asked


@app.callback()
def _begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the versions and exit.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """The entry point of the ``jaxviz`` command."""
    with interrupts(patience=0):
        run(_main)


def _main() -> None:
    code = app(sys.argv[1:] or ["--help"], prog_name="jaxviz", standalone_mode=False) or 0
    if code == STOPPED:  # what typer makes of Ctrl-C; `run` has more to say and to do about it
        raise KeyboardInterrupt
    sys.exit(code)
