"""Layers: one swept layer -> a folder with its pictures by each recipe and its real images."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxviz.galleries.albums import write_album
from jaxviz.galleries.details import write_together
from jaxviz.galleries.relations import Neighbours, of_layer, of_unit
from jaxviz.galleries.scripts import number, numbers, safe, write_script
from jaxviz.galleries.sheets import sheets_of
from jaxviz.networks.layer import Canvas
from jaxviz.networks.wiring import Strongest
from jaxviz.sweeps import RealImages, SweptLayer

__all__ = ["Reader", "write_layer"]

Reader = tuple[str, int, float | None]
"""A unit of a later layer, and its weight."""

_MOSAIC = 4  # real images of a unit that a wall shows together


def write_layer(
    layer: SweptLayer,
    canvas: Canvas,
    folder: Path,
    *,
    readers: Mapping[int, Sequence[Reader]],
    after: Neighbours,
    advance: Callable[[int], None],
) -> dict[str, object]:
    """Writes the folder of a layer, with ``layer.js``, ``about-000.js``, …, and beside it a folder for each recipe.

    Args:
      layer: what was swept.
      canvas: the image that it was swept with.
      folder: an empty directory.
      readers: by unit, the units of later layers that have it among their strongest weights.
      after: by unit, the units behind it that it excites and inhibits.
      advance: called with the number of units of each finished block.

    Returns:
      What the entry page needs to know of it.
    """
    recipes = []
    for place, recipe in enumerate(layer.recipes):
        album = folder.with_name(f"{folder.name}-{place}-{safe(recipe)}")
        album.mkdir()
        recipes.append(write_album(layer, recipe, canvas, album, advance=advance))
    real, strongest, relations = layer.real, layer.strongest, layer.relations
    related = {} if relations is None else of_layer(relations, folder)
    write_script(folder, "layer", _shared(layer, real, folder) | related)
    write_together(
        folder,
        "about",
        [
            _about(unit, layer.manifest.canvas, real, strongest, readers) | of_unit(relations, unit, after)
            for unit in range(layer.channels)
        ],
    )
    return {
        "folder": folder.name,
        "name": layer.name,
        "kind": layer.kind,
        "shape": list(layer.output_shape),
        "channels": layer.channels,
        "complete": layer.complete,
        "aspects": list(layer.aspects),
        "real": real is not None,
        "recipes": recipes,
        "reads": None if strongest is None else strongest.layer,
    }


def _shared(layer: SweptLayer, real: RealImages | None, folder: Path) -> dict[str, object]:
    """Returns what a wall shows that is the same for every recipe."""
    alike = layer.alike
    told: dict[str, object] = {"alike": None if alike is None else np.argsort(alike).tolist()}
    if real is None:
        return told
    sheets = {"real": real.tiles, **({} if real.crops is None else {"crops": np.concatenate(real.crops)})}
    told["sheets"] = {name: sheets_of(folder, name, batch) for name, batch in sheets.items()}
    told["real"] = {"places": real.places[:, :_MOSAIC].tolist(), "scores": numbers(real.activations[:, 0])}
    return told


def _about(
    unit: int,
    canvas: Canvas,
    real: RealImages | None,
    strongest: Strongest | None,
    readers: Mapping[int, Sequence[Reader]],
) -> dict[str, object]:
    """Returns what a unit's page shows that is the same for every recipe."""
    about: dict[str, object] = {}
    if real is not None:
        best = _images(real, real.places[unit], real.activations[unit])
        if real.boxes is not None:
            height, width = _sides(canvas)
            scale = np.array([height, width, height, width])
            boxes = (real.boxes[unit] / scale).round(4).tolist()
            best = [[*image, box] for image, box in zip(best, boxes, strict=True)]
        about["real"] = best
        about["least"] = _images(real, real.least_places[unit], real.least_activations[unit])
        about["counts"], about["range"] = real.counts[unit].tolist(), numbers(real.ranges[unit])
    if strongest is not None:
        channels, weights = strongest.channels[unit].tolist(), numbers(strongest.weights[unit])
        about["strongest"] = list(zip(channels, weights, strict=True))
    if unit in readers:
        about["readers"] = readers[unit]
    return about


def _images(real: RealImages, places: np.ndarray, activations: np.ndarray) -> list[list[object]]:
    """Returns the place, the activation and the class of real images."""
    labels = [None] * len(places) if real.labels is None else real.labels[places].tolist()
    return [
        [place, number(value), label] for place, value, label in zip(places.tolist(), activations, labels, strict=True)
    ]


def _sides(canvas: Canvas) -> tuple[int, int]:
    height, width = (side for axis, side in enumerate(canvas.shape) if axis != canvas.channel_axis % len(canvas.shape))
    return height, width
