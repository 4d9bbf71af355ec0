"""Preprocessing: image -> the input of a network; with the range of images that the network was trained on.

A name of two numbers is the range of the image, which is the input of the network without a conversion. The other names
are the conventions of ImageNet networks: the image can be displayed, and is converted to the network's input.

| name | images | input of the network |
| --- | --- | --- |
| `0-1` | 0 to 1 | the image |
| `0-255` | 0 to 255 | the image |
| `-1-1` | -1 to 1 | the image |
| `caffe` | 0 to 255, red first | blue first, minus the mean of each colour |
| `torch` | 0 to 1, red first | minus the mean of each colour, divided by its standard deviation |
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Array, Float

from jaxviz.values.errors import JaxvizError

__all__ = ["NAMED", "Preprocessing", "find", "unstated"]

Image = Float[Array, "height width channels"]

# Means and standard deviations over ImageNet's training images, as Caffe's and torchvision's models were trained with:
# https://github.com/BVLC/caffe/wiki/Models-accuracy-on-ImageNet-2012-val, https://pytorch.org/vision/stable/models.html
_CAFFE_MEAN = np.array([[[103.939, 116.779, 123.68]]], np.float32)  # blue, green, red, in 0..255
_TORCH_MEAN = np.array([[[0.485, 0.456, 0.406]]], np.float32)  # red, green, blue, in 0..1
_TORCH_DEVIATION = np.array([[[0.229, 0.224, 0.225]]], np.float32)
_COLOURS = 3  # the conventions of ImageNet are about colour images


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The conversion of an image to a network's input, and the range of the images.

    Attributes:
      low: smallest pixel value of an image.
      high: largest pixel value of an image.
      function: image -> input of the network, both ``[height, width, channels]``; None if there is no conversion.
        Functions are compared by identity: the same function is compiled once.
      is_assumed: True if the range that the network was trained on is unknown.

    Example:
      >>> Preprocessing(low=0, high=255, function=lambda image: image / 127.5 - 1).high
      255
    """

    low: float | int = 0.0
    high: float | int = 1.0
    function: Callable[[Image], Image] | None = None
    is_assumed: bool = False

    def __post_init__(self):
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise JaxvizError(f"a range from {self.low} to {self.high}: low must be below high, and both finite")


def _caffe(image: Array) -> Array:
    return image[..., ::-1] - _CAFFE_MEAN


def _torch(image: Array) -> Array:
    return (image - _TORCH_MEAN) / _TORCH_DEVIATION


NAMED = {
    "0-1": Preprocessing(low=0.0, high=1.0),
    "0-255": Preprocessing(low=0.0, high=255.0),
    "-1-1": Preprocessing(low=-1.0, high=1.0),
    "caffe": Preprocessing(low=0.0, high=255.0, function=_caffe),
    "torch": Preprocessing(low=0.0, high=1.0, function=_torch),
}


def find(preprocessing: object) -> Preprocessing:
    """Returns a preprocessing by its name; a preprocessing is returned unchanged.

    Raises:
      JaxvizError: there is none of this name; the message lists all names.

    Example:
      >>> find("0-255").high
      255.0
    """
    if isinstance(preprocessing, Preprocessing):
        return preprocessing
    if not isinstance(preprocessing, str) or preprocessing not in NAMED:
        raise JaxvizError(
            f"unknown preprocessing {preprocessing!r}; give {', '.join(NAMED)}, "
            "or a function with its range: jaxviz.Preprocessing(low=0, high=255, function=…)"
        )
    return NAMED[preprocessing]


def unstated(channels: int) -> Preprocessing:
    """Returns the preprocessing of a network whose training images are unknown: images of 0 to 1.

    For images of three colours this is an assumption, and the model says so, because many networks take another range.
    """
    return Preprocessing(is_assumed=channels == _COLOURS)
