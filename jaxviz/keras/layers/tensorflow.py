"""Functions of TensorFlow that tf.keras saved as layers -> the same operations of Keras 3."""

from collections.abc import Callable

from jaxviz.keras.config.graph import LayerConfig
from jaxviz.keras.layers import operations
from jaxviz.keras.layers.computation import Built
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS", "unknown_function"]

# TensorFlow's name of a function -> Keras's, and its names of arguments -> Keras's.
_FUNCTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "__operators__.add": ("Add", {}),
    "__operators__.getitem": ("GetItem", {"slice_spec": "key"}),
    "cast": ("Identity", {"dtype": ""}),
    "clip_by_value": ("Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "concat": ("Concatenate", {}),
    "expand_dims": ("ExpandDims", {}),
    "identity": ("Identity", {}),
    "linalg.matmul": ("Matmul", {"a": "x1", "b": "x2"}),
    "math.abs": ("Abs", {}),
    "math.add": ("Add", {}),
    "math.divide": ("Divide", {}),
    "math.exp": ("Exp", {}),
    "math.maximum": ("Maximum", {}),
    "math.minimum": ("Minimum", {}),
    "math.multiply": ("Multiply", {}),
    "math.negative": ("Negative", {}),
    "math.pow": ("Power", {}),
    "math.reduce_max": ("Max", {}),
    "math.reduce_mean": ("Mean", {}),
    "math.reduce_min": ("Min", {}),
    "math.reduce_sum": ("Sum", {}),
    "math.rsqrt": ("Rsqrt", {}),
    "math.sigmoid": ("Sigmoid", {}),
    "math.sqrt": ("Sqrt", {}),
    "math.square": ("Square", {}),
    "math.subtract": ("Subtract", {}),
    "math.tanh": ("Tanh", {}),
    "math.truediv": ("Divide", {}),
    "nn.elu": ("Elu", {}),
    "nn.gelu": ("Gelu", {}),
    "nn.leaky_relu": ("LeakyRelu", {"alpha": "negative_slope"}),
    "nn.relu": ("Relu", {}),
    "nn.relu6": ("Relu6", {}),
    "nn.selu": ("Selu", {}),
    "nn.silu": ("Silu", {"features": "x"}),
    "nn.softmax": ("Softmax", {}),
    "nn.softplus": ("Softplus", {}),
    "nn.swish": ("Silu", {"features": "x"}),
    "reshape": ("Reshape", {"shape": "newshape"}),
    "squeeze": ("Squeeze", {}),
    "stop_gradient": ("StopGradient", {}),
    "transpose": ("Transpose", {"perm": "axes"}),
}


def unknown_function(layer: LayerConfig) -> str | None:
    """Returns the name of the function that a layer calls, such as ``tf.io.read_file``, if it is not supported."""
    function = _function(layer)
    return f"tf.{function}" if layer.kind in BUILDERS and function not in _FUNCTIONS else None


def _of_tensorflow(settings: Settings) -> Built:
    """Builds a function of TensorFlow that tf.keras saved as a layer."""
    if unknown := unknown_function(settings.layer):
        raise settings.refuse(f"{unknown} is not supported")
    name, renamed = _FUNCTIONS[_function(settings.layer)]
    keywords = {renamed.get(key, key): value for key, value in settings.call.keywords.items()}
    keywords = {key: value for key, value in keywords.items() if key and value is not None}
    return operations.build(settings, name, settings.call.arguments, keywords)


def _function(layer: LayerConfig) -> str:
    return str(layer.settings.get("function")).removeprefix("tf.")


BUILDERS: dict[str, Callable[[Settings], Built]] = {"SlicingOpLambda": _of_tensorflow, "TFOpLambda": _of_tensorflow}
