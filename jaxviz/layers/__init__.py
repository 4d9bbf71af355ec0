"""Layers: convolution, pooling and resampling, each in the form that is fast on the backend.

Any Flax module can use them: ``nn.Conv(…, conv_general_dilated=jaxviz.layers.conv_general_dilated)``.
"""

from jaxviz.layers.convolution import conv_general_dilated, convolve
from jaxviz.layers.pooling import average_pool, max_pool
from jaxviz.layers.resampling import resample, resize

__all__ = ["average_pool", "conv_general_dilated", "convolve", "max_pool", "resample", "resize"]
