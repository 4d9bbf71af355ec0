"""Maps: a number for each position of a layer -> colours over an image."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from jaxviz.values.errors import JaxvizError

__all__ = ["overlaid"]

_ABOVE, _BELOW = (255, 140, 26), (51, 153, 255)  # orange and blue, which people who do not see red tell apart as well
_DIM = 0.55  # of the image's brightness where the number is 0
_MOST = 0.85  # of the colour where the number is the largest


def overlaid(
    image: UInt8[np.ndarray, "height width channels"],
    numbers: Float[np.ndarray, "..."],
    largest: float | None = None,
    extent: tuple[float, float, float, float] | None = None,
) -> UInt8[np.ndarray, "height width 3"]:
    """Draws numbers over an image, made grey: orange where they are above 0, blue where they are below.

    Between two positions of the layer the colour is interpolated.

    Args:
      image: grey or colour.
      numbers: ``[rows, columns]``, or ``[columns]`` for an image that is a signal.
      largest: the size that has the full colour; the largest there is when None.
      extent: top, left, bottom and right of the part of the image over which they lie, in pixels; the whole image when
        None. It may reach beyond the image.

    Raises:
      JaxvizError: they have more axes than a picture.

    Example:
      >>> overlaid(np.zeros((4, 4, 1), np.uint8), np.array([[1.0, -1.0]]))[0, [0, 3]].tolist()
      [[216, 119, 22], [43, 130, 216]]
    """
    if not 1 <= numbers.ndim <= 2:
        raise JaxvizError(f"a map of shape {numbers.shape} cannot be drawn; give one of two axes, or one")
    height, width, _ = image.shape
    scale = max(float(np.abs(numbers).max(initial=0.0)) if largest is None else largest, np.finfo(np.float32).tiny)
    top, left, bottom, right = (round(edge) for edge in extent or (0, 0, height, width))
    small = Image.fromarray(np.atleast_2d(numbers / scale).astype(np.float32))
    large = small.resize((max(1, right - left), max(1, bottom - top)), Image.Resampling.BILINEAR)
    canvas = Image.new("F", (width, height))
    canvas.paste(large, (left, top))
    strength = np.asarray(canvas).clip(-1, 1)[..., None]
    colour = np.where(strength >= 0, np.array(_ABOVE), np.array(_BELOW))
    share = _MOST * np.abs(strength)
    grey = _DIM * image.mean(axis=-1, keepdims=True)
    return ((1 - share) * grey + share * colour).astype(np.uint8)
