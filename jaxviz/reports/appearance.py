"""Appearance: images -> how they differ from photographs at a glance: pixels at the range's ends, spectrum, edges."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from jaxviz.networks.layer import Canvas

__all__ = ["edge_density", "share_at_ends", "spectrum_distance", "spectrum_of"]

_BANDS = 16  # of frequencies, evenly spaced on a logarithmic scale
_TOGETHER = 64  # images that are transformed at a time
_EDGE = 0.1  # of the range, between neighbouring pixels: what the eye sees as an edge


def share_at_ends(images: Float[np.ndarray, "n ..."], canvas: Canvas) -> Float[np.ndarray, " n"]:
    """Returns the share of values that a file of bytes shows as the range's lowest or highest.

    Args:
      images: ``[n, *canvas.shape]``.
      canvas: their range.
    """
    half = (canvas.high - canvas.low) / 510  # half a byte
    away = (images < canvas.low + half) | (images > canvas.high - half)
    return _known(images, away.mean(axis=tuple(range(1, images.ndim))))


def spectrum_of(images: Float[np.ndarray, "n ..."], canvas: Canvas) -> Float[np.ndarray, "n bands"]:
    """Returns the logarithm to base 10 of each image's power in bands of frequencies, the lowest first.

    The channels are averaged, the mean is left out, and a Hann window keeps the borders out.

    Args:
      images: ``[n, *canvas.shape]``.
      canvas: their range and layout.
    """
    return np.concatenate([_spectra(part) for part in _grey(images, canvas)])


def spectrum_distance(
    images: Float[np.ndarray, "n ..."], real: Float[np.ndarray, "m ..."], canvas: Canvas
) -> Float[np.ndarray, " n"]:
    """Returns how far the spectrum of each image is from the mean of those of real images.

    The root mean square, over bands of frequencies, of the difference of `spectrum_of`: 1 where the power in each band
    is ten times as large or as small. It is 0.3 to 0.4 for a photograph among photographs.

    Args:
      images: ``[n, *canvas.shape]``.
      real: ``[m, *canvas.shape]``.
      canvas: their range and layout.
    """
    away = spectrum_of(images, canvas) - spectrum_of(real, canvas).mean(axis=0)
    return np.sqrt(np.mean(away**2, axis=1))


def edge_density(images: Float[np.ndarray, "n ..."], canvas: Canvas) -> Float[np.ndarray, " n"]:
    """Returns the share of places where neighbouring pixels, the channels averaged, differ by a tenth of the range.

    Args:
      images: ``[n, *canvas.shape]``.
      canvas: their range and layout.
    """
    found = []
    for grey in _grey(images, canvas):
        inside = (slice(None), *(slice(size - 1) for size in grey.shape[1:]))  # where every axis has a next pixel
        steps = [np.diff(grey, axis=axis)[inside] for axis in range(1, grey.ndim)]
        edges = np.sqrt(sum(step**2 for step in steps)) > _EDGE
        found.append(_known(grey, edges.mean(axis=tuple(range(1, grey.ndim)))))
    return np.concatenate(found)


def _grey(images: np.ndarray, canvas: Canvas) -> Iterator[np.ndarray]:
    """Yields images of one channel from 0 to 1, some at a time: ``[k, *spatial]``."""
    axis = canvas.channel_axis % (images.ndim - 1) + 1
    for first in range(0, len(images), _TOGETHER):
        some = images[first : first + _TOGETHER].mean(axis=axis)
        yield (some - canvas.low) / (canvas.high - canvas.low)


def _spectra(grey: np.ndarray) -> np.ndarray:
    axes, spatial = tuple(range(1, grey.ndim)), grey.shape[1:]
    away = grey - grey.mean(axis=axes, keepdims=True)
    for axis, size in enumerate(spatial):
        away = away * np.hanning(size).reshape([-1 if one == axis else 1 for one in range(len(spatial))])
    power = np.abs(np.fft.fftn(away, axes=axes)) ** 2
    shortest = min(spatial)
    waves = [np.fft.fftfreq(size) * shortest for size in spatial]  # over the shortest side
    radius = np.sqrt(sum(wave**2 for wave in np.meshgrid(*waves, indexing="ij")))
    bands = np.digitize(radius, np.geomspace(1, shortest / 2, _BANDS + 1))
    means = [power[:, bands == band].mean(axis=1) for band in range(1, _BANDS + 1) if (bands == band).any()]
    return np.log10(np.stack(means, axis=1) + 1e-9)  # below what bytes can hold


def _known(images: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(images).all(axis=tuple(range(1, images.ndim))), values, np.nan)
