"""Parts: what a recipe's parameterization, transforms and penalties return -> the same, if its shape is possible.

Any of them may be the user's own.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations import Parameterization
from jaxviz.penalties import Penalty
from jaxviz.transforms import Transform
from jaxviz.values.errors import JaxvizError
from jaxviz.values.own_functions import explained

__all__ = ["inverted", "penalized", "projected", "rendered", "started", "transformed"]


def started(parameterization: Parameterization, name: str, key: Array, canvas: Canvas) -> PyTree:
    """Draws the parameters of a first image; ``name`` is what a message calls the parameterization, here as below."""
    return explained(_called(name), "random numbers", parameterization.init, key, canvas)


def inverted(parameterization: Parameterization, name: str, image: Float[Array, "..."], canvas: Canvas) -> PyTree:
    """Returns the parameters of a first image that is given."""
    return explained(_called(name), "pixels", parameterization.invert, image, canvas)


def rendered(
    parameterization: Parameterization, name: str, parameters: PyTree, canvas: Canvas, group: int
) -> Float[Array, "..."]:
    """Returns the image of parameters, or those of a group of images, each of which may have an opacity.

    Raises:
      JaxvizError: the image has another shape than the canvas.
    """
    image = explained(_called(name), "parameters", parameterization.render, parameters, canvas)
    wanted = (group, *canvas.shape) if group > 1 else canvas.shape
    given = _shape(image, f"{_called(name)} renders")
    if given not in (wanted, (*wanted[:-1], wanted[-1] + 1)):
        raise JaxvizError(f"{_called(name)} renders {_sides(given)}; this network's canvas takes {_sides(wanted)}")
    return image


def projected(parameterization: Parameterization, name: str, parameters: PyTree, canvas: Canvas) -> PyTree:
    """Returns the nearest valid parameters.

    Raises:
      JaxvizError: they have another structure or other shapes.
    """
    valid = explained(_called(name), "parameters", parameterization.project, parameters, canvas)
    given, wanted = (jax.tree.map(jnp.shape, tree) for tree in (valid, parameters))
    if given != wanted:
        raise JaxvizError(f"{_called(name)} projects parameters of shapes {wanted} to {given}; keep their shapes")
    return valid


def transformed(
    transform: Transform, name: str, key: Array, image: Float[Array, "..."], canvas: Canvas
) -> Float[Array, "..."]:
    """Returns what a transform makes of an image: of any size, and with as many axes and channels.

    An opacity, one channel more than the canvas has, may end here; none begins here.

    Raises:
      JaxvizError: it has other axes or channels, or no pixels.
    """
    called = f"the transform {name}"
    seen = explained(called, "pixels", transform, key, image)
    given = _shape(seen, f"{called} gives")
    if len(given) != image.ndim or given[-1] not in (image.shape[-1], canvas.shape[-1]) or 0 in given:
        raise JaxvizError(
            f"{called} gives {_sides(given)} of an image of {_sides(image.shape)}; "
            "it may change the size, but not the number of axes or channels"
        )
    return seen


def penalized(penalty: Penalty, name: str, image: Float[Array, "..."]) -> Float[Array, ""] | float:
    """Returns the number that a penalty gives for an image.

    Raises:
      JaxvizError: it gives something else.
    """
    called = f"the penalty {name}"
    number = explained(called, "pixels", penalty, image)
    if not isinstance(number, int | float) and (shape := _shape(number, f"{called} gives")) != ():
        raise JaxvizError(f"{called} gives {shape}, not one number; take a mean or a sum")
    return number


def _called(name: str) -> str:
    return f"the parameterization {name}"


def _shape(array: object, told: str) -> tuple[int, ...]:
    """Returns the shape of an array of floating point numbers.

    Raises:
      JaxvizError: it is something else.
    """
    shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
    if shape is None or dtype is None:
        raise JaxvizError(f"{told} {type(array).__name__}, not an array")
    if not jnp.issubdtype(dtype, jnp.floating):
        raise JaxvizError(f"{told} {dtype}, which has no gradient; give floating point numbers")
    return shape


def _sides(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "one number"
