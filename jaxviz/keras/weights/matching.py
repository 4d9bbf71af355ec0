"""Weights: the weights that a network needs + those that a file has -> the arrays in their places, without guessing."""

import warnings
from collections.abc import Sequence

import numpy as np

from jaxviz.keras.weights.named_weights import match_named
from jaxviz.keras.weights.numbered_weights import match_numbered
from jaxviz.keras.weights.partial import match_part
from jaxviz.keras.weights.stored import NamedWeights, StoredModel
from jaxviz.keras.weights.wanted import Findings, Wanted, levels_of
from jaxviz.values.errors import JaxvizWarning

__all__ = ["Wanted", "match"]

_MOST_NAMED = 100  # layers in one warning


def match(stored: StoredModel, wanted: Sequence[Wanted], *, partial: bool = False) -> dict[str, dict[str, np.ndarray]]:
    """Finds each wanted array among those that a file stores.

    Args:
      stored: the file.
      wanted: one for each distinct layer, with or without weights, in the order in which the architecture lists them;
        a nested model stands before the layers inside it.
      partial: True where the file may have more layers, each of which is found by its name.

    Returns:
      scope -> weight name -> array, as stored.

    Raises:
      ModelFileError: something is missing, left over, of another shape or not to be told apart; all of it is listed.

    Warns:
      JaxvizWarning: layers of the file were left out, as ``partial`` allows; it names them.
    """
    findings = Findings()
    if partial:
        left = match_part(stored.weights, wanted, findings)
        found = findings.finish(stored.path)
        if left:
            named = ", ".join(left[:_MOST_NAMED]) + (f" and {len(left) - _MOST_NAMED} more" * (len(left) > _MOST_NAMED))
            warnings.warn(f"{stored.path}: left out {len(left)} layers: {named}", JaxvizWarning, stacklevel=2)
        return found
    levels = levels_of(wanted)
    if isinstance(stored.weights, NamedWeights):
        match_named(stored.weights, levels, findings)
    else:
        match_numbered(stored.weights.root, levels, findings)
    return findings.finish(stored.path)
