"""Relating: a sweep and its network -> the relations of the units of each layer, in the layer's folder."""

import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from jaxviz import analysis
from jaxviz.analysis.images import checked_images
from jaxviz.ascent import batches
from jaxviz.files.outputs import staged
from jaxviz.networks.model import Model
from jaxviz.pictures.images import shrunk
from jaxviz.pictures.maps import overlaid
from jaxviz.pictures.tiles import of_images, tiles
from jaxviz.recipes import Recipe, default_for
from jaxviz.sweeps.aspects import units_of
from jaxviz.sweeps.recipe_facts import preset_of
from jaxviz.sweeps.relations import FILE, Film, NeighbourWeights, Relations, ShownGroups
from jaxviz.sweeps.results import Sweep
from jaxviz.sweeps.selection import with_positions
from jaxviz.sweeps.swept_layers import SweptLayer
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import visualize

__all__ = ["relate"]

_KEPT = 4  # units of each sign
_SHOWN = 4  # images of a group
_LARGEST = 128  # pixels a side of what a gallery shows
_BLOCK = 1 << 28  # bytes of weights that are held together
_TOGETHER = 64  # units of which a film is made at once


def relate(
    model: Model,
    sweep: Sweep | str | os.PathLike,
    *,
    images: Float[Array | np.ndarray, "images ..."] | None = None,
    groups: int = 6,
    states: Sequence[Model] = (),
    names: Sequence[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Finds how the units of a sweep relate, and stores it in the folders of its layers, for `jaxviz.gallery`.

    Each layer gets the strongest weights between its units and those of the nearest swept layer before it. With images,
    a layer with positions also gets groups of units that are active together, and with states of the network, the
    pictures of its units in each. What an earlier call found is kept where this one does not ask for it.

    Args:
      model: the network that was swept.
      sweep: the sweep, or its directory.
      images: ``[images, *canvas.shape]`` in the canvas's range.
      groups: how many groups of each layer.
      states: states of the network, such as the checkpoints of its training; see `jaxviz.analysis.history`.
      names: what each state is called; their numbers from 0 when None.
      progress: called after each layer with 1.

    Raises:
      JaxvizError: there is no sweep, it is of another network, or the images have another shape than the network's.
    """
    sweep = sweep if isinstance(sweep, Sweep) else Sweep.open(sweep)
    if sweep.manifest.weights != batches.digest(model):
        raise JaxvizError(f"{sweep.directory} is a sweep of another network; give the one that was swept")
    given = None if images is None else checked_images(images, model)
    facts = sweep.manifest.recipes[sweep.recipes[0]]
    recipe = preset_of(sweep.recipes[0], facts) or default_for(model, quick=True)
    swept = sweep.layers
    for place, layer in enumerate(swept):
        found = layer.relations or Relations()
        weights = _weights(model, [each.name for each in swept[:place]], layer)
        found = found if weights is None else dataclasses.replace(found, weights=weights)
        if given is not None and with_positions(sweep.network, layer.name) and len(layer.output_shape) == 3:
            found = dataclasses.replace(found, groups=_groups(model, layer, given, groups, recipe))
        if states:
            found = dataclasses.replace(found, film=_film(states, names, layer, recipe))
        with staged(layer.directory) as stage:
            np.savez_compressed(stage / FILE, allow_pickle=False, **found.arrays())
        if progress is not None:
            progress(1)


def _weights(model: Model, before: Sequence[str], layer: SweptLayer) -> NeighbourWeights | None:
    """Returns the strongest weights from the nearest layer that this one depends on; None where there is none."""
    for source in reversed(before):
        size = 4 * int(np.prod(model.layer(source).output_shape))
        step = max(1, _BLOCK // size)
        try:
            parts = [
                analysis.weights_between(model, source, layer.name, units=np.arange(at, min(at + step, layer.channels)))
                for at in range(0, layer.channels, step)
            ]
        except JaxvizError:  # it does not depend on that one
            continue
        excitation = np.concatenate([part.excitation for part in parts])
        inhibition = np.concatenate([part.inhibition for part in parts])
        mine, others = _strongest(excitation, inhibition), _strongest(excitation.T, inhibition.T)
        return NeighbourWeights(
            source=source, before=mine[0], before_weights=mine[1], after=others[0], after_weights=others[1]
        )
    return None


def _strongest(
    excitation: Float[np.ndarray, "rows columns"], inhibition: Float[np.ndarray, "rows columns"]
) -> tuple[Int[np.ndarray, "rows 2 k"], Float[np.ndarray, "rows 2 k"]]:
    both = np.stack([excitation, inhibition], axis=1)
    order = np.argsort(-np.abs(both), axis=2, kind="stable")[..., :_KEPT]
    return order.astype(np.int32), np.take_along_axis(both, order, axis=2).astype(np.float32)


def _groups(model: Model, layer: SweptLayer, images: np.ndarray, count: int, recipe: Recipe) -> ShownGroups:
    positions = images.shape[0] * int(np.prod(layer.output_shape)) // layer.channels
    found = analysis.groups(model, layer.name, images, min(count, layer.channels, positions))
    pictures = tiles(visualize(model, found.objective(), recipe))
    extent = analysis.extent_of(model, layer.name, images)
    strengths = found.maps.mean(axis=(1, 2))
    best = np.argsort(-strengths, axis=0, kind="stable")[:_SHOWN].T
    shown = {int(place): of_images(images[place][None], model.canvas)[0] for place in np.unique(best)}
    maps = [
        [
            overlaid(shown[place], found.maps[place, ..., group], float(found.maps[..., group].max()), extent)
            for place in row
        ]
        for group, row in enumerate(best.tolist())
    ]
    return ShownGroups(
        pictures=np.stack([shrunk(picture, _LARGEST) for picture in pictures]),
        maps=np.stack([[shrunk(each, _LARGEST) for each in row] for row in maps]),
        units=found.strongest(_KEPT).astype(np.int32),
        error=found.error,
    )


def _film(states: Sequence[Model], names: Sequence[str] | None, layer: SweptLayer, recipe: Recipe) -> Film:
    frames: list[np.ndarray] = []
    called: tuple[str, ...] = ()
    for first in range(0, layer.channels, _TOGETHER):
        units = np.arange(first, min(first + _TOGETHER, layer.channels))
        found = analysis.history(states, units_of(states[0], layer.name, units), recipe, names=names)
        called = found.names
        # Each film has one brightness, whatever other units there are.
        frames += [np.stack([shrunk(frame, _LARGEST) for frame in _frames(found, row)]) for row in range(len(units))]
    return Film(states=called, frames=np.stack(frames))


def _frames(found: analysis.History, row: int) -> UInt8[np.ndarray, "states height width channels"]:
    return of_images(found.images[:, row], found.states[0].canvas)
