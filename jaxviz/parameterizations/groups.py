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
    """A parameterization whose images have something in common where several of them are climbed together."""

    def several(self, count: int) -> Parameterization:
        """Returns the parameterization of ``count`` images, ``[count, *canvas.shape]``."""
        ...


def several(parameterization: Parameterization, count: int) -> Parameterization:
    """Returns the parameterization of several images that are climbed together, ``[count, *canvas.shape]``.

    Args:
      parameterization: that of one image; its own ``several`` is asked where it has one.
      count: how many images.

    Example:
      >>> several(Fourier(), 2).init(jax.random.key(0), Canvas(shape=(4, 4, 1))).shape
      (2, 2, 4, 3, 1)
    """
    return (
        parameterization.several(count) if isinstance(parameterization, Grouped) else Separate(parameterization, count)
    )


@dataclasses.dataclass(frozen=True)
class Separate:
    """Several images with nothing in common, each with its own key.

    Attributes:
      one: the parameterization of each.
      count: how many.
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
    """A low-resolution part that the images of a group share, and a part that each has to itself, added.

    So images of one unit that should differ agree on where things are, and can be compared. Of one image alone, the
    shared part is only its own. Mordvintsev et al., "Differentiable Image Parameterizations", Distill 2018,
    https://distill.pub/2018/differentiable-parameterizations (aligned interpolation).

    Attributes:
      own: how each image's own part is held; its colours and squash are those of the sum.
      factor: how many times coarser the shared part is, on each axis.
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
    """Several images of which each is a part of its own plus one that all share.

    Attributes:
      one: how one of them is held.
      count: how many.
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
        """Returns the parameters of several images, or of one image several times; what they share starts empty."""
        every = jax.vmap(lambda one: self.one.invert(one, canvas))(_repeated(image, self.count, canvas))
        return {"shared": every["shared"][0], "own": every["own"]}


def _keys(key: Array, count: int) -> Array:
    return jax.vmap(lambda place: jax.random.fold_in(key, place))(jnp.arange(count))


def _repeated(image: Array, count: int, canvas: Canvas) -> Array:
    return jnp.broadcast_to(image, (count, *image.shape[-len(canvas.shape) :]))
