"""Options: the options that several commands share, each with its help and its completion."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    import jax

    from jaxviz.sweeps.manifest import Manifest

__all__ = [
    "Architecture",
    "AsJson",
    "Asked",
    "ClassNames",
    "Coordinator",
    "Custom",
    "Distributed",
    "Images",
    "InputShape",
    "ModelFile",
    "Out",
    "Overwrite",
    "Precision",
    "PreprocessingName",
    "Process",
    "Processes",
    "RealImages",
    "RecipeName",
    "RecipeNames",
    "Restarts",
    "Seed",
    "Steps",
    "Watched",
    "complete_layer",
    "complete_recipe",
    "complete_swept_layer",
    "complete_swept_recipe",
    "examples",
    "key_of",
]


def complete_recipe(incomplete: str) -> list[str]:
    """Returns the recipes whose names begin with the text."""
    from jaxviz.recipes import PRESETS

    return [name for name in PRESETS if name.startswith(incomplete)]


def complete_layer(ctx, incomplete: str) -> list[str]:  # typer knows `ctx` by its name; its class has had several
    """Returns the layers of the given file whose names begin with the text; none if the file cannot be read.

    A reference is not resolved, because completing a word must not run code.
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


def complete_swept_layer(ctx, incomplete: str) -> list[str]:
    """Returns the layers of the given sweep whose names begin with the text; none if it cannot be read."""
    found = _manifest(ctx)
    return [name for name in found.swept if name.startswith(incomplete)] if found else []


def complete_swept_recipe(ctx, incomplete: str) -> list[str]:
    """Returns the recipes of the given sweep whose names begin with the text; none if it cannot be read."""
    found = _manifest(ctx)
    return [name for name in found.recipes if name.startswith(incomplete)] if found else []


def _manifest(ctx) -> "Manifest | None":
    from jaxviz.sweeps.manifest import Manifest

    directory = ctx.params.get("path") or next(iter(ctx.args), None)
    try:
        return Manifest.read(Path(directory)) if directory else None
    except JaxvizError:  # the command itself will say so
        return None


ModelFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A Keras file: HDF5, a .keras archive, or a directory. Or module:attribute or path/file.py:attribute: a "
        "jaxviz.Model or a function that returns one; this runs the code of the module.",
    ),
]
Asked = Annotated[
    str,
    typer.Argument(
        metavar="OBJECTIVE",
        help="A class, a unit or an expression, such as 'logit(3)', 'logit(tabby)' or conv2d_4:17; as --objective of "
        "`jaxviz visualize`.",
    ),
]
Out = Annotated[Path, typer.Option(metavar="DIRECTORY", help="Where to write the files.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier files of the same names.")]
Architecture = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="A JSON file or another Keras file with the architecture, if FILE has only weights."
    ),
]
PreprocessingName = Annotated[
    str | None,
    typer.Option(
        "--preprocessing",
        metavar="NAME",
        help="The range of the images, and their conversion to the input: 0-1, 0-255, -1-1, caffe, torch, or "
        "module:attribute of a jaxviz.Preprocessing.",
    ),
]
InputShape = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="The shape of one image, such as 224,224,3, if FILE does not state it."),
]
Custom = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:ATTRIBUTE",
        help="A dict of your own layers, by name or class: Linen modules or functions; this runs its code.",
    ),
]
ClassNames = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="The names of the classes, one on each line; or imagenet for its names."),
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
    typer.Option(
        metavar="HOST:PORT", help="Share the work with processes that you start by hand: the address of the first."
    ),
]
Processes = Annotated[int | None, typer.Option(metavar="N", help="The number of processes.")]
Process = Annotated[int | None, typer.Option(metavar="I", help="The number of this process, from 0.")]
RecipeName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The recipe; `jaxviz recipes` lists them. By default the one that suits the model.",
        autocompletion=complete_recipe,
    ),
]
RecipeNames = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="The recipe; `jaxviz recipes` lists them. May be given several times: each unit then has a picture by "
        "each recipe. By default the quick one that suits the model.",
        autocompletion=complete_recipe,
    ),
]
Steps = Annotated[int | None, typer.Option(metavar="N", help="The number of steps; by default the recipe's own.")]
Restarts = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Ascents of each unit, of which the best is kept; by default the recipe's own number."
    ),
]
Seed = Annotated[int, typer.Option(metavar="N", help="The seed of all random numbers.")]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE",
        help="The precision of the network: float32, tensorfloat32 or bfloat16. By default tensorfloat32 on an "
        "accelerator and float32 on a CPU; a sweep that continues keeps its own.",
    ),
]
Images = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE|FOLDER",
        help="Real images to compare with: .npy, .npz with images (or x) and optionally labels (or y), or a folder of "
        "photographs.",
    ),
]
RealImages = Annotated[
    Path,
    typer.Option(
        "--images",
        metavar="FILE|FOLDER",
        help="Real images: .npy, .npz with the images as images (or x), or a folder of photographs.",
    ),
]
Watched = Annotated[
    Path | None,
    typer.Option(metavar="FILE.png", help="Write a picture of the latest images to this file while the command runs."),
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
