"""Families: a Keras model's names and first layers -> the images it was trained on, and whether those are ImageNet's.

If a network begins with a Rescaling or Normalization layer, the range follows from it. Otherwise it follows from the
name of the network, or of the model inside it that sees the image, if this is a name of ``keras.applications``.
Otherwise images of 0 to 1 are assumed.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from jaxviz.keras.config.graph import Architecture
from jaxviz.networks.preprocessing import NAMED, Preprocessing, unstated

__all__ = ["first_layers", "is_of_imagenet", "names_of", "preprocessing_of"]

# What `preprocess_input` of the family's module does to images of 0..255. The others there begin with Rescaling or
# Normalization; ConvNeXt made without is trained for neither of these, and is not among them.
_FAMILIES = (
    ("caffe", r"vgg16|vgg19|resnet50|resnet101|resnet152"),
    ("torch", r"densenet(121|169|201)?"),
    ("-1-1", r"resnet(50|101|152)v2|inception_v3|inception_resnet_v2|xception|nasnet(_mobile|_large)?"),
    ("-1-1", r"mobilenet(v2)?_\d\.\d\d_\d+|mobilenetv3(small|large)|efficientnetv2-\w+"),
)
# Those that rescale by themselves, which are trained on ImageNet all the same.
_OTHERS = r"efficientnetb[0-7]|efficientnetv2-\w+|convnext_\w+|mobilenetv3(small|large)|regnet[xy]\d+|resnet_?rs\d+"
_COLOURS = 3  # the conventions of ImageNet are about colour images

# Layers that may stand before the first one that counts, since they leave the values' range as it is.
_PASSING = re.compile(
    r"InputLayer|Random\w+|\w*Dropout\w*|Gaussian\w+|CenterCrop|Resizing|(ZeroPadding|Cropping)\dD|Permute"
    r"|Sequential|Functional|Model"  # a model inside, whose layers stand before it
)


def preprocessing_of(names: Sequence[str], layers: Iterable[tuple[str, Mapping]], channels: int) -> Preprocessing:
    """Tells which images a Keras model was trained for, and how they reach it.

    - ``Rescaling`` at the beginning: it divides by 64 or more where it takes images of 0 to 255, as 1/255, 1/127.5 and
      1/128 do; images of 0 to 1 otherwise.
    - ``Normalization`` at the beginning: it is for images of 0 to 255 if its mean lies between 1 and 255 and for those
      of 0 to 1 if it lies between 0 and 1, as far as the settings say.
    - a name that ``keras.applications`` gives, and an image of three colours: what its ``preprocess_input`` does, as
      ``caffe``, ``torch`` or ``-1-1``.

    Args:
      names: the names of the models that see the image, the innermost first, such as ``vgg16``.
      layers: class and settings of its layers, in their order, as the file has them; the mean and variance of a
        Normalization that was adapted are among its weights, and count if they are put among its settings.
      channels: the channels of an image.

    Example:
      >>> preprocessing_of(["my_model"], [("InputLayer", {}), ("Rescaling", {"scale": 1 / 255})], channels=1).high
      255.0
    """
    for kind, settings in layers:
        if kind == "Rescaling":
            return NAMED["0-255" if _largest(settings.get("scale")) <= 1 / 64 else "0-1"]
        if kind == "Normalization" and 0 < (mean := _largest(settings.get("mean"))) <= 255:
            return NAMED["0-255" if mean > 1 else "0-1"]
        if kind != "Normalization" and not _PASSING.fullmatch(kind):
            break
    for name in names:
        for convention, family in _FAMILIES:
            if channels == _COLOURS and re.fullmatch(family, name.lower()):
                return NAMED[convention]
    return unstated(channels)


def first_layers(architecture: Architecture) -> list[tuple[str, Mapping]]:
    """Returns class and settings of a network's layers in the order of computation, models inside taken apart."""
    return [(call.layer.kind, call.layer.settings) for call in architecture.calls]


def names_of(name: str, architecture: Architecture) -> list[str]:
    """Returns the names of the models that see the image: those that the first layer that counts is in, and the whole.

    Args:
      name: what the whole is called.
      architecture: the network.
    """
    counted = (call.layer for call in architecture.calls if not _PASSING.fullmatch(call.layer.kind))
    scope = layer.parent if (layer := next(counted, None)) else ""
    return [*reversed(scope.split("/") if scope else []), name]


def is_of_imagenet(names: Sequence[str]) -> bool:
    """Tells whether one of the names is that of a family that ``keras.applications`` has ImageNet's weights for."""
    families = [family for _, family in _FAMILIES] + [_OTHERS]
    return any(re.fullmatch(family, name.lower()) for name in names for family in families)


def _largest(value: object) -> float:
    """Returns the largest of one number or several; NaN where there is none, since files may hold anything."""
    while isinstance(value, Mapping):  # Keras wraps arrays: {"class_name": "__numpy__", "config": {"value": […]}}
        value = value.get("config", value.get("value"))
    try:
        return float(np.abs(np.asarray(value, np.float64)).max())
    except (TypeError, ValueError):
        return math.nan
