"""Unsupported layers: what only the caller can say -> one error that names every layer, and how to give it."""

import difflib
from collections.abc import Mapping, Sequence, Set

from jaxviz.keras.config.graph import Call, LayerConfig
from jaxviz.keras.layers.activations import find
from jaxviz.keras.layers.custom import Custom, names_of
from jaxviz.keras.layers.elementwise import function_name
from jaxviz.keras.layers.settings import Signal
from jaxviz.keras.layers.tensorflow import unknown_function
from jaxviz.values.errors import ModelFileError

__all__ = ["check_names", "lacking", "refusal"]

_MOST_NAMED = 10  # layers in one message
_CODE = "__lambda__"  # the name that Keras 3 writes for a function without one


def check_names(layers: Sequence[LayerConfig], custom: Custom, keras_major: int) -> None:
    """Checks that each thing the caller gives is for a layer, a class or a function of the network.

    Raises:
      ModelFileError: a name is none of these; all such names are listed, with the nearest of the network's.
    """
    functions = [name for layer in layers if (name := given_as(layer)) and find(name, keras_major) is None]
    known = {*functions, *(name for layer in layers for name in names_of(layer))}
    if unknown := [name for name in custom if name not in known]:
        near = dict.fromkeys(each for name in unknown for each in difflib.get_close_matches(str(name), known, n=1))
        hint = f"; did you mean {' and '.join(map(repr, near))}?" if near else ""
        raise ModelFileError(
            f"custom has {', '.join(map(repr, unknown))}, but no layer, class or function of this network has "
            f"{'that name' if len(unknown) == 1 else 'these names'}{hint}"
        )


def lacking(
    calls: Sequence[Call], kinds: Set[str], activated: Set[str], custom: Custom, keras_major: int
) -> dict[str, Call]:
    """Returns by their names the calls of layers that cannot be computed before the caller says what they compute.

    Args:
      calls: those of the network.
      kinds: the classes that are known.
      activated: those of them that end in the activation function that their setting names.
      custom: what the caller gives.
      keras_major: the version of Keras that wrote the file.
    """
    found = {}
    for call in calls:
        layer = call.layer
        if any(name in custom for name in names_of(layer)):
            continue
        name = given_as(layer) if layer.kind in activated or layer.kind == "Lambda" else None
        is_theirs = layer.kind == "Lambda" and isinstance(layer.settings.get("function"), str)  # as Keras 2 names it
        is_unknown = name is not None and name not in custom and (is_theirs or find(name, keras_major) is None)
        is_unknown = is_unknown or unknown_function(layer) is not None
        if layer.custom or layer.kind not in kinds or is_unknown:
            found[call.name] = call
    return found


def given_as(layer: LayerConfig) -> str | None:
    """Returns the name of the function that a layer's activation or a Lambda names; `_CODE` for one that holds code."""
    if layer.kind == "Lambda":
        named = function_name(layer.settings.get("function"))
        return _CODE if named is None or layer.settings.get("arguments") else named
    return function_name(layer.settings.get("activation"))


def refusal(calls: Sequence[Call], kinds: Set[str], signals: Mapping[str, Signal]) -> ModelFileError:
    """Returns the error for calls that `lacking` found: all about the first, and the names of the others.

    Args:
      calls: the calls, at least one.
      kinds: the classes that are known.
      signals: what is known of the activations that the first reads.
    """
    first, by = calls[0], _by(calls[0].layer, kinds)
    shapes = " and ".join(str(signals[name].shape) for name in first.inputs)
    layer = first.layer
    if layer.custom or layer.kind not in kinds:
        said = (
            f"layer {layer.scope!r} is a {layer.kind}, which is not supported; give what it computes: "
            f"custom={{{by!r}: module}}, a function or a Linen module, called with the activations of one image: "
            f"{shapes}"
        )
    elif layer.kind == "Lambda":
        why = f"it names the function {by!r}" if by != layer.scope else "it holds Python code"
        said = (
            f"layer {layer.scope!r} (Lambda): {why}, which is not run; give what it computes: "
            f"custom={{{by!r}: function}}, or custom={{'Lambda': function}} for every Lambda, called with the "
            f"activations of one image: {shapes}"
        )
    elif function := unknown_function(layer):
        said = (
            f"layer {layer.scope!r} ({layer.kind}): {function} is not supported; give what it computes: "
            f"custom={{{by!r}: function}}, called with the activations of one image: {shapes}"
        )
    else:
        said = (
            f"layer {layer.scope!r} ({layer.kind}): unknown activation {by!r}; give it: custom={{{by!r}: function}}, "
            "called with the array of one image"
        )
    # A class or a function is given once, and every layer that has it is served.
    others = {_by(call.layer, kinds): call.layer for call in calls if _by(call.layer, kinds) != by}
    if not others:
        return ModelFileError(said)
    named = [f"{layer.scope!r} ({by if by != layer.scope else layer.kind})" for by, layer in others.items()]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return ModelFileError(f"{said}; so must be given {', '.join(named[:_MOST_NAMED])}{more}")


def _by(layer: LayerConfig, kinds: Set[str]) -> str:
    """Returns the name by which what a layer lacks is best given: its own, its class's or its function's."""
    if layer.custom or layer.kind not in kinds:
        return layer.kind
    name = given_as(layer)
    return layer.scope if name is None or name == _CODE else name
