"""``jaxviz convert``: Keras -> Flax variables."""

from pathlib import Path
from typing import Annotated

import typer

from jaxviz.cli.options import Architecture, ModelFile

__all__ = ["convert"]


def convert(
    file: ModelFile,
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where to write the checkpoint.")],
    architecture: Architecture = None,
) -> None:
    """Convert a Keras file to Flax variables, saved as an Orbax checkpoint."""
    from jaxviz import keras
    from jaxviz.networks import checkpoints

    model = keras.load(file, architecture=architecture)
    checkpoints.save(directory, model.variables)
    print(f"{directory}: the variables of {len(model.layers)} layers")
