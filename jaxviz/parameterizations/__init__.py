"""Parameterizations: ``init(key, canvas) -> parameters`` and ``render(parameters, canvas) -> image``."""

from jaxviz.parameterizations.alpha import Alpha
from jaxviz.parameterizations.balls import NormBall
from jaxviz.parameterizations.centred import Centred
from jaxviz.parameterizations.cppn import CPPN
from jaxviz.parameterizations.fields import Clip, Colours, Field, Sigmoid, Squash
from jaxviz.parameterizations.fourier import Fourier
from jaxviz.parameterizations.groups import Separate, SharedLowRes, several
from jaxviz.parameterizations.parameterization import Free, Parameterization, check_start
from jaxviz.parameterizations.phases import FixedMagnitude, magnitude_of
from jaxviz.parameterizations.pixels import Pixels, RangePixels, SmoothPixels
from jaxviz.parameterizations.pyramid import Pyramid

__all__ = [
    "CPPN",
    "Alpha",
    "Centred",
    "Clip",
    "Colours",
    "Field",
    "FixedMagnitude",
    "Fourier",
    "Free",
    "NormBall",
    "Parameterization",
    "Pixels",
    "Pyramid",
    "RangePixels",
    "Separate",
    "SharedLowRes",
    "Sigmoid",
    "SmoothPixels",
    "Squash",
    "check_start",
    "magnitude_of",
    "several",
]
