"""Layers: one layer of a Keras file -> the nodes that compute it. A layer without an entry here is refused by name."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
from jaxtyping import Array

from jaxviz.errors import ModelFileError
from jaxviz.keras import activations, modules
from jaxviz.keras.dialects import LayerConfig

__all__ = ["PREACTIVATION", "Node", "nodes_of"]

PREACTIVATION = "/preactivation"
"""Follows a layer's name to name what goes into its own activation function."""

_LARGEST_LAYER = 1 << 20  # filters or units; the largest in use have some ten thousand


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """One computation in a network.

    Attributes:
      name: the activation that it gives.
      input: the activation that it reads.
      layer: the computation: a Linen module where it has variables, else a function.
      scope: the name of its variables; empty where it has none.
      channel_axis: where its output counts filters or units; None where it does not.
    """

    name: str
    input: str
    layer: nn.Module | Callable[..., Array]
    scope: str = ""
    channel_axis: int | None


class _Settings:
    """The settings of one layer, read with checks; each failure names the layer."""

    def __init__(self, config: LayerConfig, keras_major: int, channel_axis: int | None):
        self.config = config
        self.keras_major = keras_major
        self.input_axis = channel_axis

    def refuse(self, why: str) -> ModelFileError:
        return ModelFileError(f"layer {self.config.name!r} ({self.config.kind}): {why}")

    def get(self, name: str, default: object = None):
        value = self.config.settings.get(name, default)
        if value is None and default is None:
            raise self.refuse(f"its setting {name!r} is missing")
        return default if value is None else value

    def flag(self, name: str, default: bool) -> bool:
        value = self.get(name, default)
        if value not in (True, False):
            raise self.refuse(f"{name} is {value!r}, neither true nor false")
        return bool(value)

    def count(self, name: str, default: int | None = None) -> int:
        value = self.get(name, default)
        if not isinstance(value, int) or not 0 < value <= _LARGEST_LAYER:
            raise self.refuse(f"{name} is {value!r}, not a positive whole number")
        return value

    def number(self, name: str, default: float) -> float:
        value = self.get(name, default)
        if isinstance(value, Mapping):  # Keras 2 wrote some numbers as {"type": "ndarray", "value": 0.3}
            value = value.get("value")
        if not isinstance(value, int | float):
            raise self.refuse(f"{name} is {value!r}, not a number")
        return float(value)

    def pair(self, name: str, default: object = None) -> tuple[int, int]:
        value = self.get(name, default)
        sides = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, list | tuple) else ()
        if len(sides) != 2 or not all(isinstance(side, int) and 0 < side < 1 << 16 for side in sides):
            raise self.refuse(f"{name} is {value!r}, not two positive whole numbers")
        return sides

    def padding(self) -> str:
        value = str(self.get("padding", "valid")).lower()
        if value not in ("valid", "same"):
            raise self.refuse(f"padding {value!r} is not supported; valid and same are")
        return value

    def channel_axis(self) -> int:
        layout = self.get("data_format", "channels_last")
        if layout not in ("channels_last", "channels_first"):
            raise self.refuse(f"data_format is {layout!r}, neither channels_last nor channels_first")
        return 0 if layout == "channels_first" else -1

    def activation(self, name: str = "activation") -> tuple[Callable[[Array], Array], bool]:
        """Returns the function, and whether it works channel by channel."""
        value = self.get(name, "linear")
        if isinstance(value, Mapping):  # Keras 3 may write {"class_name": "function", "config": "relu"}
            value = value.get("config") if value.get("class_name") == "function" else value.get("class_name")
        function = activations.find(str(value), self.keras_major)
        if function is None:
            raise self.refuse(f"unknown activation {value!r}")
        return function, str(value) not in activations.ACROSS_CHANNELS


def nodes_of(config: LayerConfig, keras_major: int, channel_axis: int | None) -> list[Node]:
    """Returns the nodes of one layer; the last one carries the layer's name.

    A layer with an activation function of its own becomes two, so that either side of it can be asked for.

    Args:
      config: the layer.
      keras_major: the version of Keras that wrote it, on which a few defaults hang.
      channel_axis: where the layer's input counts its channels.

    Raises:
      ModelFileError: the layer is not known, or a setting of it is out of its range.
    """
    if config.kind not in _BUILDERS:
        known = ", ".join(sorted(_BUILDERS))
        raise ModelFileError(f"layer {config.name!r} is a {config.kind}, which is not supported; these are: {known}")
    if config.name.endswith(PREACTIVATION):
        raise ModelFileError(f"layer {config.name!r}: a name that ends in {PREACTIVATION!r} is kept for what it says")
    settings = _Settings(config, keras_major, channel_axis)
    layer, axis = _BUILDERS[config.kind](settings)
    scope = config.name if isinstance(layer, nn.Module) else ""
    [source] = config.inputs
    node = Node(name=config.name, input=source, layer=layer, scope=scope, channel_axis=axis)
    if config.kind in ("Activation", "Softmax"):
        return [node]
    function, channelwise = settings.activation()
    if function is activations.find("linear", keras_major):
        return [node]
    inner = dataclasses.replace(node, name=config.name + PREACTIVATION)
    outer = modules.Apply(function, "channelwise" if channelwise else None)
    return [inner, Node(name=config.name, input=inner.name, layer=outer, channel_axis=axis)]


_Built = tuple[nn.Module | Callable[..., Array], int | None]


def _conv(settings: _Settings) -> _Built:
    axis = settings.channel_axis()
    features, groups = settings.count("filters"), settings.count("groups", 1)
    if features % groups:
        raise settings.refuse(f"{features} filters in {groups} groups")
    conv = modules.Conv(
        features=features,
        kernel_size=settings.pair("kernel_size"),
        strides=settings.pair("strides", (1, 1)),
        padding=settings.padding(),
        dilation=settings.pair("dilation_rate", (1, 1)),
        groups=groups,
        use_bias=settings.flag("use_bias", True),
        channel_axis=axis,
    )
    return conv, axis


def _dense(settings: _Settings) -> _Built:
    return modules.Dense(features=settings.count("units"), use_bias=settings.flag("use_bias", True)), -1


def _batch_norm(settings: _Settings) -> _Built:
    axis = settings.get("axis", -1)
    if isinstance(axis, list | tuple) and len(axis) == 1:
        axis = axis[0]
    if not isinstance(axis, int) or axis == 0:
        raise settings.refuse(f"axis {axis!r}; one axis of the image is supported")
    axis = axis - 1 if axis > 0 else axis  # Keras counts the batch, we see one image
    norm = modules.BatchNorm(
        axis=axis,
        # Channels last is -1 here and may be 2 there, which only the first image tells.
        slices="channelwise" if settings.input_axis in (axis, _last(axis)) else None,
        epsilon=settings.number("epsilon", 1e-3),
        use_scale=settings.flag("scale", True),
        use_bias=settings.flag("center", True),
    )
    return norm, settings.input_axis


def _last(axis: int) -> int:
    """Maps an axis that counts from the front to -1 where it is an image's last one; others stay."""
    return -1 if axis in (2, -1) else axis


def _pool(settings: _Settings, kind: modules.PoolKind) -> _Built:
    axis, size = settings.channel_axis(), settings.pair("pool_size", (2, 2))
    return modules.Pool(kind, size, settings.pair("strides", size), settings.padding(), axis), axis


def _global_pool(settings: _Settings, kind: modules.PoolKind) -> _Built:
    axis, keepdims = settings.channel_axis(), settings.flag("keepdims", False)
    return modules.GlobalPool(kind, keepdims, axis), axis if keepdims else -1


def _zero_padding(settings: _Settings) -> _Built:
    value = settings.get("padding", 1)
    sides = value if isinstance(value, list | tuple) else (value, value)
    pairs = [tuple(side) if isinstance(side, list | tuple) else (side, side) for side in sides]
    if [len(pair) for pair in pairs] != [2, 2] or not all(
        isinstance(count, int) and 0 <= count < 1 << 16 for pair in pairs for count in pair
    ):
        raise settings.refuse(f"padding is {value!r}, not pixels before and after each side")
    axis = settings.channel_axis()
    return modules.Pad((pairs[0], pairs[1]), axis), axis


def _flatten(settings: _Settings) -> _Built:
    return modules.Flatten(channels_first=settings.channel_axis() == 0), None


def _reshape(settings: _Settings) -> _Built:
    shape = settings.get("target_shape")
    sides = tuple(shape) if isinstance(shape, list | tuple) else ()
    if not sides or not all(isinstance(side, int) and side != 0 and side >= -1 for side in sides):
        raise settings.refuse(f"target_shape is {shape!r}")
    if sides.count(-1) > 1:
        raise settings.refuse(f"target_shape {shape!r} leaves more than one length open")
    return modules.Reshape(sides), -1


def _activation(settings: _Settings) -> _Built:
    function, channelwise = settings.activation()
    return modules.Apply(function, "channelwise" if channelwise else None), settings.input_axis


def _softmax(settings: _Settings) -> _Built:
    axis = settings.get("axis", -1)
    if not isinstance(axis, int) or axis == 0:
        raise settings.refuse(f"axis {axis!r}; one axis of the image is supported")
    function = functools.partial(jax.nn.softmax, axis=axis - 1 if axis > 0 else axis)
    return modules.Apply(function, None), settings.input_axis


def _relu(settings: _Settings) -> _Built:
    largest = settings.config.settings.get("max_value")
    function = activations.Rectifier(
        slope=settings.number("negative_slope", 0.0),
        threshold=settings.number("threshold", 0.0),
        largest=None if largest is None else settings.number("max_value", 0.0),
    )
    return modules.Apply(function), settings.input_axis


def _leaky_relu(settings: _Settings) -> _Built:
    name = "negative_slope" if "negative_slope" in settings.config.settings else "alpha"
    return modules.Apply(activations.Rectifier(slope=settings.number(name, 0.3))), settings.input_axis


def _elu(settings: _Settings) -> _Built:
    return modules.Apply(activations.Elu(settings.number("alpha", 1.0))), settings.input_axis


def _inert(settings: _Settings) -> _Built:
    """Layers that do something in training only."""
    return modules.Apply(activations.identity), settings.input_axis


_BUILDERS: dict[str, Callable[[_Settings], _Built]] = {
    "Activation": _activation,
    "ActivityRegularization": _inert,
    "AlphaDropout": _inert,
    "AveragePooling2D": functools.partial(_pool, kind="average"),
    "BatchNormalization": _batch_norm,
    "Conv2D": _conv,
    "Dense": _dense,
    "Dropout": _inert,
    "ELU": _elu,
    "Flatten": _flatten,
    "GaussianDropout": _inert,
    "GaussianNoise": _inert,
    "GlobalAveragePooling2D": functools.partial(_global_pool, kind="average"),
    "GlobalMaxPooling2D": functools.partial(_global_pool, kind="max"),
    "LeakyReLU": _leaky_relu,
    "MaxPooling2D": functools.partial(_pool, kind="max"),
    "ReLU": _relu,
    "Reshape": _reshape,
    "Softmax": _softmax,
    "SpatialDropout2D": _inert,
    "ZeroPadding2D": _zero_padding,
}
