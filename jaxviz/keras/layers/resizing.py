"""Sizes: upsampling, resizing and cropping an image to a size."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxviz.keras.layers.computation import Built, Slices
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS"]

_METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
Aspect = Literal["stretch", "crop", "pad"]


@dataclasses.dataclass(frozen=True)
class UpSample:
    """UpSampling1D, 2D, 3D: each pixel several times, or numbers in between."""

    times: tuple[int, ...]
    method: str
    channel_axis: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        times = list(self.times)
        times.insert(self.channel_axis, 1)
        if self.method == "nearest":
            for axis, count in enumerate(times):
                x = jnp.repeat(x, count, axis=axis) if count > 1 else x
            return x
        shape = [side * count for side, count in zip(x.shape, times, strict=True)]
        return jax.image.resize(x, shape, self.method, antialias=False)


@dataclasses.dataclass(frozen=True)
class Resize:
    """Resizing, and what CenterCrop does with an image that is too small.

    Attributes:
      size: the height and width to reach.
      method: how numbers in between are made up.
      aspect: an image of another aspect is stretched, or cropped or padded at the middle beforehand.
      fill: the value of the padding.
      antialias: True to smooth an image before it shrinks.
      channel_axis: where the channels are.
    """

    size: tuple[int, int]
    method: str
    aspect: Aspect
    fill: float
    antialias: bool
    channel_axis: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        x = jnp.moveaxis(x, self.channel_axis, -1)
        height, width = x.shape[:2]
        rows, columns = self.size
        if self.aspect == "crop":
            x = _middle(x, max(min(height, width * rows // columns), 1), max(min(width, height * columns // rows), 1))
        if self.aspect == "pad":
            x = self._padded(x, max(height, width * rows // columns), max(width, height * columns // rows))
        x = jax.image.resize(x, (*self.size, x.shape[-1]), self.method, antialias=self.antialias)
        return jnp.moveaxis(x, -1, self.channel_axis)

    def _padded(self, x: Array, rows: int, columns: int) -> Array:
        # As Keras pads: as much after as before, and where it pads the rows it does not pad the columns.
        above, left = (rows - x.shape[0]) // 2, (columns - x.shape[1]) // 2
        left = 0 if above else left
        return jnp.pad(x, ((above, above), (left, left), (0, 0)), constant_values=self.fill)


@dataclasses.dataclass(frozen=True)
class CenterCrop:
    """CenterCrop of an image that is large enough."""

    size: tuple[int, int]
    channel_axis: int
    slices: ClassVar[Slices] = "channelwise"

    def __call__(self, x: Array, index: Array | None = None) -> Array:
        del index
        return jnp.moveaxis(_middle(jnp.moveaxis(x, self.channel_axis, -1), *self.size), -1, self.channel_axis)


def _middle(image: Array, rows: int, columns: int) -> Array:
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    return image[top : top + rows, left : left + columns]


def _up_sampling(settings: Settings) -> Built:
    axis = settings.image_axis()
    times = settings.sides("size", 2)
    return UpSample(times, settings.choice("interpolation", _METHODS, "nearest"), axis), axis


def _resizing(settings: Settings) -> Built:
    axis = settings.image_axis()
    crops, pads = settings.flag("crop_to_aspect_ratio", False), settings.flag("pad_to_aspect_ratio", False)
    if crops and pads:
        raise settings.refuse("it crops and pads to the aspect ratio; one of the two is supported")
    if pads:
        settings.choice("fill_mode", ("constant",), "constant")
    resize = Resize(
        size=(settings.count("height"), settings.count("width")),
        method=settings.choice("interpolation", _METHODS, "bilinear"),
        aspect="crop" if crops else "pad" if pads else "stretch",
        fill=settings.number("fill_value", 0.0),
        antialias=settings.flag("antialias", False),
        channel_axis=axis,
    )
    return resize, axis


def _center_crop(settings: Settings) -> Built:
    axis = settings.image_axis()
    size = (settings.count("height"), settings.count("width"))
    if _fits(size, [side for place, side in enumerate(settings.signal.shape) if place != axis]):
        return CenterCrop(size, axis), axis
    return Resize(size, "bilinear", "crop", 0.0, False, axis), axis


def _fits(size: Sequence[int], sides: Sequence[int]) -> bool:
    return all(wanted <= side for wanted, side in zip(size, sides, strict=True))


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    "CenterCrop": _center_crop,
    "Resizing": _resizing,
    **{f"UpSampling{rank}D": _up_sampling for rank in (1, 2, 3)},
}
