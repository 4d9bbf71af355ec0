"""Groups: several images that are optimized together, ``[count, *canvas.shape]``."""

import dataclasses
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from jaxviz.layers.resampling import resize
from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations.fields import Field
from jaxviz.parameterizations.fourier import Fourier
from jaxviz.parameterizations.parameterization import Free, Parameterization
from jaxviz.parameterizations.pyramid import shrunk_shape
from jaxviz.values.quantities import above, whole

__all__ = ["Grouped", "Separate", "SharedLowRes", "SharedLowResGroup", "several"]


_FOURIER = Fourier()


@runtime_checkable
class Grouped(Protocol):
    """A parameterization whose images share parameters if several of them are optimized together."""

    def several(self, count: int) -> Parameterization:
        """Returns the parameterization of ``count`` images, ``[count, *canvas.shape]``."""
        ...


def several(parameterization: Parameterization, count: int) -> Parameterization:
    """Returns the parameterization of several images that are optimized together, ``[count, *canvas.shape]``.

    Args:
      parameterization: that of one image; if it has a method ``several``, the method is used.
      count: the number of images.

    Example:
      >>> several(Fourier(), 2).init(jax.random.key(0), Canvas(shape=(4, 4, 1))).shape
      (2, 2, 4, 3, 1)
    """
    return (
        parameterization.several(count) if isinstance(parameterization, Grouped) else Separate(parameterization, count)
    )


@dataclasses.dataclass(frozen=True)
class Separate:
    """Several independent images, each with its own key.

    Attributes:
      one: the parameterization of each.
      count: the number of images.
    """

    one: Parameterization
    count: int

    def __post_init__(self):
        whole(self, 1, "count")

    def init(self, key: Array, canvas: Canvas) -> PyTree:
        return jax.vmap(lambda key: self.one.init(key, canvas))(_keys(key, self.count))

    def render(self, parameters: PyTree, canvas: Canvas) -> Float[Array, "count ..."]:
        return jax.vmap(lambda one: self.one.render(one, canvas))(parameters)

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> PyTree:
        """Returns the parameters of several images, or of one image several times."""
        return jax.vmap(lambda one: self.one.invert(one, canvas))(_repeated(image, self.count, canvas))

    def project(self, parameters: PyTree, canvas: Canvas) -> PyTree:
        return jax.vmap(lambda one: self.one.project(one, canvas))(parameters)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedLowRes(Free):
    """The sum of a low-resolution part that the images of a group share, and a part of each image.

    Different images of one unit then have their features at the same places and can be compared. A single image shares
    its low-resolution part with no other. Mordvintsev et al., "Differentiable Image Parameterizations", Distill 2018,
    https://distill.pub/2018/differentiable-parameterizations (aligned interpolation).

    Attributes:
      own: how the part of each image is represented; its colours and squash are those of the sum.
      factor: the factor by which the shared part is coarser, on each axis.
      sd: standard deviation of the shared part's first values.
    """

    own: Field = _FOURIER
    factor: int = 8
    sd: int | float = 0.01

    def __post_init__(self):
        whole(self, 1, "factor")
        above(self, 0, "sd")

    def several(self, count: int) -> "SharedLowResGroup":
        return SharedLowResGroup(self, count)

    def init(self, key: Array, canvas: Canvas) -> PyTree:
        shared, own = jax.random.split(key)
        coarse = self.sd * jax.random.normal(shared, shrunk_shape(canvas.shape, self.factor))
        return {"shared": coarse, "own": self.own.init(own, canvas)}

    def render(self, parameters: PyTree, canvas: Canvas) -> Float[Array, "..."]:
        values = self.own.values(parameters["own"], canvas) + resize(parameters["shared"], canvas.shape[:-1])
        return self.own.finish(values, canvas)

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> PyTree:
        shared = jnp.zeros(shrunk_shape(canvas.shape, self.factor))
        return {"shared": shared, "own": self.own.invert(image, canvas)}


@dataclasses.dataclass(frozen=True)
class SharedLowResGroup(Free):
    """Several images, each the sum of its own part and a part that all share.

    Attributes:
      one: how one of them is represented.
      count: the number of images.
    """

    one: SharedLowRes
    count: int

    def __post_init__(self):
        whole(self, 1, "count")

    def init(self, key: Array, canvas: Canvas) -> PyTree:
        every = jax.vmap(lambda key: self.one.init(key, canvas))(_keys(key, self.count))
        return {"shared": every["shared"][0], "own": every["own"]}

    def render(self, parameters: PyTree, canvas: Canvas) -> Float[Array, "count ..."]:
        shared = parameters["shared"]
        return jax.vmap(lambda own: self.one.render({"shared": shared, "own": own}, canvas))(parameters["own"])

    def invert(self, image: Float[Array, "..."], canvas: Canvas) -> PyTree:
        """Returns the parameters of several images, or of one image several times; the shared part starts at zero."""
        every = jax.vmap(lambda one: self.one.invert(one, canvas))(_repeated(image, self.count, canvas))
        return {"shared": every["shared"][0], "own": every["own"]}


def _keys(key: Array, count: int) -> Array:
    return jax.vmap(lambda place: jax.random.fold_in(key, place))(jnp.arange(count))


def _repeated(image: Array, count: int, canvas: Canvas) -> Array:
    return jnp.broadcast_to(image, (count, *image.shape[-len(canvas.shape) :]))
