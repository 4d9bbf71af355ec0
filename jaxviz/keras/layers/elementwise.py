"""Functions of each number, functions across the channels, and layers that act only in training."""

import dataclasses
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
from jaxtyping import Array

from jaxviz.keras.layers import activations
from jaxviz.keras.layers.computation import ZEROS, Apply, Built, Slices, pick
from jaxviz.keras.layers.settings import Settings

__all__ = ["ACTIVATIONS", "BUILDERS", "PReLU", "activation", "apply", "function_name"]

ACTIVATIONS = frozenset({"Activation", "ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"})
"""The layers that are an activation function and nothing else."""


class PReLU(nn.Module):
    """PReLU: the slope below 0 is learned, one for each unit but along the shared axes."""

    shape: tuple[int, ...]
    channel_axis: int | None

    @property
    def slices(self) -> Slices | None:
        """Channel by channel, if there are channels."""
        return None if self.channel_axis is None else "channelwise"

    @nn.compact
    def __call__(self, x: Array, index: Array | None = None) -> Array:
        alpha = self.param("alpha", ZEROS, self.shape)
        if self.channel_axis is not None and self.shape[self.channel_axis] > 1:
            alpha = pick(alpha, index, self.channel_axis)
        return jax.nn.relu(x) - alpha * jax.nn.relu(-x)


def apply(function: Callable[[Array], Array]) -> Apply:
    """Returns the computation of an activation function."""
    return Apply(function, None if activations.is_across_channels(function) else "channelwise")


def activation(settings: Settings, name: str = "activation") -> Callable[[Array], Array]:
    """Returns the function that a setting names: by its name, or as a layer with settings of its own."""
    value = settings.get(name, "linear")
    named = function_name(value)
    if named is None and isinstance(value, Mapping):
        kind = str(value["class_name"])
        return _FUNCTIONS[kind](settings.of(kind, value["config"]))
    function = activations.find(str(named), settings.keras_major) or settings.given.get(str(named))
    if function is None or isinstance(function, nn.Module):
        raise settings.refuse(
            f"unknown activation {value!r}; give a function of an array: custom={{{named!r}: function}}"
        )
    return function


def function_name(value: object) -> str | None:
    """Returns the name by which a setting names a function; None where it is a layer with settings, or code."""
    if isinstance(value, Mapping):
        kind, config = value.get("class_name"), value.get("config")
        if kind in _FUNCTIONS and isinstance(config, Mapping):
            return None
        value = config if kind == "function" else kind
    return value if isinstance(value, str) else None


def _softmax(settings: Settings) -> Callable[[Array], Array]:
    return activations.Softmax(settings.axes())


def _relu(settings: Settings) -> Callable[[Array], Array]:
    return activations.Rectifier(
        slope=settings.number("negative_slope", 0.0),
        threshold=settings.number("threshold", 0.0),
        largest=settings.number("max_value") if settings.has("max_value") else None,
    )


def _leaky_relu(settings: Settings) -> Callable[[Array], Array]:
    name = "negative_slope" if settings.has("negative_slope") else "alpha"
    return activations.Rectifier(slope=settings.number(name, 0.3))


def _thresholded_relu(settings: Settings) -> Callable[[Array], Array]:
    return activations.Rectifier(threshold=settings.number("theta", 1.0))


def _elu(settings: Settings) -> Callable[[Array], Array]:
    return activations.Elu(settings.number("alpha", 1.0))


def _identity(settings: Settings) -> Callable[[Array], Array]:
    del settings
    return activations.identity


_FUNCTIONS: dict[str, Callable[[Settings], Callable[[Array], Array]]] = {
    "Activation": activation,
    "ELU": _elu,
    "LeakyReLU": _leaky_relu,
    "ReLU": _relu,
    "Softmax": _softmax,
    "ThresholdedReLU": _thresholded_relu,
    **dict.fromkeys(
        (
            "ActivityRegularization",
            "AlphaDropout",
            "Dropout",
            "GaussianDropout",
            "GaussianNoise",
            "Identity",
            "SpatialDropout1D",
            "SpatialDropout2D",
            "SpatialDropout3D",
            "StochasticDepth",
            # A model inside stands for the output of its last layer.
            "Functional",
            "Model",
            "Sequential",
            # Augmentation, of which the network sees nothing once it is trained.
            "AugMix",
            "CutMix",
            "MixUp",
            "RandAugment",
            "RandomBrightness",
            "RandomColorDegeneration",
            "RandomColorJitter",
            "RandomContrast",
            "RandomCrop",
            "RandomElasticTransform",
            "RandomErasing",
            "RandomFlip",
            "RandomGaussianBlur",
            "RandomGrayscale",
            "RandomHeight",
            "RandomHue",
            "RandomInvert",
            "RandomPerspective",
            "RandomPosterization",
            "RandomRotation",
            "RandomSaturation",
            "RandomSharpness",
            "RandomShear",
            "RandomTranslation",
            "RandomWidth",
            "RandomZoom",
        ),
        _identity,
    ),
}


@dataclasses.dataclass(frozen=True)
class _Builder:
    """Builds the computation of a function of each number."""

    function: Callable[[Settings], Callable[[Array], Array]]

    def __call__(self, settings: Settings) -> Built:
        axis = settings.signal.channel_axis
        computation = apply(self.function(settings))
        return computation if axis is not None else dataclasses.replace(computation, slices=None), axis


def _prelu(settings: Settings) -> Built:
    signal = settings.signal
    shared = settings.axes("shared_axes") if settings.has("shared_axes") else ()
    shape = tuple(1 if axis in shared else side for axis, side in enumerate(signal.shape))
    return PReLU(shape=shape, channel_axis=signal.channel_axis), signal.channel_axis


BUILDERS: dict[str, Callable[[Settings], Built]] = {
    **{kind: _Builder(function) for kind, function in _FUNCTIONS.items()},
    "PReLU": _prelu,
}
