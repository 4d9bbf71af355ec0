"""Spectra: the Fourier transform of a real image ``[*spatial, channels]`` over its spatial axes, of any sizes."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxviz.values.quantities import Quantity

__all__ = ["coloured_noise", "falloff", "floored", "frequencies", "from_spectrum", "self_conjugate", "to_spectrum"]


def frequencies(spatial: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Returns the frequency of each component of a real spectrum, in cycles per pixel; the last axis is halved.

    Example:
      >>> frequencies((4,))
      array([0.  , 0.25, 0.5 ])
    """
    axes = [np.fft.fftfreq(size) for size in spatial[:-1]] + [np.fft.rfftfreq(spatial[-1])]
    return np.sqrt(sum(np.square(axis) for axis in np.meshgrid(*axes, indexing="ij")))


def floored(spatial: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Returns the frequencies, raised to at least one wave over the longest side."""
    return np.maximum(frequencies(spatial), 1 / max(spatial))


def falloff(spatial: tuple[int, ...], decay: Quantity) -> Float[Array, "..."]:
    """Returns ``frequency ** -decay``, as ``[*frequencies, 1]``, of the floored frequencies."""
    return jnp.asarray(floored(spatial), jnp.float32)[..., None] ** -decay


def to_spectrum(image: Float[Array, "..."]) -> Complex[Array, "..."]:
    """Transforms an image to its spectrum, ``[*frequencies, channels]``."""
    return jnp.fft.rfftn(image, axes=_axes(image))


def from_spectrum(spectrum: Complex[Array, "..."], spatial: tuple[int, ...]) -> Float[Array, "..."]:
    """Transforms a spectrum to its image, ``[*spatial, channels]``."""
    return jnp.fft.irfftn(spectrum, s=spatial, axes=_axes(spectrum))


def self_conjugate(spatial: tuple[int, ...]) -> np.ndarray:
    """Returns which components of a real image are real: those that are their own mirror image."""
    axes = [np.arange(size) for size in spatial[:-1]] + [np.arange(spatial[-1] // 2 + 1)]
    own = [(-axis) % size == axis for axis, size in zip(axes, spatial, strict=True)]
    return np.logical_and.reduce(np.meshgrid(*own, indexing="ij"))


def coloured_noise(key: Array, shape: tuple[int, ...], decay: Quantity) -> Float[Array, "..."]:
    """Draws noise with mean 0 and standard deviation 1 whose spectrum is proportional to ``frequency ** -decay``.

    Args:
      key: the key of the draw.
      shape: ``[*spatial, channels]``.
      decay: 0 for white noise, 1 as in photographs.
    """
    noise = from_spectrum(to_spectrum(jax.random.normal(key, shape)) * falloff(shape[:-1], decay), shape[:-1])
    return noise / jnp.sqrt(jnp.mean(noise**2) + 1e-12)


def _axes(array: Array) -> tuple[int, ...]:
    return tuple(range(array.ndim - 1))
