"""Transforms: (key, image) -> image, what the network sees instead of the image at a step.

Each acts on one image ``[*spatial, channels]``, draws from its key alone, and leaves the image itself as it is.
"""

from jaxviz.transforms.filtering import Blur, Noise, OverBackground
from jaxviz.transforms.framing import CentreCrop, Crop, Flip, Jitter, Pad, Roll
from jaxviz.transforms.transform import Chain, Sometimes, Transform, chain
from jaxviz.transforms.warping import Affine, RandomResizedCrop, Rotate, Scale, Shear

__all__ = [
    "Affine",
    "Blur",
    "CentreCrop",
    "Chain",
    "Crop",
    "Flip",
    "Jitter",
    "Noise",
    "OverBackground",
    "Pad",
    "RandomResizedCrop",
    "Roll",
    "Rotate",
    "Scale",
    "Shear",
    "Sometimes",
    "Transform",
    "chain",
]
