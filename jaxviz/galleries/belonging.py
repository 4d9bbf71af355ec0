"""Belonging: the numbers in a layer's folder -> an error if they do not belong to its pictures."""

import numpy as np

from jaxviz.networks.wiring import Strongest
from jaxviz.sweeps import RealImages, Relations, SweptLayer
from jaxviz.values.errors import JaxvizError

__all__ = ["check_layer"]


def check_layer(layer: SweptLayer) -> None:
    """Checks that the numbers, the real images and the strongest weights of a layer are of its units.

    Raises:
      JaxvizError: they are not; the message names the folder and says what to do.
    """
    units = layer.channels
    try:
        reports = [layer.report_of(recipe) for recipe in layer.recipes]
        real, strongest, alike, relations = layer.real, layer.strongest, layer.alike, layer.relations
    except (KeyError, TypeError) as error:  # arrays of other names than theirs
        raise _foreign(layer) from error
    labels = set(layer.labels(np.arange(units)))
    fits = [report is None or labels <= set(report.labels) for report in reports]
    fits += [real is None or _is_real(real, units), strongest is None or _is_strongest(strongest, units)]
    fits.append(alike is None or (alike.ndim == 1 and sorted(alike.tolist()) == list(range(units))))
    fits.append(relations is None or _is_related(relations, units))
    if not all(fits):
        raise _foreign(layer)


def _is_real(real: RealImages, units: int) -> bool:
    tiles, shown = real.tiles, (real.places, real.least_places)
    if not (_of_units(shown[0], real.activations, units) and _of_units(shown[1], real.least_activations, units)):
        return False
    if not _is_drawable(tiles) or not all(((places >= 0) & (places < len(tiles))).all() for places in shown):
        return False
    if real.counts.ndim != 2 or len(real.counts) != units or real.ranges.shape != (units, 2):
        return False
    if real.labels is not None and (real.labels.shape != (len(tiles),) or real.labels.dtype.kind not in "iu"):
        return False
    if real.boxes is None or real.crops is None:
        return real.boxes is real.crops
    parts = real.crops.reshape(-1, *real.crops.shape[2:])
    return real.boxes.shape == (*shown[0].shape, 4) and len(parts) == shown[0].size and _is_drawable(parts)


def _is_drawable(tiles: np.ndarray) -> bool:
    return (
        tiles.dtype == np.uint8 and tiles.ndim == 4 and min(tiles.shape[1:], default=0) > 0 and tiles.shape[3] in (1, 3)
    )


def _is_strongest(strongest: Strongest, units: int) -> bool:
    return _of_units(strongest.channels, strongest.weights, units)


def _is_related(relations: Relations, units: int) -> bool:
    weights, groups, film = relations.weights, relations.groups, relations.film
    fits = [film is None or (film.frames.ndim == 5 and film.frames.shape[:2] == (units, len(film.states)))]
    if weights is not None:
        fits.append(weights.before.shape == weights.before_weights.shape and len(weights.before) == units)
        fits.append(weights.after.shape == weights.after_weights.shape and bool((weights.after < units).all()))
    if groups is not None:
        fits.append(
            len(groups.pictures) == len(groups.maps) == len(groups.units) and bool((groups.units < units).all())
        )
    return all(fits)


def _of_units(indices: np.ndarray, values: np.ndarray, units: int) -> bool:
    """Tells whether both are ``[units, k]``, one of whole numbers and one of numbers."""
    alike = indices.ndim == 2 and len(indices) == units and indices.shape == values.shape
    return alike and indices.dtype.kind in "iu" and values.dtype.kind in "fiu"


def _foreign(layer: SweptLayer) -> JaxvizError:
    return JaxvizError(
        f"{layer.directory}: its numbers do not belong to its pictures; sweep again, which makes its numbers again"
    )
