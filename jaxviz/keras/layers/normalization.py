"""Normalizations: by statistics of training, of the image itself, or given."""

from collections.abc import Callable

import flax.linen as nn
from jax import lax
from jaxtyping import Array

from jaxviz.keras.layers.computation import ONES, ZEROS, Built, Slices, pick
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS"]


class BatchNorm(nn.Module):
    """BatchNormalization with the statistics of training: ``(x - mean) / sqrt(var + epsilon) * scale + bias``."""

    axis: int
    epsilon: float
    use_scale: bool
    use_bias: bool
    slices: Slices | None  # None where it is not the channels that are normalized

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        # x may be one channel alone, so the number of channels comes from the variables wherever they exist.
        features = x.shape[self.axis]
        mean = self.variable("batch_stats", "mean", ZEROS, None, (features,)).value
        var = self.variable("batch_stats", "var", ONES, None, (features,)).value
        factor = lax.rsqrt(pick(var, index) + self.epsilon)
        if self.use_scale:
            factor = factor * pick(self.param("scale", ONES, mean.shape), index)
        offset = -pick(mean, index) * factor
        if self.use_bias:
            offset = offset + pick(self.param("bias", ZEROS, mean.shape), index)
        shape = [1] * x.ndim
        shape[self.axis] = x.shape[self.axis]
        return x * factor.reshape(shape) + offset.reshape(shape)


def _batch_norm(settings: Settings) -> Built:
    axis, signal = settings.axis(), settings.signal
    norm = BatchNorm(
        axis=axis,
        slices="channelwise" if axis == signal.channel_axis else None,
        epsilon=settings.number("epsilon", 1e-3),
        use_scale=settings.flag("scale", True),
        use_bias=settings.flag("center", True),
    )
    return norm, signal.channel_axis


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    "BatchNormalization": _batch_norm,
}
