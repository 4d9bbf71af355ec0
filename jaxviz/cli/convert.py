"""``jaxviz convert``: Keras -> Flax variables."""

from pathlib import Path
from typing import Annotated

import typer

from jaxviz.cli.models import load
from jaxviz.cli.options import Architecture, Custom, InputShape, ModelFile, PreprocessingName
from jaxviz.values.errors import JaxvizError

__all__ = ["convert"]


def convert(
    file: ModelFile,
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where to write the checkpoint.")],
    architecture: Architecture = None,
    preprocessing: PreprocessingName = None,
    input_shape: InputShape = None,
    custom: Custom = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier checkpoint.")] = False,
) -> None:
    """Convert a model to Flax variables, saved as an Orbax checkpoint."""
    from jaxviz.networks import checkpoints

    if checkpoints.is_checkpoint(directory) and not overwrite:
        raise JaxvizError(f"{directory} is there already; give another DIRECTORY, or --overwrite to replace it")
    model = load(file, architecture=architecture, preprocessing=preprocessing, input_shape=input_shape, custom=custom)
    checkpoints.save(directory, model.variables)
    print(f"{directory}: the variables of {len(model.layers)} layers")
