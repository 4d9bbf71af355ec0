"""Belonging: the numbers in a layer's folder -> an error if they do not belong to its pictures."""

import numpy as np

from jaxviz.networks.wiring import Strongest
from jaxviz.sweeps import RealImages, SweptLayer
from jaxviz.values.errors import JaxvizError

__all__ = ["check_layer"]


def check_layer(layer: SweptLayer) -> None:
    """Checks that the numbers, the real images and the strongest weights of a layer are of its units.

    Raises:
      JaxvizError: they are not; the message names the folder and says what to do.
    """
    units = layer.channels
    try:
        report, real, strongest = layer.report, layer.real, layer.strongest
    except (KeyError, TypeError) as error:  # arrays of other names than theirs
        raise _foreign(layer) from error
    if report is not None and not set(layer.labels(np.arange(units))) <= set(report.labels):
        raise _foreign(layer)
    if real is not None and not _is_real(real, units):
        raise _foreign(layer)
    if strongest is not None and not _is_strongest(strongest, units):
        raise _foreign(layer)


def _is_real(real: RealImages, units: int) -> bool:
    places, tiles = real.places, real.tiles
    if not _of_units(places, real.activations, units) or tiles.dtype != np.uint8 or tiles.ndim != 4:
        return False
    drawable = min(tiles.shape[1:], default=0) > 0 and tiles.shape[3] in (1, 3)
    return drawable and bool(((places >= 0) & (places < len(tiles))).all())


def _is_strongest(strongest: Strongest, units: int) -> bool:
    return _of_units(strongest.channels, strongest.weights, units)


def _of_units(indices: np.ndarray, values: np.ndarray, units: int) -> bool:
    """Tells whether both are ``[units, k]``, one of whole numbers and one of numbers."""
    alike = indices.ndim == 2 and len(indices) == units and indices.shape == values.shape
    return alike and indices.dtype.kind in "iu" and values.dtype.kind in "fiu"


def _foreign(layer: SweptLayer) -> JaxvizError:
    return JaxvizError(
        f"{layer.directory}: its numbers do not belong to its pictures; sweep again, which makes its numbers again"
    )
