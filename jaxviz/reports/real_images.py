"""Real images: a folder of photographs or a file of arrays -> images in a canvas's range, and labels if it has any."""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Float, Integer, Shaped

from jaxviz.files.arrays import read_array, read_arrays
from jaxviz.networks.layer import Canvas
from jaxviz.reports.photographs import Photographs
from jaxviz.values.errors import JaxvizError

__all__ = ["StoredImages", "open_real_images", "read_real_images"]

_IMAGES, _LABELS = ("images", "x"), ("labels", "y")
_SLACK = 1e-3  # of the range: what rounding does to images that were scaled to it


class StoredImages:
    """Images in memory as their file stores them, such as bytes; a slice of them is an array of images.

    Args:
      stored: ``[images, *canvas.shape]``; bytes from 0 to 255, or other numbers in the canvas's range.
      canvas: the image that the network takes.
    """

    def __init__(self, stored: Shaped[np.ndarray, "images ..."], canvas: Canvas):
        self._stored = stored
        self._canvas = canvas

    def __len__(self) -> int:
        return len(self._stored)

    def __getitem__(self, some: slice) -> Float[np.ndarray, "some ..."]:
        low, high = self._canvas.low, self._canvas.high
        found = self._stored[some].astype(np.float32)
        if self._stored.dtype == np.uint8:
            found *= np.float32((high - low) / 255)
            found += np.float32(low)
        return found


def read_real_images(
    path: str | os.PathLike, canvas: Canvas
) -> tuple[Float[np.ndarray, "images ..."], Integer[np.ndarray, " images"] | None]:
    """Reads real images to compare with, all of them at once.

    Args:
      path: as for `open_real_images`.
      canvas: the image that the network takes.

    Returns:
      Images ``[images, *canvas.shape]`` float32, and an integer for each; None if there are no classes.

    Raises:
      JaxvizError: as `open_real_images`, or a photograph cannot be read.
    """
    images, labels = open_real_images(path, canvas)
    return images[:], labels


def open_real_images(
    path: str | os.PathLike, canvas: Canvas
) -> tuple[StoredImages | Photographs, Integer[np.ndarray, " images"] | None]:
    """Opens real images, to read them a few at a time.

    Bytes (uint8) are mapped from 0..255 to the canvas's range; other numbers must be in this range. Images without
    channels get one, and images with their channels last are transposed for a canvas that has them first.

    Args:
      path: a folder of photographs, a ``.npy`` file of images, or a ``.npz`` file with the images as ``images`` or
        ``x``, and optionally their classes as ``labels`` or ``y``.
      canvas: the image that the network takes.

    Returns:
      Images of which a slice is ``[some, *canvas.shape]`` float32, and an integer for each; None if there are no
      classes.

    Raises:
      JaxvizError: the file is missing or of another kind, its images have another shape or range, or the folder has no
        photographs.
    """
    if os.path.isdir(path):
        return Photographs(path, canvas), None
    found, labels = _arrays(Path(path))
    images = _laid_out(found, canvas, path)
    _check_range(images, canvas, path)
    return StoredImages(images, canvas), _labels(labels, len(images), path)


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    if path.suffix != ".npz":
        return read_array(path), None
    arrays = read_arrays(path)
    images = next((arrays[name] for name in _IMAGES if name in arrays), None)
    labels = next((arrays[name] for name in _LABELS if name in arrays), None)
    if images is None:
        raise JaxvizError(f"{path} holds {', '.join(arrays) or 'nothing'}; name its images 'images' or 'x'")
    if images.dtype.kind not in "fiub":
        raise JaxvizError(f"the images in {path} are {images.dtype}, not numbers")
    return images, labels


def _laid_out(images: np.ndarray, canvas: Canvas, path: str | os.PathLike) -> np.ndarray:
    axis = canvas.channel_axis % len(canvas.shape)
    plain = canvas.shape[:axis] + canvas.shape[axis + 1 :]
    if images.ndim and images.shape[1:] == plain and canvas.shape[axis] == 1:
        images = np.expand_dims(images, axis + 1)
    elif images.ndim and images.shape[1:] == (*plain, canvas.shape[axis]):
        images = np.moveaxis(images, -1, axis + 1)
    if images.shape[1:] != canvas.shape or not len(images):
        wanted = ", ".join(map(str, canvas.shape))
        raise JaxvizError(f"images of shape {images.shape} in {path}: this model takes [images, {wanted}]")
    return images


def _check_range(images: np.ndarray, canvas: Canvas, path: str | os.PathLike) -> None:
    low, high = canvas.low, canvas.high
    if images.dtype == np.uint8:
        return
    least, most = float(images.min()), float(images.max())
    slack = _SLACK * (high - low)
    if not (low - slack <= least and most <= high + slack):  # NaN is refused as well
        raise JaxvizError(
            f"images from {least:g} to {most:g} in {path}: this model's go from {low:g} to {high:g}; "
            "give them in that range, or as uint8"
        )


def _labels(labels: np.ndarray | None, count: int, path: str | os.PathLike) -> np.ndarray | None:
    if labels is None:
        return None
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise JaxvizError(
            f"labels of shape {labels.shape} and {labels.dtype} in {path}: "
            f"give a whole number for each of the {count} images"
        )
    return labels
