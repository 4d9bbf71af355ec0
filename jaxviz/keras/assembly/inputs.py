"""Inputs: which of a network's inputs is the image, and the shapes of all of them."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Array, Float

from jaxviz.keras.config.graph import Architecture, Call, Input
from jaxviz.keras.layers import Signal
from jaxviz.keras.weights.stored import NamedWeights, StoredModel
from jaxviz.values.errors import JaxvizError, ModelFileError

__all__ = ["Inputs", "choose"]

_SIDE = 224  # pixels, where neither file nor caller says: what most networks for photographs were trained on
_LARGEST = 1 << 26  # numbers in one input


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """The inputs of a network at one size.

    Attributes:
      image: the name of the one that is the image.
      signals: what is known of each, by name.
      constants: the values of all others.
      is_guess: True where neither file nor caller says how large the image is.
    """

    image: str
    signals: Mapping[str, Signal]
    constants: Mapping[str, np.ndarray]
    is_guess: bool


def choose(
    architecture: Architecture,
    stored: StoredModel,
    input_shape: Sequence[int] | None,
    given: Mapping[str, Float[Array | np.ndarray, "..."]],
) -> tuple[Inputs, Inputs]:
    """Settles the inputs: at the size that the file gives, and at that which the caller asks for.

    The image is the first input of three axes, else the first.

    Raises:
      JaxvizError: what the caller gives does not fit, or a length is known to neither.
    """
    image = next((each for each in architecture.inputs if each.shape and len(each.shape) == 3), architecture.inputs[0])
    others = [each for each in architecture.inputs if each is not image]
    unknown = sorted(set(given) - {each.name for each in others})
    if unknown:
        known = ", ".join(each.name for each in others) or "none"
        raise JaxvizError(f"no input {unknown[0]!r} to be held constant; this network has: {known}")
    constants = {each.name: _constant(each, given.get(each.name), stored.path) for each in others}
    axis = _channel_axis(architecture)
    declared = image.shape or _declared_by_weights(architecture, stored, axis, image, input_shape)
    if len(declared) == 3 and set(declared) == {None} and input_shape is None:
        declared = _declared_by_weights(architecture, stored, axis, image, None)
    asked = tuple(input_shape) if input_shape is not None else None
    if asked is not None and not _is_instance(asked, declared, axis):
        raise JaxvizError(f"input_shape {asked}: this network takes {_text(declared)}")
    open_sides = _filled(declared, asked or (), axis, stored.path)
    own = Inputs(
        image=image.name,
        signals=_signals(image.name, open_sides, axis, constants),
        constants=constants,
        is_guess=asked is None and None in declared,
    )
    if asked is None:
        return own, own
    return own, dataclasses.replace(own, signals=_signals(image.name, asked, axis, constants))


def _channel_axis(architecture: Architecture) -> int:
    """Returns where the image counts its channels, which the first layer that cares says."""
    for layer in architecture.layers:
        if layer.settings.get("data_format"):
            return 0 if layer.settings["data_format"] == "channels_first" else -1
    return -1


def _constant(each: Input, value: Float[Array | np.ndarray, "..."] | None, path: str) -> np.ndarray:
    if each.shape is None or (None in each.shape and value is None):
        raise JaxvizError(
            f"{path}: input {each.name!r} has the shape {_text(each.shape)}; "
            f"give its value: inputs={{{each.name!r}: array}}"
        )
    if value is None and math.prod(each.shape) > _LARGEST:  # type: ignore[arg-type]
        raise ModelFileError(f"{path}: an input of shape {_text(each.shape)} is too large")
    array = np.zeros([side or 1 for side in each.shape], np.float32) if value is None else np.asarray(value, np.float32)
    if len(array.shape) != len(each.shape) or any(
        side not in (None, length) for side, length in zip(each.shape, array.shape, strict=True)
    ):
        raise JaxvizError(f"input {each.name!r} of shape {array.shape}: this network takes {_text(each.shape)}")
    return array


def _signals(image: str, shape: Sequence[int], axis: int, constants: Mapping[str, np.ndarray]) -> dict[str, Signal]:
    others = {name: Signal(array.shape, max(array.ndim - 1, 0)) for name, array in constants.items()}
    return {image: Signal(tuple(shape), _image_axis(len(shape), axis)), **others}


def _image_axis(rank: int, axis: int) -> int:
    return axis % rank if rank > 2 else rank - 1


def _filled(declared: tuple[int | None, ...], asked: Sequence[int], axis: int, path: str) -> tuple[int, ...]:
    """Fills what a file leaves open with what the caller asks for, else with the usual size of an image."""
    sides = tuple(asked[place] if side is None and asked else side for place, side in enumerate(declared))
    if len(sides) == 3:
        channel = _image_axis(3, axis)
        sides = tuple(_SIDE if side is None and place != channel else side for place, side in enumerate(sides))
    if None in sides:
        raise JaxvizError(f"{path} leaves its input open: {_text(declared)}; give input_shape")
    if math.prod(side for side in sides if side) > _LARGEST:
        raise ModelFileError(f"{path}: an input of shape {_text(sides)} is too large")
    return tuple(side for side in sides if side)


def _is_instance(asked: tuple[int, ...], declared: tuple[int | None, ...], axis: int) -> bool:
    """Tells whether a shape is one of the network's, whose sides may be others than those in the file."""
    if len(asked) != len(declared) or not all(isinstance(side, int) and 0 < side < 1 << 16 for side in asked):
        return False
    channel = _image_axis(len(asked), axis)
    return declared[channel] in (None, asked[channel]) and math.prod(asked) <= _LARGEST


def _declared_by_weights(
    architecture: Architecture, stored: StoredModel, axis: int, image: Input, input_shape: Sequence[int] | None
) -> tuple[int | None, ...]:
    """Works out what a file that says nothing of its input takes, from the kernel of the first layer that has one."""
    if input_shape is not None:
        return (None,) * len(input_shape)
    first = next((call for call in architecture.calls if image.name in call.inputs), None)
    kernel = _first_kernel(first, stored) if first else None
    if first and kernel is not None and kernel.ndim == 2 and first.layer.kind == "Dense":
        return (kernel.shape[0],)
    if first and kernel is not None and kernel.ndim == 4 and first.layer.kind in ("Conv2D", "SeparableConv2D"):
        channels = kernel.shape[2]
        return (channels, None, None) if axis == 0 else (None, None, channels)
    raise JaxvizError(f"{stored.path} does not say the shape of the model's input; give input_shape")


def _first_kernel(call: Call, stored: StoredModel) -> np.ndarray | None:
    if not isinstance(stored.weights, NamedWeights):
        return None
    arrays = stored.weights.layers.get(call.layer.scope, {})
    return next((array for array in arrays.values() if array.ndim > 1), None)


def _text(shape: Sequence[int | None] | None) -> str:
    return "unknown" if shape is None else f"({', '.join('open' if side is None else str(side) for side in shape)})"
