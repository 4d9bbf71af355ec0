"""Beginning: the key and the first images that a caller gives -> a checked key and checked images."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations import check_start
from jaxviz.values.errors import JaxvizError

__all__ = ["checked_key", "checked_starts"]


def checked_key(key: Array | None) -> Array:
    """Returns a key, ``jax.random.key(0)`` for None.

    Raises:
      JaxvizError: it is something else.
    """
    if key is None:
        return jax.random.key(0)
    if not (isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ()):
        raise JaxvizError(f"key {key!r}: give one that jax.random.key(0) makes")
    return key


def checked_starts(
    start: Float[Array | np.ndarray, "..."], count: int, canvas: Canvas
) -> Float[np.ndarray, "count ..."]:
    """Returns one starting image for each objective ``[count, *canvas.shape]``.

    Args:
      start: one image for all objectives, or one for each.
      count: how many objectives there are.
      canvas: the image that the network takes.

    Raises:
      JaxvizError: they are of another shape or number, or hold something else than finite numbers.
    """
    if np.asarray(start).dtype.kind not in "fiub":
        raise JaxvizError(f"start holds {np.asarray(start).dtype}, not numbers")
    with np.errstate(over="ignore"):  # too large for float32 is infinite, which is refused below
        images = np.asarray(start, np.float32)
    check_start(images, canvas)
    if images.shape == canvas.shape:
        return np.broadcast_to(images, (count, *canvas.shape))
    if len(images) != count:
        raise JaxvizError(f"{len(images)} starting images for {count} objectives; give one, or one for each")
    return images
