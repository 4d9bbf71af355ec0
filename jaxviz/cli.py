"""The command line: ``jaxviz layers``, ``convert``, ``visualize``."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz import compilation_cache
from jaxviz.errors import JaxvizError

if TYPE_CHECKING:
    import jax

__all__ = ["app", "key_of", "main", "parse_indices", "run"]

app = typer.Typer(
    help="Show what the units of a neural network look for.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode="rich",
)

ModelFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="What Keras saved: HDF5, a .keras archive, or a directory.")
]
Architecture = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A JSON file or another Keras file, where FILE holds weights alone."),
]


@app.command(epilog="Example: jaxviz layers weights/mnist_cnn.hdf5")
def layers(file: ModelFile, architecture: Architecture = None) -> None:
    """List what is inside a model file: each layer's name, class, output shape and number of channels."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from jaxviz import keras

    model = keras.load(file, architecture=architecture)
    table = Table(title=Text(f"{file.name}: input {_shape(model.canvas.shape)}"), title_justify="left")
    for heading in ("layer", "class"):
        table.add_column(heading)
    for heading in ("output", "channels"):
        table.add_column(heading, justify="right")
    for layer in model.layers:
        table.add_row(Text(layer.name), Text(layer.kind), _shape(layer.output_shape), str(layer.channels or "-"))
    Console().print(table)


@app.command(epilog="Example: jaxviz convert weights/mnist_cnn.hdf5 weights/mnist_cnn")
def convert(
    file: ModelFile,
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where to write the checkpoint.")],
    architecture: Architecture = None,
) -> None:
    """Convert a Keras file to Flax variables, saved as an Orbax checkpoint."""
    from jaxviz import checkpoints, keras

    model = keras.load(file, architecture=architecture)
    checkpoints.save(directory, model.variables)
    print(f"{directory}: the variables of {len(model.layers)} layers")


@app.command(
    epilog="Example: jaxviz visualize weights/mnist_cnn.hdf5 --layer conv2d_3 --channels 0:16 --out pictures",
)
def visualize(
    file: ModelFile,
    layer: Annotated[str, typer.Option(help="The layer's name; `jaxviz layers FILE` lists them.")],
    out: Annotated[Path, typer.Option(metavar="DIRECTORY", help="Where to write LAYER.png and LAYER.npz.")],
    channels: Annotated[
        str | None, typer.Option(help="Which channels: a range 0:16, a list 3,7,11, or both; all when left out.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="How to climb: jaxviz, seed, lucid, maco, tf-keras-vis, keras-io, strokes.")
    ] = "jaxviz",
    steps: Annotated[int | None, typer.Option(help="How many steps; the recipe's own number when left out.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the starting images.")] = 0,
    precision: Annotated[str, typer.Option(help="What the network is computed in: float32 or bfloat16.")] = "float32",
    keep: Annotated[
        Path | None, typer.Option(metavar="DIRECTORY", help="Keep finished chunks here, and go on from those there.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(metavar="FILE.npy", help="A starting image, or one for each channel.")
    ] = None,
    architecture: Architecture = None,
) -> None:
    """Draw what channels of one layer look for: a sheet of pictures, and their numbers."""
    import jaxviz
    from jaxviz.arrays import read_array
    from jaxviz.outputs import staged
    from jaxviz.progress import progress_bar

    model = jaxviz.keras.load(file, architecture=architecture)
    indices = None if channels is None else parse_indices(channels)
    objective = jaxviz.objectives.channel(layer, indices).resolve(model)
    starts = None if start is None else read_array(start)
    with staged(out) as stage:
        with progress_bar() as bar:
            advance = bar.task(layer, len(objective.labels()))
            result = jaxviz.visualize(
                model,
                objective,
                recipe,
                key=key_of(seed),
                start=starts,
                steps=steps,
                precision=precision,
                keep=keep,
                progress=advance,
            )
        stem = layer.replace("/", ".")
        result.save(stage / f"{stem}.npz")
        jaxviz.figures.collage(result).savefig(stage / f"{stem}.png")
    print(f"{out / stem}.png and .npz: {len(result)} pictures")
    if result.dead.any():
        print(f"dead, no picture: {', '.join(result.dead_labels)}")


def parse_indices(text: str) -> list[int]:
    """Reads channels written as a range ``0:16``, a list ``3,7,11``, or both ``0:4,9``.

    Raises:
      JaxvizError: it is neither.

    Example:
      >>> parse_indices("0:3,7")
      [0, 1, 2, 7]
    """
    indices: list[int] = []
    for part in text.split(","):
        first, colon, last = part.strip().partition(":")
        if not first.isdecimal() or (colon and not last.isdecimal()) or len(first + last) > 12:
            raise JaxvizError(f"channels {text!r}: give a range such as 0:16, a list such as 3,7,11, or both")
        if colon and int(last) <= int(first):
            raise JaxvizError(f"channels {part.strip()!r} is an empty range; the end is not included")
        if int(last or 0) - int(first) > 1 << 20:
            raise JaxvizError(f"channels {part.strip()!r} is out of range")
        indices += range(int(first), int(last)) if colon else [int(first)]
    return indices


def key_of(seed: int) -> "jax.Array":
    """Returns the key of a seed.

    Raises:
      JaxvizError: the seed has more than 32 bits.
    """
    import jax

    if not 0 <= seed < 1 << 32:
        raise JaxvizError(f"seed {seed}: give a whole number from 0 to {(1 << 32) - 1}")
    return jax.random.key(seed)


def run(work: Callable[[], object]) -> None:
    """Runs a command; wrong use becomes one line on stderr and exit code 2, a failing disk one line and 1."""
    try:
        compilation_cache.enable()
        work()
    except JaxvizError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:  # a full disk, say: no wrong use, but nothing to debug either
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


def main() -> None:
    """The entry point of the ``jaxviz`` command."""
    run(app)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
