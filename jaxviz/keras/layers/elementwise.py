"""Functions of each number, or across the channels; and layers that do something in training only."""

import functools
from collections.abc import Callable

import jax
from jaxtyping import Array

from jaxviz.keras import activations
from jaxviz.keras.layers.computation import Apply, Built
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS", "apply"]


def apply(function: Callable[[Array], Array], channelwise: bool = True) -> Apply:
    """Returns the computation of a function of one array."""
    return Apply(function, "channelwise" if channelwise else None)


def _activation(settings: Settings) -> Built:
    return apply(*settings.activation()), settings.signal.channel_axis


def _softmax(settings: Settings) -> Built:
    function = functools.partial(jax.nn.softmax, axis=settings.axes())
    return apply(function, channelwise=False), settings.signal.channel_axis


def _relu(settings: Settings) -> Built:
    function = activations.Rectifier(
        slope=settings.number("negative_slope", 0.0),
        threshold=settings.number("threshold", 0.0),
        largest=settings.number("max_value") if settings.has("max_value") else None,
    )
    return apply(function), settings.signal.channel_axis


def _leaky_relu(settings: Settings) -> Built:
    name = "negative_slope" if settings.has("negative_slope") else "alpha"
    return apply(activations.Rectifier(slope=settings.number(name, 0.3))), settings.signal.channel_axis


def _elu(settings: Settings) -> Built:
    return apply(activations.Elu(settings.number("alpha", 1.0))), settings.signal.channel_axis


def _inert(settings: Settings) -> Built:
    return apply(activations.identity), settings.signal.channel_axis


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    "Activation": _activation,
    "ELU": _elu,
    "LeakyReLU": _leaky_relu,
    "ReLU": _relu,
    "Softmax": _softmax,
    **dict.fromkeys(
        (
            "ActivityRegularization",
            "AlphaDropout",
            "Dropout",
            "Functional",
            "GaussianDropout",
            "GaussianNoise",
            "Model",
            "Sequential",
            "SpatialDropout1D",
            "SpatialDropout2D",
            "SpatialDropout3D",
        ),
        _inert,
    ),
}
