"""Options: what several commands share, each with its help and its completion."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    import jax

__all__ = [
    "Architecture",
    "AsJson",
    "ClassNames",
    "Coordinator",
    "Custom",
    "Distributed",
    "Images",
    "InputShape",
    "ModelFile",
    "Precision",
    "PreprocessingName",
    "Process",
    "Processes",
    "RecipeName",
    "RecipeNames",
    "Restarts",
    "Seed",
    "Steps",
    "Watched",
    "complete_layer",
    "complete_recipe",
    "examples",
    "key_of",
]


def complete_recipe(incomplete: str) -> list[str]:
    """Returns the recipes whose names begin so."""
    from jaxviz.recipes import PRESETS

    return [name for name in PRESETS if name.startswith(incomplete)]


def complete_layer(ctx, incomplete: str) -> list[str]:  # typer knows `ctx` by its name; its class has had several
    """Returns the layers of the file named before whose names begin so; none where it cannot be read.

    A reference is not followed: completing a word runs nobody's code.
    """
    from jaxviz import keras
    from jaxviz.values.references import is_reference

    # An option that lacks its value, as the one being completed does, leaves FILE among what was not parsed.
    file = ctx.params.get("file") or next(iter(ctx.args), None)
    try:
        known = file is not None and not is_reference(file)
        model = keras.load(str(file), architecture=ctx.params.get("architecture")) if known else None
    except JaxvizError:  # the command itself will say so
        return []
    return [layer.name for layer in model.layers if layer.name.startswith(incomplete)] if model else []


ModelFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="What Keras saved: HDF5, a .keras archive, or a directory. Or module:attribute or path/file.py:attribute, "
        "a jaxviz.Model or a function that returns one: this runs the code there.",
    ),
]
Architecture = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A JSON file or another Keras file, where FILE holds weights alone."),
]
PreprocessingName = Annotated[
    str | None,
    typer.Option(
        "--preprocessing",
        metavar="NAME",
        help="The range of the images, and what the network is given: 0-1, 0-255, -1-1, caffe, torch, or "
        "module:attribute of a jaxviz.Preprocessing.",
    ),
]
InputShape = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="The shape of one image, such as 224,224,3, where FILE leaves it open."),
]
Custom = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:ATTRIBUTE",
        help="A dict of your own layers, by name or class: Linen modules or functions; this runs the code there.",
    ),
]
ClassNames = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="What the classes are called, one on each line; or imagenet, for its names."),
]
Distributed = Annotated[
    bool,
    typer.Option(
        "--distributed",
        help="Share the work with the other processes that Slurm, Open MPI, Kubernetes or Cloud TPU started.",
    ),
]
Coordinator = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Share the work with processes that you start by hand: where the first is."),
]
Processes = Annotated[int | None, typer.Option(metavar="N", help="How many there are.")]
Process = Annotated[int | None, typer.Option(metavar="I", help="Which of them this is, from 0.")]
RecipeName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="How to climb; `jaxviz recipes` lists the recipes. The one that suits the model when left out.",
        autocompletion=complete_recipe,
    ),
]
RecipeNames = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="How to climb; `jaxviz recipes` lists the recipes. May be given several times: each unit then has a "
        "picture by each recipe. The quick one that suits the model when left out.",
        autocompletion=complete_recipe,
    ),
]
Steps = Annotated[int | None, typer.Option(metavar="N", help="How many steps; the recipe's own number when left out.")]
Restarts = Annotated[
    int | None,
    typer.Option(metavar="N", help="Ascents of each unit, of which the best is kept; the recipe's own when left out."),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of all random draws.")]
Precision = Annotated[str, typer.Option(metavar="TYPE", help="What the network is computed in: float32 or bfloat16.")]
Images = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Real images to compare with: .npy, or .npz with images (or x), and labels (or y) where it has them.",
    ),
]
Watched = Annotated[
    Path | None,
    typer.Option(metavar="FILE.png", help="Keep a picture of the latest images here while they are made."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]


def examples(*commands: str) -> str:
    """Returns the closing lines of a command's help, in rich's markup, one command a line."""
    lines = [f"  [cyan]{command.replace('[', chr(92) + '[')}[/cyan]" for command in commands]
    return "\n\n".join(["Examples:" if len(lines) > 1 else "Example:", *lines])


def key_of(seed: int) -> "jax.Array":
    """Returns the key of a seed.

    Raises:
      JaxvizError: the seed has more than 32 bits.
    """
    import jax

    if not 0 <= seed < 1 << 32:
        raise JaxvizError(f"seed {seed}: give a whole number from 0 to {(1 << 32) - 1}")
    return jax.random.key(seed)
