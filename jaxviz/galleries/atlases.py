"""Atlases: what a layer sees in many images -> a page with a map that pans and zooms."""

import os
from pathlib import Path

import numpy as np

from jaxviz.analysis import Atlas, Level
from jaxviz.galleries.publication import published
from jaxviz.galleries.pyramids import write_pyramid
from jaxviz.galleries.scripts import number, safe, write_script
from jaxviz.galleries.sheets import Sheets

__all__ = ["atlas_page", "write_atlas"]


def atlas_page(atlas: Atlas, out: str | os.PathLike, *, model: str = "Atlas") -> Path:
    """Writes a static site of one atlas. It opens from the file system, and the same atlas gives the same bytes.

    Args:
      atlas: what a layer sees in many images.
      out: the directory to write to.
      model: the name of the network.

    Returns:
      The path of the page to open.

    Raises:
      JaxvizError: ``out`` cannot be written or has a page of something else.

    Example:
      >>> atlas_page(Atlas.load("atlas/atlas.npz"), "atlas")  # doctest: +SKIP
      PosixPath('atlas/index.html')
    """
    directory = Path(out)
    with published(directory) as files:
        written = write_atlas(atlas, files, 0)
        data = files / "data"
        data.mkdir()
        write_script(data, "network", {"model": model, "swept": [], "layers": [], "atlases": [written]})
    return directory / "index.html"


def write_atlas(atlas: Atlas, files: Path, place: int) -> dict[str, object]:
    """Writes the folder of an atlas, with its tiles, its patches, and ``atlas.js``.

    Args:
      atlas: what a layer sees in many images.
      files: the folder of a site's data.
      place: the number of the atlas.

    Returns:
      What other pages need to know of it.
    """
    folder = files / f"atlas-{place:03d}-{safe(atlas.layer)}"
    folder.mkdir()
    sheets = Sheets(folder, "patches")
    for patch in atlas.patches if atlas.patches.size else ():
        sheets.add(patch)
    classes = sorted({int(one) for level in atlas.levels for one in level.classes.ravel()})
    told = {
        "layer": atlas.layer,
        "recipe": atlas.recipe,
        "activations": len(atlas.points),
        "images": len(np.unique(atlas.point_images)),
        "classes": {one: atlas.class_name(one) for one in classes},
        "patches": sheets.close(),
        "from": [
            [image, position]
            for image, position in zip(atlas.patch_images.tolist(), atlas.patch_positions.tolist(), strict=True)
        ],
        "levels": [_level(level, folder, at) for at, level in enumerate(atlas.levels)],
    }
    write_script(folder, "atlas", told)
    return {"layer": atlas.layer, "folder": folder.name, "cells": sum(map(len, atlas.levels))}


def _level(level: Level, folder: Path, place: int) -> dict[str, object]:
    pyramid = write_pyramid(folder, f"map-{place}", level.pictures, level.places, level.finished, level.side)
    return {
        "pyramid": pyramid,
        "places": level.places.tolist(),
        "counts": level.counts.tolist(),
        "units": level.units.tolist(),
        "classes": level.classes.tolist(),
        "shares": [[number(share) for share in row] for row in level.shares],
        "patches": [[one for one in row if one >= 0] for row in level.patches.tolist()],
    }
