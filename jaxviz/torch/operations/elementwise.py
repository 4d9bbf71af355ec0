"""Functions of each number: of one tensor, or of several that are broadcast against each other."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from jaxviz.torch.operations.computation import EACH, Number, Operation
from jaxviz.torch.tensors import Tensor, together

__all__ = ["OPERATIONS", "number_type"]

_TYPES = {
    **dict.fromkeys(("float16", "bfloat16", "float32", "float64", "half", "double", "float"), jnp.float32),
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "long", "int"), jnp.int32),
    "bool": jnp.bool_,
}


def number_type(name: str) -> np.dtype:
    """Returns what a type of PyTorch's is here: float32, int32 or bool."""
    return np.dtype(_TYPES[name])


def _of(function: Callable[..., Array], count: int = 2) -> Operation:
    """Makes an operation of a function of so many broadcast operands; what else it is called with has no effect."""

    def compute(*arguments) -> Tensor:
        arrays, order = together(*arguments[:count])
        return Tensor(jnp.asarray(function(*arrays)), order)

    return Operation(compute, EACH)


def _add(x: Tensor | Number, y: Tensor | Number, alpha: Number = 1) -> Tensor:
    (a, b), order = together(x, y)
    return Tensor(a + (b if alpha == 1 else alpha * b), order)


def _subtract(x: Tensor | Number, y: Tensor | Number, alpha: Number = 1) -> Tensor:
    (a, b), order = together(x, y)
    return Tensor(a - (b if alpha == 1 else alpha * b), order)


def _divide(x: Tensor | Number, y: Tensor | Number, rounding: str | None = None) -> Tensor:
    (a, b), order = together(x, y)
    if rounding == "floor":
        return Tensor(jnp.floor_divide(a, b), order)
    quotient = jnp.true_divide(a, b)
    return Tensor(jnp.trunc(quotient) if rounding == "trunc" else quotient, order)


def _power(x: Array | Number, exponent: Array | Number) -> Array:
    if isinstance(exponent, float | int) and float(exponent).is_integer():
        return lax.integer_pow(x, int(exponent))
    return jnp.power(x, exponent)


def _clamp(x: Tensor, low=None, high=None) -> Tensor:
    arrays, order = together(*(value for value in (x, low, high) if value is not None))
    values = iter(arrays)
    y = next(values)
    if low is not None:
        # As a relu is computed, where it is one: so it is known where the gradient through relus is redirected.
        floor = next(values)
        y = jax.nn.relu(y) if isinstance(low, float | int) and low == 0 else jnp.maximum(y, floor)
    return Tensor(y if high is None else jnp.minimum(y, next(values)), order)


def _where(condition: Array, x: Array | Number = 0.0, y: Array | Number = 0.0) -> Array:
    return jnp.where(condition, x, y)


def _masked_fill(x: Array, mask: Array, value: Array | Number) -> Array:
    return jnp.where(mask, value, x)


def _lerp(x: Array, end: Array, weight: Array | Number) -> Array:
    return x + weight * (end - x)


def _addcmul(x: Tensor, y: Tensor, z: Tensor, value: Number = 1) -> Tensor:
    (a, b, c), order = together(x, y, z)
    return Tensor(a + value * b * c, order)


def _addcdiv(x: Tensor, y: Tensor, z: Tensor, value: Number = 1) -> Tensor:
    (a, b, c), order = together(x, y, z)
    return Tensor(a + value * b / c, order)


def _nan_to_num(x: Tensor, nan: Number | None = None, high: Number | None = None, low: Number | None = None) -> Tensor:
    return x.like(jnp.nan_to_num(x.array, nan=nan or 0.0, posinf=high, neginf=low))


def _typed(place: int) -> Operation:
    """Makes an operation that changes the type of the numbers to that of an argument."""

    def compute(x: Tensor, *arguments) -> Tensor:
        wanted = arguments[place - 1] if len(arguments) >= place else None
        if isinstance(wanted, Tensor):
            dtype = wanted.array.dtype
        elif isinstance(wanted, str):
            dtype = number_type(wanted)
        else:
            return x
        is_float = jnp.issubdtype(x.array.dtype, jnp.floating) and jnp.issubdtype(dtype, jnp.floating)
        return x if is_float else x.like(x.array.astype(dtype))  # in whatever precision the network is computed

    return Operation(compute, EACH)


_ONE: dict[str, Callable[..., Array]] = {
    "abs": jnp.abs,
    "neg": jnp.negative,
    "exp": jnp.exp,
    "exp2": jnp.exp2,
    "expm1": jnp.expm1,
    "log": jnp.log,
    "log1p": jnp.log1p,
    "log2": jnp.log2,
    "log10": jnp.log10,
    "sqrt": jnp.sqrt,
    "rsqrt": lax.rsqrt,
    "square": jnp.square,
    "reciprocal": jnp.reciprocal,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tan": jnp.tan,
    "asin": jnp.arcsin,
    "acos": jnp.arccos,
    "atan": jnp.arctan,
    "sinh": jnp.sinh,
    "cosh": jnp.cosh,
    "erf": jax.scipy.special.erf,
    "floor": jnp.floor,
    "ceil": jnp.ceil,
    "trunc": jnp.trunc,
    "frac": lambda x: x - jnp.trunc(x),
    "sign": jnp.sign,
    "sgn": jnp.sign,
    "logical_not": jnp.logical_not,
    "bitwise_not": jnp.invert,
    "isnan": jnp.isnan,
    "isinf": jnp.isinf,
    "round": jnp.round,
}
_TWO: dict[str, Callable[..., Array]] = {
    "mul": jnp.multiply,
    "multiply": jnp.multiply,
    "pow": _power,
    "maximum": jnp.maximum,
    "minimum": jnp.minimum,
    "max.other": jnp.maximum,
    "min.other": jnp.minimum,
    "atan2": jnp.arctan2,
    "floor_divide": jnp.floor_divide,
    "remainder": jnp.remainder,
    "fmod": jnp.fmod,
    "fill": jnp.full_like,
    "eq": jnp.equal,
    "ne": jnp.not_equal,
    "lt": jnp.less,
    "le": jnp.less_equal,
    "gt": jnp.greater,
    "ge": jnp.greater_equal,
    "logical_and": jnp.logical_and,
    "logical_or": jnp.logical_or,
    "logical_xor": jnp.logical_xor,
    "bitwise_and": jnp.bitwise_and,
    "bitwise_or": jnp.bitwise_or,
    "__and__": jnp.bitwise_and,
    "__or__": jnp.bitwise_or,
    "__xor__": jnp.bitwise_xor,
    "clamp_max": jnp.minimum,
}

OPERATIONS: dict[str, Operation] = {
    **{name: _of(function, 1) for name, function in _ONE.items()},
    **{name: _of(function, 2) for name, function in _TWO.items()},
    "_to_copy": _typed(1),
    "add": Operation(_add, EACH),
    "addcdiv": Operation(_addcdiv, EACH),
    "addcmul": Operation(_addcmul, EACH),
    "clamp": Operation(_clamp, EACH),
    "clamp_min": Operation(_clamp, EACH),
    "clip": Operation(_clamp, EACH),
    "div": Operation(_divide, EACH),
    "divide": Operation(_divide, EACH),
    "lerp": _of(_lerp, 3),
    "masked_fill": _of(_masked_fill, 3),
    "nan_to_num": Operation(_nan_to_num, EACH),
    "rsub": Operation(lambda x, y, alpha=1: _subtract(y, x, alpha), EACH),
    "sub": Operation(_subtract, EACH),
    "subtract": Operation(_subtract, EACH),
    "to": _typed(1),
    "to.device": _typed(2),
    "true_divide": Operation(_divide, EACH),
    "type_as": _typed(1),
    "where": _of(_where, 3),
    "zero": _of(jnp.zeros_like, 1),
}
