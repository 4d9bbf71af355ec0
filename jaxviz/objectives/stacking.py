"""Stacking: trees that differ only in their numbers -> one tree with all their numbers."""

from collections.abc import Iterable, Sequence

import jax
import numpy as np
from jaxtyping import PyTree

__all__ = ["alike", "stacked"]


def alike(trees: Sequence[PyTree]) -> Iterable[list[int]]:
    """Returns the places of trees with equal structure, static values and shapes except for the leading axes."""
    kinds: dict = {}
    for place, tree in enumerate(trees):
        leaves, structure = jax.tree.flatten(tree)
        kinds.setdefault((structure, tuple(leaf.shape[1:] for leaf in leaves)), []).append(place)
    return kinds.values()


def stacked(trees: Sequence[PyTree], count: int) -> PyTree:
    """Stacks trees of leaves ``[1 or count, …]`` into one of leaves ``[count, trees, …]``."""
    return jax.tree.map(
        lambda *leaves: np.stack([np.broadcast_to(leaf, (count, *leaf.shape[1:])) for leaf in leaves], axis=1), *trees
    )
