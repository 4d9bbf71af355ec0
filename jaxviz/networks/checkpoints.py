"""Checkpoints: a model's variables <-> an Orbax checkpoint."""

import os
import tempfile
from pathlib import Path

import jax
from jaxtyping import PyTree
from orbax.checkpoint import v1 as ocp

from jaxviz.networks.model import Model
from jaxviz.values.errors import JaxvizError

__all__ = ["is_checkpoint", "load", "save"]


def save(directory: str | os.PathLike, variables: PyTree) -> None:
    """Writes variables as an Orbax checkpoint; an existing one is replaced.

    Args:
      directory: where to write, such as ``weights/mnist_cnn``.
      variables: a tree of arrays, ``model.variables``.
    """
    target = Path(directory).absolute()
    if target.exists() and not (target.is_dir() and (not any(target.iterdir()) or is_checkpoint(target))):
        raise JaxvizError(f"{target} exists and is no checkpoint; give another directory")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Orbax writes from threads of its own, and a failure in one is no error that can be caught.
        tempfile.TemporaryFile(dir=target.parent).close()
    except OSError as error:
        raise JaxvizError(f"cannot write to {target.parent}: {error.strerror}") from error
    ocp.save(target, variables, overwrite=True)
    # Orbax notes where it wrote, which says more of a machine than a checkpoint that is shared should.
    note = target / "commit_success.txt"
    if note.is_file():
        note.write_text(f"{target.name} is whole\n")


def load(directory: str | os.PathLike, model: Model) -> Model:
    """Returns a model with the variables of a checkpoint.

    Args:
      directory: the directory that ``save`` wrote.
      model: a model of the same architecture; its variables have the expected shapes.

    Raises:
      JaxvizError: there is no checkpoint, or it is of another architecture.
    """
    source = Path(directory).absolute()
    if not is_checkpoint(source):
        raise JaxvizError(f"no Orbax checkpoint at {directory}")
    wanted = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), model.variables
    )
    try:
        variables = ocp.load(source, wanted)
    except (ValueError, KeyError) as error:
        raise JaxvizError(f"{directory} holds another architecture: {str(error).splitlines()[0]}") from error
    return model.replace(variables=variables)


def is_checkpoint(directory: Path) -> bool:
    """Tells whether a directory is an Orbax checkpoint."""
    # Orbax's own test takes any directory for a checkpoint that may be one of an old kind.
    return (directory / "_CHECKPOINT_METADATA").is_file()
