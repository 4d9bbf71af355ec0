"""States: a model and CHECKPOINTs of a command line -> the network in each state, and what each is called."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxviz.cli.models import load
from jaxviz.values.errors import JaxvizError
from jaxviz.values.references import is_reference

if TYPE_CHECKING:
    from jaxviz import Model

__all__ = ["names_of", "state_of"]


def state_of(checkpoint: str, model: "Model") -> "Model":
    """Returns a network in the state of a checkpoint.

    Args:
      checkpoint: the directory of an Orbax checkpoint, a Keras file, or a reference to a model.
      model: of the architecture of the first two; takes images as the model of the last does.

    Raises:
      JaxvizError: there is no such checkpoint, or it is of another architecture.
    """
    from jaxviz import checkpoints, keras

    if is_reference(checkpoint):
        return load(checkpoint)
    path = Path(checkpoint)
    if not path.exists():
        raise JaxvizError(
            f"no such checkpoint: {checkpoint}; give an Orbax directory, a Keras file or module:attribute"
        )
    return checkpoints.load(path, model) if checkpoints.is_checkpoint(path) else keras.load_weights(path, into=model)


def names_of(given: Sequence[str]) -> list[str]:
    """Returns what checkpoints are called: the names of their files, or where some are alike, the whole of each.

    Example:
      >>> names_of(["run/step-10", "run/step-20.h5"]), names_of(["a/last.h5", "b/last.h5"])
      (['step-10', 'step-20'], ['a/last.h5', 'b/last.h5'])
    """
    short = [one if is_reference(one) else Path(one).stem for one in given]
    return short if len(set(short)) == len(short) else list(given)
