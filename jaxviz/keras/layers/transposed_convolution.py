"""Transposed convolutions of any rank."""

from collections.abc import Callable
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxviz.keras.layers.computation import ZEROS, Built, Slices, pick
from jaxviz.keras.layers.convolution import Window, window_of
from jaxviz.keras.layers.settings import Settings
from jaxviz.layers.convolution import EXACT, Padding

__all__ = ["BUILDERS", "ConvTranspose"]


class ConvTranspose(nn.Module):
    """Conv1DTranspose, 2D, 3D: the gradient of a convolution. Its kernel is ``[*size, filters, input channels]``."""

    features: int
    window: Window
    output_padding: tuple[int, ...] | None
    use_bias: bool
    channel_axis: int
    slices: ClassVar[Slices] = "output"

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        x = jnp.moveaxis(x, self.channel_axis, -1)
        kernel = pick(self.param("kernel", ZEROS, (*self.window.size, self.features, x.shape[-1])), index, axis=-2)
        rank = len(self.window.size)
        letters = "XYZ"[:rank]
        y = lax.conv_general_dilated(
            x[None],
            jnp.flip(kernel, range(rank)),
            (1,) * rank,
            self._zeros(),
            lhs_dilation=self.window.strides,
            rhs_dilation=self.window.dilation,
            dimension_numbers=(f"N{letters}C", f"{letters}OI", f"N{letters}C"),
            precision=EXACT,
        )[0]
        if self.use_bias:
            y = y + pick(self.param("bias", ZEROS, (self.features,)), index)
        return jnp.moveaxis(y, -1, self.channel_axis)

    def _zeros(self) -> Padding:
        """Returns the zeros around the spread image that give the length of output which Keras promises.

        That is ``(n - 1) s + max(k, s)`` for ``valid`` and ``n s`` for ``same``, k the kernel's extent and s the
        stride; with output padding p ``(n - 1) s + k + p`` and ``(n - 1) s + k % 2 + p``.
        """
        window, zeros = self.window, []
        for axis, (size, stride, spread) in enumerate(zip(window.size, window.strides, window.dilation, strict=True)):
            extent = (size - 1) * spread + 1
            added = None if self.output_padding is None else self.output_padding[axis]
            if window.padding == "valid":
                before = extent - 1
                after = before + (max(stride - extent, 0) if added is None else added)
            else:
                total = extent + stride - 2 if added is None else extent + extent % 2 - 2 + added
                before = min((total + 1) // 2, extent - 1)
                after = total - before
            zeros.append((before, after))
        return tuple(zeros)


def _transpose(settings: Settings) -> Built:
    axis = settings.image_axis()
    conv = ConvTranspose(
        features=settings.count("filters"),
        window=window_of(settings),
        output_padding=settings.sides("output_padding", least=0) if settings.has("output_padding") else None,
        use_bias=settings.flag("use_bias", True),
        channel_axis=axis,
    )
    return conv, axis


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    "Conv1DTranspose": _transpose,
    "Conv2DTranspose": _transpose,
    "Conv3DTranspose": _transpose,
}
