"""Atlases: model + many images -> what a layer sees in all of them, as a map of pictures."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxviz.analysis.classes import MEMBERS, class_effects
from jaxviz.analysis.embeddings import Embed, placed, umap, whitened
from jaxviz.analysis.images import ImageSource, layer_with_positions
from jaxviz.analysis.levels import binned, level_of
from jaxviz.analysis.maps import Atlas
from jaxviz.analysis.patches import cut_patches
from jaxviz.analysis.surveys import digest_of, drawn
from jaxviz.ascent.batches import digest
from jaxviz.ascent.store import Store
from jaxviz.networks.layer import Layer
from jaxviz.networks.model import Model
from jaxviz.networks.sizes import resized
from jaxviz.objectives import direction
from jaxviz.recipes import Recipe, default_for
from jaxviz.recipes.presets import find
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import visualize

__all__ = ["atlas"]

_EMBEDDED = 20_000  # points that the embedding places itself


class _Asked(NamedTuple):
    """What decides which cells there are."""

    grids: tuple[int, ...]
    positions: int
    fewest: int
    patches: int
    seed: int

    def check(self) -> None:
        if not self.grids or min(self.grids) < 1:
            raise JaxvizError(f"grids {self.grids}: give one or more numbers of cells, each 1 or more")
        for name, least in (("positions", 1), ("fewest", 1), ("patches", 1), ("seed", 0)):
            if (number := getattr(self, name)) < least:
                raise JaxvizError(f"{name} of {number}: give {least} or more")


def atlas(
    model: Model,
    layer: str,
    images: ImageSource,
    *,
    grids: Sequence[int] = (20,),
    positions: int = 16,
    side: int | None = None,
    fewest: int = 4,
    patches: int = 4,
    embed: Embed | None = None,
    power: float = 2.0,
    recipe: str | Recipe | None = None,
    steps: int | None = None,
    chunk: int | None = None,
    seed: int = 0,
    keep: str | os.PathLike | None = None,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Atlas:
    """Maps what a layer sees in many images: activations of one kind lie together, and each cell has a picture.

    Activations at drawn positions are whitened (`analysis.embeddings.whitened`), embedded in the plane by UMAP, and
    binned on a grid. Of each cell, the mean activation is the direction in which its picture climbs, all cells of a
    grid in one call. A cell speaks for the classes whose logits its mean raises most in the images of its most typical
    activations, compared with the mean of all activations (`analysis.classes.class_effects`).

    Memory hardly grows with the number of images and positions. Images are read a few at a time, activations beyond
    128 MiB are in a temporary file, and of each activation only its 64 features, its place and its numbers stay in
    memory, less than 400 bytes. The whitening is computed of at most 128 MiB of activations, which are drawn. So are
    the 20,000 that the embedding places; any other activation lies where the nearest of these lies, by the cosine of
    their features.

    Source: Carter et al., "Activation Atlas", Distill 2019, https://distill.pub/2019/activation-atlas

    Args:
      model: the network.
      layer: the layer's name; it has positions.
      images: ``[images, *canvas.shape]`` in the canvas's range, or what gives such arrays when it is sliced, such as
        `analysis.Photographs`; it is read a few images at a time.
      grids: cells along each side, for each zoom level; all share one embedding.
      positions: how many are drawn of each image.
      side: pixels along each side of a cell's picture, for networks that take images of other sizes; the canvas's own
        when None.
      fewest: a cell with fewer activations is left out.
      patches: how many patches of images are cut out for each cell, each of another image.
      embed: features of points -> their places ``[n, 2]``; UMAP with the settings of Carter et al. when None.
      power: of the cosine between a picture's activations and its direction, as of `objectives.direction`.
      recipe: how to climb; the quick one that suits the model when None.
      steps: how many steps are made; the recipe's own number when None.
      chunk: the number of cells that each device optimizes together; chosen for model and machine when None.
      seed: of all random draws.
      keep: a directory for what is finished, from which the same call goes on after an interruption.
      progress: called with the number of finished pictures, and of all there will be, after each chunk.
      stop: asked before each chunk; once it says True, the chunks at work are finished and no others begin.

    Returns:
      The atlas; if it was stopped, with pictures that are not finished.

    Raises:
      JaxvizError: the layer has no positions, a number is out of its range, no cell has enough activations, the network
        takes no images of that side, or scikit-learn or umap-learn is not installed.

    Example:
      >>> import jaxviz, numpy as np
      >>> digits = np.random.default_rng(0).random((12, 28, 28, 1), dtype=np.float32)
      >>> corner = lambda features: features[:, :2]
      >>> made = atlas(jaxviz.default_model(), "conv2d_4", digits, grids=(2,), embed=corner, steps=2)
      >>> made.levels[0].pictures.shape, int(made.levels[0].counts.sum())
      ((4, 28, 28, 1), 192)
    """
    found = layer_with_positions(model, layer)
    asked = _Asked(tuple(grids), positions, fewest, patches, seed)
    asked.check()
    smaller = model if side is None else resized(model, layer, side)
    chosen = default_for(smaller, quick=True) if recipe is None else find(recipe)
    chosen = chosen if steps is None else chosen.replace(steps=steps)
    if keep is None:
        mapped = _mapped(model, found, images, embed, asked)
    else:
        told = {"layer": layer, "images": digest_of(model, images), "network": digest(model)}
        store = Store(Path(keep) / "cells", told | {name: str(value) for name, value in asked._asdict().items()})
        if not store.has(0):
            store.write(0, _mapped(model, found, images, embed, asked).arrays())
        mapped = Atlas.of_arrays(store.read(0))

    done, total = 0, sum(len(level) for level in mapped.levels)

    def report(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    levels = []
    for level in mapped.levels:
        objective = direction(layer, level.vectors, power=power)
        folder = None if keep is None else Path(keep) / f"pictures-{level.side}"
        made = visualize(
            smaller,
            objective,
            chosen,
            key=jax.random.key(seed),
            chunk=chunk,
            keep=folder,
            progress=report,
            stop=stop,
        )
        levels.append(level.with_pictures(made, objective.resolve(smaller).labels()))
    made_by = f"{chosen.name}, {chosen.steps} steps"
    return dataclasses.replace(mapped, levels=tuple(levels), recipe=made_by, class_names=model.class_names)


def _mapped(model: Model, layer: Layer, images: ImageSource, embed: Embed | None, asked: _Asked) -> Atlas:
    """Returns an atlas without pictures: everything that comes before the climbing."""
    embed = embed or umap(asked.seed)  # which says at once if it is not installed
    survey = drawn(model, layer, images, positions=asked.positions, seed=asked.seed)
    features = whitened(survey.vectors)
    places = placed(features, embed, most=_EMBEDDED, seed=asked.seed)
    settings: dict = {"fewest": asked.fewest, "members": max(asked.patches, MEMBERS)}
    cells = [binned(places, survey.vectors, features, survey.images, side=side, **settings) for side in asked.grids]
    points = np.unique(np.concatenate([of_side.members[:, : asked.patches].ravel() for of_side in cells]))
    points = points[points >= 0]
    effects = [class_effects(model, layer, images, survey, of_side) for of_side in cells]
    return Atlas(
        layer=layer.name,
        recipe="",
        class_names=model.class_names,
        levels=tuple(
            level_of(of_side, points, of_cells, patches=asked.patches)
            for of_side, of_cells in zip(cells, effects, strict=True)
        ),
        points=places,
        point_images=survey.images,
        point_positions=survey.positions,
        patches=cut_patches(model, layer, images, survey, points),
        patch_images=survey.images[points],
        patch_positions=survey.positions[points],
    )
