"""Free photographs: images that a package brings with it and anyone may use -> images for a network."""

import numpy as np
from jaxtyping import Float
from PIL import Image

from jaxviz.values.errors import JaxvizError

__all__ = ["cat"]

_FACE = (0, 40, 300)  # of the cat's: top, left and side of a square


def cat(side: int) -> Float[np.ndarray, "side side 3"]:
    """Returns a photograph of a cat's face, from 0 to 1: scikit-image's ``chelsea``, in the public domain (CC0).

    Args:
      side: pixels on a side.

    Raises:
      JaxvizError: scikit-image is not installed.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise JaxvizError(
            "scikit-image brings the photograph; install it with: pip install '.[photographs]'"
        ) from error
    top, left, size = _FACE
    square = Image.fromarray(data.chelsea()[top : top + size, left : left + size])
    return np.asarray(square.resize((side, side), Image.Resampling.LANCZOS), np.float32) / 255
