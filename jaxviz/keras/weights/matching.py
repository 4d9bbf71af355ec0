"""Weights: the weights that a network needs + those that a file has -> the arrays in their places, without guessing."""

from collections.abc import Sequence

import numpy as np

from jaxviz.keras.weights.named_weights import match_named
from jaxviz.keras.weights.numbered_weights import match_numbered
from jaxviz.keras.weights.stored import NamedWeights, StoredModel
from jaxviz.keras.weights.wanted import Findings, Wanted, levels_of

__all__ = ["Wanted", "match"]


def match(stored: StoredModel, wanted: Sequence[Wanted]) -> dict[str, dict[str, np.ndarray]]:
    """Finds each wanted array among those that a file stores.

    Args:
      stored: the file.
      wanted: one for each distinct layer, with or without weights, in the order in which the architecture lists them;
        a nested model stands before the layers inside it.

    Returns:
      scope -> weight name -> array, as stored.

    Raises:
      ModelFileError: something is missing, left over, of another shape or not to be told apart; all of it is listed.
    """
    findings = Findings()
    levels = levels_of(wanted)
    if isinstance(stored.weights, NamedWeights):
        match_named(stored.weights, levels, findings)
    else:
        match_numbered(stored.weights.root, levels, findings)
    return findings.finish(stored.path)
