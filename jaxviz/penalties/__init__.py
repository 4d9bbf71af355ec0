"""Penalties: image -> a positive number that is subtracted from the score, weight included.

Each penalty sees one image ``[*spatial, channels]`` and is a mean over its values, so that a weight means the same for
images of any size. The gradients are finite everywhere, also at a flat image.
"""

from jaxviz.penalties.norms import L1, L2, Linf, Lp
from jaxviz.penalties.penalty import Penalty
from jaxviz.penalties.placement import Border, CentreOfMass
from jaxviz.penalties.smoothness import BlurDifference, TotalVariation
from jaxviz.penalties.tones import Midtones

__all__ = [
    "L1",
    "L2",
    "BlurDifference",
    "Border",
    "CentreOfMass",
    "Linf",
    "Lp",
    "Midtones",
    "Penalty",
    "TotalVariation",
]
