"""Phases: the image's spectrum with fixed magnitudes, of which only the phases are optimized."""

import dataclasses
import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations.fields import Colours, Field
from jaxviz.parameterizations.spectra import floored, frequencies, from_spectrum, self_conjugate, to_spectrum
from jaxviz.values.errors import JaxvizError
from jaxviz.values.frozen_arrays import FrozenArray, frozen
from jaxviz.values.quantities import above

__all__ = ["FixedMagnitude", "magnitude_of"]

_COLOURS = Colours()

PHOTOGRAPHS = "photographs"
"""The name of the packaged spectrum."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FixedMagnitude(Field):
    """The image's spectrum with given magnitudes; only the phases are optimized.

    The image therefore keeps the frequencies of photographs, whatever the optimizer does. The values have mean 0 and
    standard deviation 1 before colours and squash, which only scales the magnitudes: the mean is left out. Fel et al.,
    "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained Optimization", NeurIPS 2023,
    https://arxiv.org/abs/2306.06805.

    Attributes:
      spectrum: ``[*frequencies, channels]``, as ``magnitude_of`` makes it; ``"photographs"`` for the packaged mean of
        photographs, of which images with other than three channels take the brightness; None for one over the
        frequency.
      sd: standard deviation of the first phases, in radians.
      spread: the standard deviation that phases are scaled to before use, 1 in the authors' code; steps grow smaller
        as the phases grow. None uses them as they are, and is needed to start from an image.
      colours: how three channels are mixed; None for independent channels.
      squash: the function that maps the values to the range.
    """

    spectrum: FrozenArray | np.ndarray | Array | str | None = None
    sd: int | float = 1.0
    spread: int | float | None = 1.0

    def __post_init__(self):
        above(self, 0, "sd", "spread")
        if isinstance(self.spectrum, str):
            if self.spectrum != PHOTOGRAPHS:
                raise JaxvizError(f"unknown spectrum {self.spectrum!r}; give {PHOTOGRAPHS!r}, an array, or None")
        else:
            object.__setattr__(self, "spectrum", frozen(self.spectrum))

    def init(self, key: Array, canvas: Canvas) -> Float[Array, "..."]:
        return self.sd * jax.random.normal(key, self.magnitude(canvas).shape)

    def values(self, parameters: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        phases = parameters
        if self.spread is not None:
            centred = phases - jnp.mean(phases)
            phases = self.spread * centred / jnp.sqrt(jnp.mean(centred**2) + 1e-10)
        phases = _of_a_real_image(phases, canvas.shape[:-1])
        magnitude = jnp.asarray(self.magnitude(canvas))
        spectrum = jax.lax.complex(magnitude * jnp.cos(phases), magnitude * jnp.sin(phases))
        return from_spectrum(spectrum, canvas.shape[:-1])

    def fit(self, values: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
        if self.spread is not None:
            raise JaxvizError(f"FixedMagnitude(spread={self.spread}) cannot start from an image; use spread=None")
        return jnp.angle(to_spectrum(values))

    def magnitude(self, canvas: Canvas) -> Float[np.ndarray, "..."]:
        """Returns the magnitudes of the values, ``[*frequencies, channels]``.

        Raises:
          JaxvizError: the given spectrum does not have the canvas's shape, or is 0 everywhere.
        """
        spatial, channels = canvas.shape[:-1], canvas.shape[-1]
        shape = (*frequencies(spatial).shape, channels)
        if self.spectrum is None:
            magnitude = np.broadcast_to(1 / floored(spatial)[..., None], shape).copy()
        elif isinstance(self.spectrum, str):
            magnitude = _of_photographs(spatial, channels)
        else:
            magnitude = np.abs(np.asarray(self.spectrum, np.float32))
        if magnitude.shape != shape:
            raise JaxvizError(
                f"spectrum of shape {magnitude.shape}: images of shape {canvas.shape} have {shape}; "
                "make it by magnitude_of, of images of that shape"
            )
        magnitude = (magnitude + _mirrored(magnitude, spatial)) / 2
        magnitude[(0,) * len(spatial)] = 0
        deviation = np.sqrt(np.mean(np.fft.irfftn(magnitude, s=spatial, axes=tuple(range(len(spatial)))) ** 2))
        if not (np.isfinite(deviation) and deviation > 0):
            raise JaxvizError("spectrum holds no magnitudes above 0, or some that are not finite")
        return (magnitude / deviation).astype(np.float32)


def magnitude_of(
    images: Float[np.ndarray | Array, "images ..."], colours: Colours | None = _COLOURS
) -> Float[np.ndarray, "..."]:
    """Returns the mean magnitude of the spectra of images, for ``FixedMagnitude(spectrum=…)``.

    Args:
      images: ``[images, *spatial, channels]``, of the canvas's shape and in any range.
      colours: those of the parameterization.

    Returns:
      ``[*frequencies, channels]``.
    """
    plain = jnp.asarray(images, jnp.float32)
    plain = plain if colours is None else colours.decorrelate(plain)
    return np.asarray(jnp.mean(jax.vmap(lambda image: jnp.abs(to_spectrum(image)))(plain), 0))


@functools.cache
def _measured() -> tuple[np.ndarray, np.ndarray]:
    """Returns what ``experiments/photograph_spectrum.py`` measured: frequencies ``[k]`` and magnitudes ``[k, 3]``."""
    told = json.loads(Path(__file__).with_name("photographs.json").read_text())
    return np.array(told["frequency"]), np.array(told["magnitude"])


def _of_photographs(spatial: tuple[int, ...], channels: int) -> Float[np.ndarray, "..."]:
    """Returns the magnitudes of photographs, interpolated as powers of the frequency, and so continued below it."""
    measured, magnitudes = _measured()
    wanted = np.log(floored(spatial))
    known = np.log(measured)
    columns = []
    for column in np.log(magnitudes).T:
        slope = (column[-1] - column[0]) / (known[-1] - known[0])
        inside = np.interp(wanted, known, column)
        columns.append(np.exp(inside + slope * (np.minimum(wanted - known[0], 0) + np.maximum(wanted - known[-1], 0))))
    return np.stack(columns if channels == 3 else columns[:1] * channels, axis=-1)


def _mirrored(array, spatial: tuple[int, ...]):
    """Returns what stands at the opposite frequency, where the halved axis holds both, and elsewhere the array."""
    backwards = np.ix_(*[-np.arange(size) % size for size in spatial[:-1]], np.arange(array.shape[-2]))
    return np.where(_both_held(spatial)[:, None], array[backwards], array)


def _both_held(spatial: tuple[int, ...]) -> np.ndarray:
    """Tells at which places of the halved axis the opposite frequency is held too: the first, and the last if even."""
    place = np.arange(spatial[-1] // 2 + 1)
    return -place % spatial[-1] == place


def _of_a_real_image(phases: Float[Array, "..."], spatial: tuple[int, ...]) -> Float[Array, "..."]:
    """Makes phases those of a real image, for otherwise the transform to one would change the magnitudes.

    Opposite frequencies get opposite phases, and those that are their own opposite 0 or pi.
    """
    backwards = tuple(-np.arange(size) % size for size in spatial[:-1])
    opposite = phases[np.ix_(*backwards)] if backwards else phases
    paired = jnp.where(_both_held(spatial)[:, None], (phases - opposite) / 2, phases)
    real = jnp.where(jnp.cos(phases) < 0, jnp.pi, 0.0)
    return jnp.where(self_conjugate(spatial)[..., None], real, paired)
