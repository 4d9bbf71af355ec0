"""States: what an ascent is on its way, and what it leaves."""

from typing import NamedTuple

from jaxtyping import Array, Float, Int, PyTree

__all__ = ["Ascent", "Climb", "Rested"]


class Ascent(NamedTuple):
    """What one ascent leaves; where an objective is of several images, ``...`` begins with their number.

    Attributes:
      image: the last image, of the best restart.
      start: the first image, likewise.
      scores: the score before each step, without penalties, ``[steps]``.
      final_score: the objective of the last image, without transforms and after the activation function.
      steps: how many steps were made.
      restarts: the last image of each restart, ``[restarts, ...]``; None where there is one.
      restart_scores: the final score of each; None where there is one.
      frames: images on the way to the last, ``[frames, ...]``; None where none were asked for.
    """

    image: Float[Array, "..."]
    start: Float[Array, "..."]
    scores: Float[Array, " steps"]
    final_score: Float[Array, ""]
    steps: Int[Array, ""]
    restarts: Float[Array, "restarts ..."] | None = None
    restart_scores: Float[Array, " restarts"] | None = None
    frames: Float[Array, "frames ..."] | None = None


class Rested(NamedTuple):
    """How far an ascent is that may rest: turns taken, the best score, and the turn it was seen at."""

    made: Int[Array, ""]
    best: Float[Array, ""]
    best_at: Int[Array, ""]


class Climb(NamedTuple):
    """An ascent on its way; of several restarts, each array has a leading axis.

    Attributes:
      parameters: of the image.
      state: the optimizer's; with frames, the film too.
      scores: of each turn, ``[turns]``; 0 for those to come.
      rested: of a recipe that may rest; None for others.
    """

    parameters: PyTree
    state: PyTree
    scores: Float[Array, " turns"]
    rested: Rested | None = None
