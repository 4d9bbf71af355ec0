"""Observers: images -> what another network makes of them, a vector of features for each of some layers."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.ascent.views import channels_last, in_layout
from jaxviz.layers.resampling import resize
from jaxviz.networks.layer import Canvas
from jaxviz.networks.model import Model
from jaxviz.reports import measurements
from jaxviz.values.errors import JaxvizError

__all__ = ["Features", "Observer", "Observing", "features_of"]

Features = tuple[Float[np.ndarray, "_ _"], ...]
"""For each layer, the features of each image: ``[images, features]``."""

_LAYERS = 6  # that are read where none are named: enough to see both textures and objects


@dataclasses.dataclass(frozen=True)
class Observer:
    """A network that looks at images in place of a person; it should not be the one whose units are explained.

    Zimmermann, Klindt and Brendel, "Measuring Mechanistic Interpretability at Scale Without Humans", NeurIPS 2024,
    https://openreview.net/forum?id=oYyEsVz6DX, find that what such a network sees as alike agrees with what people do.

    Attributes:
      model: the network; images of another size are brought to its own.
      layers: the layers that are read; six, evenly spread over those with weights, when left out.
      grid: how many places on each spatial axis a layer's output is averaged to; 1 for its mean alone.
    """

    model: Model
    layers: tuple[str, ...] = ()
    grid: int = 1

    def __post_init__(self):
        for name in self.layers:
            self.model.layer(name)
        if self.grid < 1:
            raise JaxvizError(f"grid of {self.grid}: give 1 or more")

    @property
    def read(self) -> tuple[str, ...]:
        """The layers that are read."""
        if self.layers:
            return self.layers
        shown = [layer.activated or layer.name for layer in self.model.layers if layer.learned and layer.channels]
        if not shown:
            raise JaxvizError("the observer has no layers with weights; name those to read")
        return tuple(
            dict.fromkeys(shown[place] for place in np.linspace(0, len(shown) - 1, _LAYERS).round().astype(int))
        )

    def features(self, images: Float[np.ndarray, "images ..."], canvas: Canvas) -> Features:
        """Returns what the layers give for images.

        Args:
          images: ``[images, *canvas.shape]``.
          canvas: the canvas of these images, which need not be that of the observer.

        Raises:
          JaxvizError: the images have other channels or another number of axes than the observer takes.
        """
        own, theirs = channels_last(self.model.canvas).shape, channels_last(canvas).shape
        if len(own) != len(theirs) or own[-1] != theirs[-1]:
            raise JaxvizError(
                f"an observer of images {own} for images {theirs}, channels last; give one of such images"
            )
        ranged = dataclasses.replace(self.model.canvas, shape=canvas.shape, channel_axis=canvas.channel_axis)
        seen = measurements.shown_to(images, canvas, ranged)
        names, places = self.read, canvas.channel_axis
        return measurements.in_chunks(
            lambda rows: jax.device_get(_read(self.model, seen[rows], names, self.grid, places)), self.model, len(seen)
        )


Observing = Observer | Model | Callable[[np.ndarray], np.ndarray | Sequence[np.ndarray]]
"""An observer; a model, whose layers are chosen; or a function of images that gives their features."""


def features_of(observer: Observing, images: Float[np.ndarray, "images ..."], canvas: Canvas) -> Features:
    """Returns what an observer makes of images.

    Args:
      observer: an `Observer`, a model, or a function of images ``[n, *canvas.shape]`` -> ``[n, features]``, or several
        such arrays, which count alike.
      images: ``[images, *canvas.shape]``.
      canvas: their canvas.

    Raises:
      JaxvizError: the function gives something else.
    """
    if isinstance(observer, Model):
        observer = Observer(observer)
    if isinstance(observer, Observer):
        return observer.features(images, canvas)
    given = observer(images)
    several = tuple(np.asarray(part, np.float32) for part in (given if isinstance(given, tuple | list) else (given,)))
    for part in several:
        if part.ndim != 2 or len(part) != len(images):
            raise JaxvizError(
                f"the observer gives {part.shape} for {len(images)} images; give [images, features], or several of them"
            )
    return several


@partial(jax.jit, static_argnames=("names", "grid", "axis"))
def _read(model: Model, images: Array, names: tuple[str, ...], grid: int, axis: int) -> tuple[Array, ...]:
    spatial = channels_last(model.canvas).shape[:-1]

    def of_one(image: Array) -> tuple[Array, ...]:
        seen = resize(jnp.moveaxis(image, axis, -1), spatial) if spatial else image

        def question(activations) -> tuple[Array, ...]:
            return tuple(_pooled(activations[name], model.layer(name).channel_axis, grid) for name in names)

        return model.ask(in_layout(seen, model.canvas), question)

    return jax.vmap(of_one)(images)


def _pooled(output: Array, axis: int | None, grid: int) -> Array:
    """Averages a layer's output to a grid of places, and lays all of it in a row."""
    if axis is None or output.ndim < 2:
        return output.ravel()
    last = jnp.moveaxis(output, axis, -1)
    if grid == 1:
        return last.mean(tuple(range(last.ndim - 1)))
    return resize(last, tuple(min(grid, size) for size in last.shape[:-1])).ravel()
