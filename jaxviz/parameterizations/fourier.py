"""Fourier: the spectrum of the image, scaled like the spectra of photographs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations.fields import Field
from jaxviz.parameterizations.spectra import falloff, frequencies, from_spectrum, to_spectrum
from jaxviz.values.quantities import above, at_least

__all__ = ["Fourier"]

# Lucid divides so what it renders: `fft_image` in lucid/optvis/param/spatial.py, which asks where the number is from.
_DAMPING = 4.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fourier(Field):
    """The image's spectrum, each frequency scaled by ``frequency ** -decay`` before it becomes pixels.

    A step of the optimizer therefore changes large shapes more than fine detail. Any number of spatial axes and
    channels, odd and even sizes. Olah et al., "Feature Visualization", Distill 2017, https://distill.pub/2017/feature-visualization;
    the defaults are lucid's.

    Attributes:
      sd: standard deviation of the first parameters, real and imaginary.
      decay: the power; 0 scales all frequencies equally, 1 as in photographs.
      colours: how three channels are mixed; None for independent channels.
      squash: the function that maps the values to the range.
    """

    sd: int | float = 0.01
    decay: int | float = 1.0

    def __post_init__(self):
        above(self, 0, "sd")
        at_least(self, 0, "decay")

    def init(self, key: Array, canvas: Canvas) -> Float[Array, "2 ..."]:
        shape = (2, *frequencies(canvas.shape[:-1]).shape, canvas.shape[-1])
        return self.sd * jax.random.normal(key, shape)

    def values(self, parameters: Float[Array, "2 ..."], canvas: Canvas) -> Float[Array, "..."]:
        spectrum = self._scale(canvas) * jax.lax.complex(parameters[0], parameters[1])
        return from_spectrum(spectrum, canvas.shape[:-1])

    def fit(self, values: Float[Array, "..."], canvas: Canvas) -> Float[Array, "2 ..."]:
        spectrum = to_spectrum(values) / self._scale(canvas)
        return jnp.stack([spectrum.real, spectrum.imag])

    def _scale(self, canvas: Canvas) -> Float[Array, "..."]:
        # The square root of the number of pixels makes the transform unitary, so that steps are those of pixels.
        return falloff(canvas.shape[:-1], self.decay) * (np.sqrt(np.prod(canvas.shape[:-1])).item() / _DAMPING)
