"""Transforms: (key, image) -> the image that the network sees at a step.

Each transforms one image ``[*spatial, channels]`` and draws random numbers from its key alone. The image itself is not
changed.
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
