"""Likeness: rows of numbers, one for each unit -> an order in which similar units are neighbours."""

import numpy as np
from jaxtyping import Float, Int

__all__ = ["METHOD", "order_by_likeness"]

METHOD = (
    "the first unit is the one that is least like the average; each next unit is the one with the largest cosine "
    "similarity to the unit before it, among those that are left"
)
"""How the order is made, in words."""

_MOST = 512
"""Numbers of a row that are compared; longer rows are projected onto as many random directions, which changes a cosine
by about ``1 / sqrt(512)``, 0.04 (Johnson and Lindenstrauss, 1984)."""


def order_by_likeness(features: Float[np.ndarray, "units features"]) -> Int[np.ndarray, " units"]:
    """Orders units so that similar ones are neighbours, by a greedy chain.

    The first unit is the one with the smallest cosine similarity to the mean of all. Each next one is the unit with the
    largest cosine similarity to the unit before it, among those that are left. Rows of zeros, or with a value that is
    NaN or infinite, come last in their own order.

    Args:
      features: what is compared, such as the weights of each unit.

    Example:
      >>> order_by_likeness(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1], [0.1, 0.9], [0.0, 0.0]])).tolist()
      [0, 2, 3, 1, 4]
    """
    rows = _projected(np.asarray(features, np.float32))
    lengths = np.linalg.norm(rows, axis=1)
    known = np.isfinite(lengths) & (lengths > 0)
    places, unknown = np.flatnonzero(known), np.flatnonzero(~known)
    if not len(places):
        return unknown
    unit = rows[places] / lengths[places, None]
    left = np.ones(len(places), bool)
    chain = [int(np.argmin(unit @ unit.mean(axis=0)))]
    left[chain[0]] = False
    while left.any():
        likeness = np.where(left, unit @ unit[chain[-1]], -np.inf)
        chain.append(int(np.argmax(likeness)))
        left[chain[-1]] = False
    return np.concatenate([places[chain], unknown])


def _projected(rows: np.ndarray) -> np.ndarray:
    if rows.shape[1] <= _MOST:
        return rows
    directions = np.random.default_rng(0).standard_normal((rows.shape[1], _MOST)).astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        return rows @ directions
