"""Pyramid: the image as a sum of images, each with half the resolution of the one before."""

import dataclasses

import jax
from jaxtyping import Array, Float

from jaxviz.layers.resampling import resize
from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations.fields import Field
from jaxviz.values.quantities import above, whole

__all__ = ["Pyramid", "shrunk_shape"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pyramid(Field):
    """A Laplacian pyramid: levels of 1, 1/2, 1/4, … of the image's size, enlarged bilinearly and added.

    A step of the optimizer therefore changes large shapes and fine detail at the same time. Mordvintsev, "DeepDreaming
    with TensorFlow", 2016, for gradients; lucid's ``laplacian_pyramid_image`` for images, whose defaults these are.

    Attributes:
      levels: the number of levels; the first has the image's size.
      sd: standard deviation of the first parameters.
      colours: how three channels are mixed; None for independent channels.
      squash: the function that maps the values to the range.
    """

    levels: int = 4
    sd: int | float = 0.01

    def __post_init__(self):
        whole(self, 1, "levels")
        above(self, 0, "sd")

    def init(self, key: Array, canvas: Canvas) -> tuple[Float[Array, "..."], ...]:
        keys = jax.random.split(key, self.levels)
        shapes = [shrunk_shape(canvas.shape, 2**level) for level in range(self.levels)]
        return tuple(self.sd * jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True))

    def values(self, parameters: tuple[Float[Array, "..."], ...], canvas: Canvas) -> Float[Array, "..."]:
        return sum((resize(level, canvas.shape[:-1]) for level in parameters[1:]), parameters[0])

    def fit(self, values: Float[Array, "..."], canvas: Canvas) -> tuple[Float[Array, "..."], ...]:
        coarse = []
        for level in reversed(range(1, self.levels)):
            coarse.append(resize(values, shrunk_shape(canvas.shape, 2**level)[:-1]))
            values = values - resize(coarse[-1], canvas.shape[:-1])  # what is left for the finer levels
        return (values, *reversed(coarse))


def shrunk_shape(shape: tuple[int, ...], factor: int) -> tuple[int, ...]:
    """Divides the spatial axes of ``[*spatial, channels]``, rounded down to at least one pixel."""
    return (*(max(1, size // factor) for size in shape[:-1]), shape[-1])
