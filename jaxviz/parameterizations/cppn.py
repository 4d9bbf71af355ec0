"""CPPN: a small network that computes the colour of each pixel from its coordinates."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.networks.layer import Canvas
from jaxviz.parameterizations.fields import Colours, Field
from jaxviz.values.errors import JaxvizError
from jaxviz.values.quantities import whole

__all__ = ["CPPN"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CPPN(Field):
    """A compositional pattern-producing network: smooth pictures that can be rendered at any size.

    The coordinates of a pixel go through layers of ``(arctan(x) / 0.67, arctan(x) ** 2 / 0.6)``. The divisors make the
    mean square 1 for normal numbers. The last layer starts at 0, so the first image is flat. Stanley, 2007,
    https://doi.org/10.1007/s10710-007-9028-8; Mordvintsev et al., "Differentiable Image Parameterizations", Distill
    2018, https://distill.pub/2018/differentiable-parameterizations, whose defaults these are.

    Attributes:
      hidden: units in each layer.
      layers: the number of layers before the one that makes the colours.
      colours: how three channels are mixed; None, the default, for independent channels.
      squash: the function that maps the values to the range.
    """

    hidden: int = 24
    layers: int = 8
    colours: Colours | None = None

    def __post_init__(self):
        whole(self, 1, "hidden", "layers")

    def init(self, key: Array, canvas: Canvas) -> list[dict[str, Float[Array, "..."]]]:
        kernel = jax.nn.initializers.variance_scaling(1.0, "fan_in", "truncated_normal")
        sizes = [len(canvas.shape) - 1] + [2 * self.hidden] * (self.layers - 1)
        parameters = []
        for place, size in enumerate(sizes):
            kernels, biases = jax.random.split(jax.random.fold_in(key, place))
            bias = 0.1 * jax.random.normal(biases, (self.hidden,))
            parameters.append({"kernel": kernel(kernels, (size, self.hidden)), "bias": bias})
        channels = canvas.shape[-1]
        return [*parameters, {"kernel": jnp.zeros((2 * self.hidden, channels)), "bias": jnp.zeros(channels)}]

    def values(self, parameters: list[dict[str, Float[Array, "..."]]], canvas: Canvas) -> Float[Array, "..."]:
        units = jnp.asarray(_places(canvas.shape[:-1]))
        for layer in parameters[:-1]:
            angle = jnp.arctan(_dense(layer, units))
            units = jnp.concatenate([angle / 0.67, angle**2 / 0.6], -1)
        return _dense(parameters[-1], units)

    def fit(self, values: Float[Array, "..."], canvas: Canvas) -> list[dict[str, Float[Array, "..."]]]:
        raise JaxvizError("a CPPN cannot start from an image; use Fourier or Pixels, or leave out start")


def _dense(layer: dict[str, Array], units: Array) -> Array:
    product = jnp.matmul(units, layer["kernel"], precision=jax.lax.Precision.HIGHEST)
    return product + layer["bias"].reshape((1,) * (product.ndim - 1) + (-1,))


def _places(spatial: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Returns each pixel's place, ``[*spatial, axes]``; the longest axis has a standard deviation of about 1."""
    pitch = 2 * np.sqrt(3) / max(max(spatial) - 1, 1)
    axes = [(np.arange(size) - (size - 1) / 2) * pitch for size in spatial]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(np.float32)
