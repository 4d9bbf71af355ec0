"""Photographs: a folder of pictures -> images of a canvas, read when they are asked for."""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image, UnidentifiedImageError

from jaxviz.networks.layer import Canvas
from jaxviz.values.errors import JaxvizError

__all__ = ["Photographs"]

_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


class Photographs:
    """The pictures in a folder, in the order of their names; a slice of them is an array of images.

    The middle of each, of the canvas's proportions, is scaled to the canvas's size and range. A network with one
    channel sees them in grey.

    Args:
      folder: its files with the suffixes of pictures are read, those in folders inside it are not.
      canvas: the image that the network takes.

    Raises:
      JaxvizError: there are none, or the canvas has another form than height, width and one or three channels.

    Example:
      >>> Photographs("photographs", model.canvas)[:8].shape  # doctest: +SKIP
      (8, 224, 224, 3)
    """

    def __init__(self, folder: str | os.PathLike, canvas: Canvas):
        self.files = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in _SUFFIXES)
        self._canvas = canvas
        if not self.files:
            raise JaxvizError(f"no pictures in {folder}; give a folder of .jpg or .png files")
        if len(canvas.shape) != 3 or canvas.shape[canvas.channel_axis] not in (1, 3):
            raise JaxvizError(f"photographs for images of shape {canvas.shape}: give images as a .npy or .npz file")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, some: slice) -> Float[np.ndarray, "some ..."]:
        return np.stack([self._read(path) for path in self.files[some]])

    def _read(self, path: Path) -> Float[np.ndarray, "..."]:
        canvas = self._canvas
        height, width = (size for axis, size in enumerate(canvas.shape) if axis != canvas.channel_axis % 3)
        try:
            with Image.open(path) as opened:
                picture = opened.convert("RGB" if canvas.shape[canvas.channel_axis] == 3 else "L")
        except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise JaxvizError(f"{path} is no picture that can be read; move it away") from error
        scale = min(picture.width / width, picture.height / height)
        left, top = (picture.width - scale * width) / 2, (picture.height - scale * height) / 2
        box = (left, top, left + scale * width, top + scale * height)
        pixels = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=box), np.float32)
        pixels = pixels.reshape(height, width, -1) * np.float32((canvas.high - canvas.low) / 255)
        return np.moveaxis(pixels + np.float32(canvas.low), -1, canvas.channel_axis)
