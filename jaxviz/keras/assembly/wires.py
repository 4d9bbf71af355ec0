"""Wires: a node of a Keras network -> its kernel, or how it passes its inputs on."""

from collections.abc import Callable

import numpy as np
from jaxtyping import PyTree

from jaxviz.keras.layers import Node, activations
from jaxviz.keras.layers.computation import Apply, Computation
from jaxviz.keras.layers.convolution import Conv, DepthwiseConv, SeparableConv
from jaxviz.keras.layers.dense import Dense, EinsumDense
from jaxviz.keras.layers.elementwise import PReLU
from jaxviz.keras.layers.normalization import BatchNorm, LayerScale
from jaxviz.keras.layers.operations import Operation
from jaxviz.keras.layers.scaling import Affine, Normalization
from jaxviz.keras.layers.shaping import Flatten, Permute, Repeat, Reshape
from jaxviz.keras.layers.transposed_convolution import ConvTranspose
from jaxviz.keras.layers.wrappers import Spectral
from jaxviz.networks.wiring import Carry, Kernel

__all__ = ["carry_of", "kernel_of"]

_Weights = Callable[[PyTree], np.ndarray]
"""The parameters of a layer -> ``[*positions, inputs of a group, units]``."""

_IN_PLACE = (Affine, BatchNorm, LayerScale, Normalization, PReLU)
_MOVING = (Flatten, Permute, Repeat, Reshape)
_MOVING_OPERATIONS = frozenset({"ExpandDims", "Flip", "Moveaxis", "Reshape", "Squeeze", "Swapaxes", "Transpose"})


def kernel_of(node: Node) -> Kernel | None:
    """Returns the weights of a node; None where it has none, or they are not sums over channels."""
    compute, path = node.compute, ["params", node.scope]
    if isinstance(compute, Spectral):
        compute, path = compute.layer, [*path, "layer"]
    weights, axis = _weights(compute), _axis(compute)
    if weights is None or axis is None:
        return None

    def array(variables: PyTree) -> np.ndarray:
        for name in path:
            variables = variables[name]
        return weights(variables)

    groups = compute.groups if isinstance(compute, Conv) else 1
    return Kernel(axis=axis, groups=compute.channels if isinstance(compute, DepthwiseConv) else groups, array=array)


def carry_of(node: Node) -> Carry | None:
    """Tells how a node passes on the one array that it reads; None where it computes or mixes channels."""
    compute = node.compute
    if len(node.inputs) != 1 or kernel_of(node) is not None:
        return None
    is_activation = isinstance(compute, Apply) and activations.is_of_each_number(compute.function)
    if is_activation or isinstance(compute, _IN_PLACE):
        return activations.identity
    if isinstance(compute, _MOVING):
        return compute
    if isinstance(compute, Operation) and compute.name in _MOVING_OPERATIONS:
        return compute
    return "channels" if node.slices == "channelwise" else None


def _axis(compute: Computation) -> int | None:
    """Returns the axis that a layer's weights sum over; None where they sum over several, or one unit has several."""
    if isinstance(compute, Conv | ConvTranspose | DepthwiseConv | SeparableConv):
        return compute.channel_axis
    if isinstance(compute, EinsumDense):
        summed = _summed(compute)
        return compute.image.index(summed) - 1 if len(summed) == 1 and compute.slices == "output" else None
    return -1


def _weights(compute: Computation) -> _Weights | None:
    if isinstance(compute, Conv | Dense):
        return lambda parameters: np.asarray(parameters["kernel"])
    if isinstance(compute, ConvTranspose):
        return lambda parameters: np.swapaxes(np.asarray(parameters["kernel"]), -1, -2)
    if isinstance(compute, DepthwiseConv):
        return _depthwise
    if isinstance(compute, SeparableConv):
        return _separable
    if isinstance(compute, EinsumDense):
        return lambda parameters: _einsum(compute, np.asarray(parameters["kernel"]))
    return None


def _depthwise(parameters: PyTree) -> np.ndarray:
    kernel = np.asarray(parameters["kernel"])
    return kernel.reshape(*kernel.shape[:-2], 1, -1)


def _separable(parameters: PyTree) -> np.ndarray:
    """Multiplies out the two convolutions into the kernel of one."""
    depthwise = np.asarray(parameters["depthwise_kernel"])  # [*positions, inputs, multiplier]
    pointwise = np.asarray(parameters["pointwise_kernel"])  # [*ones, inputs * multiplier, units]
    return np.einsum("...cm,cmu->...cu", depthwise, pointwise.reshape(*depthwise.shape[-2:], -1))


def _einsum(compute: EinsumDense, kernel: np.ndarray) -> np.ndarray:
    ends = [compute.weights.index(_summed(compute)), compute.weights.index(compute.result[-1])]
    return np.moveaxis(kernel, ends, (-2, -1))


def _summed(compute: EinsumDense) -> str:
    """Returns the letters of the axes that are summed over."""
    return "".join(letter for letter in compute.weights if letter in compute.image and letter not in compute.result)
