"""Photographs: a folder of files -> images of one size, and the classes that their names begin with."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from jaxviz.values.errors import JaxvizError

__all__ = ["HELP", "class_names", "read_photographs"]

HELP = "a folder of square photographs, one or more of each of ImageNet's classes, named INDEX_name.jpg"

_NAMED = re.compile(r"(\d+)_(.+)\.(jpg|jpeg|png)$", re.IGNORECASE)


def read_photographs(folder: str | Path, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Reads the photographs of a folder; their middle, ``side`` pixels wide and high.

    Args:
      folder: the folder.
      side: pixels on a side.

    Returns:
      ``[n, side, side, 3]`` float32 from 0 to 1, and the class of each ``[n]``.

    Raises:
      JaxvizError: there are none, or one is smaller.
    """
    files = _files(folder)
    return np.stack([_middle(path, side) for path, _, _ in files]), np.array([index for _, index, _ in files])


def class_names(folder: str | Path) -> dict[int, str]:
    """Returns the name of each class that a folder has photographs of."""
    return {index: name.replace("_", " ") for _, index, name in _files(folder)}


def _files(folder: str | Path) -> list[tuple[Path, int, str]]:
    named = [(path, _NAMED.match(path.name)) for path in sorted(Path(folder).glob("*"))]
    files = [(path, int(match[1]), match[2]) for path, match in named if match]
    if not files:
        raise JaxvizError(f"no photographs in {folder}; give {HELP}")
    return files


def _middle(path: Path, side: int) -> np.ndarray:
    with Image.open(path) as opened:
        image = np.asarray(opened.convert("RGB"), np.float32) / 255
    if min(image.shape[:2]) < side:
        raise JaxvizError(f"{path} is {image.shape[0]} x {image.shape[1]}; give photographs of {side} pixels or more")
    top, left = ((size - side) // 2 for size in image.shape[:2])
    return image[top : top + side, left : left + side]
