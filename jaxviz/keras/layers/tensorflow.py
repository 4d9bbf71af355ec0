"""Functions of TensorFlow that tf.keras saved as layers -> the same operations of Keras 3."""

from collections.abc import Callable

from jaxviz.keras.layers import operations
from jaxviz.keras.layers.computation import Built
from jaxviz.keras.layers.settings import Settings

__all__ = ["BUILDERS"]

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


def _of_tensorflow(settings: Settings) -> Built:
    """Builds a function of TensorFlow that tf.keras saved as a layer."""
    function = str(settings.get("function")).removeprefix("tf.")
    if function not in _FUNCTIONS:
        name = settings.layer.scope
        raise settings.refuse(f"tf.{function} is not supported; give what it computes: custom={{{name!r}: function}}")
    name, renamed = _FUNCTIONS[function]
    keywords = {renamed.get(key, key): value for key, value in settings.call.keywords.items()}
    keywords = {key: value for key, value in keywords.items() if key and value is not None}
    return operations.build(settings, name, settings.call.arguments, keywords)


BUILDERS: dict[str, Callable[[Settings], Built]] = {"SlicingOpLambda": _of_tensorflow, "TFOpLambda": _of_tensorflow}
