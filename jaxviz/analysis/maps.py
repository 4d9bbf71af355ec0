"""Atlas: what a layer sees in many images, in zoom levels; and its file."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from jaxviz.analysis.levels import Level
from jaxviz.files.arrays import read_arrays
from jaxviz.files.outputs import staged
from jaxviz.values.errors import JaxvizError

__all__ = ["Atlas"]

_TEXTS = ("layer", "recipe")
_OF_ALL = ("points", "point_images", "point_positions", "patches", "patch_images", "patch_positions")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Atlas:
    """What a layer sees in many images.

    Attributes:
      layer: the layer's name.
      recipe: the name of the recipe by which the pictures were made.
      class_names: the names of the network's classes; empty where they are unknown.
      levels: the zoom levels.
      points: the places of all drawn activations, across and down, from 0 to 1, ``[points, 2]``.
      point_images: the image of each, by its number, ``[points]``.
      point_positions: its position in the layer, ``[points, axes]``.
      patches: the parts of the images around the most typical activations, ``[patches, height, width, channels]``, 0 to
        255; `Level.patches` names those of each cell.
      patch_images: the image of each patch, ``[patches]``.
      patch_positions: the position in the layer at its middle, ``[patches, axes]``.
    """

    layer: str
    recipe: str
    class_names: tuple[str, ...]
    levels: tuple[Level, ...]
    points: Float[np.ndarray, "points 2"]
    point_images: Int[np.ndarray, " points"]
    point_positions: Int[np.ndarray, "points axes"]
    patches: UInt8[np.ndarray, "patches height width channels"]
    patch_images: Int[np.ndarray, " patches"]
    patch_positions: Int[np.ndarray, "patches axes"]

    @property
    def complete(self) -> bool:
        """Whether all pictures are finished."""
        return all(level.finished.all() for level in self.levels)

    def class_name(self, number: int) -> str:
        """Returns the first word of a class's name, or its number."""
        return self.class_names[number].split(", ")[0] if self.class_names else f"class {number}"

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns everything as arrays by name; those of a level begin with its number and ``/``."""
        found = {name: np.array(getattr(self, name)) for name in _TEXTS}
        found["class_names"] = np.array(self.class_names, dtype=str)
        found |= {name: getattr(self, name) for name in _OF_ALL}
        for number, level in enumerate(self.levels):
            found |= {f"{number}/{name}": np.asarray(getattr(level, name)) for name in _names()}
        return found

    @staticmethod
    def of_arrays(arrays: Mapping[str, np.ndarray]) -> "Atlas":
        """Returns the atlas of its `arrays`.

        Raises:
          JaxvizError: one is missing.
        """
        numbers = sorted({int(name.partition("/")[0]) for name in arrays if "/" in name})
        try:
            levels = []
            for number in numbers:
                of_level: dict = {name: arrays[f"{number}/{name}"] for name in _names()}
                levels.append(Level(**{**of_level, "side": int(of_level["side"])}))
            of_all: dict = {name: str(arrays[name]) for name in _TEXTS} | {name: arrays[name] for name in _OF_ALL}
            return Atlas(class_names=tuple(map(str, arrays["class_names"])), levels=tuple(levels), **of_all)
        except KeyError as error:
            raise JaxvizError(f"no atlas: it has no array {error}") from error

    def save(self, path: str | os.PathLike) -> Path:
        """Writes the atlas to a ``.npz`` file and returns its path; the same atlas gives the same bytes.

        Raises:
          JaxvizError: the name does not end in ``.npz``, or the file cannot be written.
        """
        target = Path(path)
        if target.suffix != ".npz":
            raise JaxvizError(f"{target}: give the name of a .npz file")
        with staged(target.parent) as stage:
            np.savez_compressed(stage / target.name, allow_pickle=False, **self.arrays())
        return target

    @staticmethod
    def load(path: str | os.PathLike) -> "Atlas":
        """Reads a file of `save`.

        Raises:
          JaxvizError: it is missing, or is something else.
        """
        arrays = read_arrays(path)
        try:
            return Atlas.of_arrays(arrays)
        except (JaxvizError, ValueError) as error:
            raise JaxvizError(f"{Path(path)} is no atlas; `jaxviz atlas` writes one") from error


def _names() -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(Level))
