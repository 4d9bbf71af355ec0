"""Inbound nodes: the arguments of a layer's call, in the form of any Keras version -> arguments with references."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

__all__ = ["Reference", "find_references", "read_node", "references_of", "substitute"]

_CONSTANT = "_CONSTANT_VALUE"  # what tf.keras writes in place of a layer's name
_DEEPEST = 20  # lists within lists; the deepest in use have four


@dataclasses.dataclass(frozen=True)
class Reference:
    """One output of one call of a layer.

    Attributes:
      layer: the layer's name.
      node: which call of it.
      tensor: which of the call's outputs.
    """

    layer: str
    node: int
    tensor: int


def read_node(node: object, names: Mapping[str, object]) -> tuple[tuple, dict]:
    """Reads one call of a layer: its arguments and its keywords, a ``Reference`` for each activation.

    Keras 3 writes ``{"args": […], "kwargs": {…}}``; Keras 1, 2 and tf.keras write ``[layer, node, tensor, keywords]``,
    a list of such or a table of them.

    Args:
      node: one entry of ``inbound_nodes``.
      names: the names of the model's layers; only those can be referred to.

    Raises:
      ValueError: it is none of these.
    """
    if isinstance(node, Mapping) and "args" in node:
        arguments, keywords = _modern(node["args"]), _modern(node.get("kwargs") or {})
        if not isinstance(arguments, list) or not isinstance(keywords, dict):
            raise ValueError("its arguments are no list")
        return tuple(arguments), keywords
    keywords = {}
    inputs = _legacy(node, names, keywords, 0)
    if isinstance(inputs, list) and len(inputs) == 1:
        [inputs] = inputs
    return (inputs,), keywords


def find_references(value: object) -> list[Reference]:
    """Reads ``input_layers`` or ``output_layers``: one ``[layer, node, tensor]``, or lists or tables of them."""
    found, waiting = [], [value]
    while waiting:
        value = waiting.pop()
        if _is_triple(value):
            found.append(Reference(*value[:3]))  # type: ignore[index]
        elif isinstance(value, Mapping):
            waiting += reversed(list(value.values()))
        elif isinstance(value, list | tuple):
            waiting += reversed(value)
    return found


def references_of(value: object) -> Iterator[Reference]:
    """Yields the references in a tree of arguments, in order."""
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from references_of(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from references_of(member)


def substitute(value, replace: Callable[[Reference], object]):
    """Returns a tree of arguments with each reference replaced."""
    if isinstance(value, Reference):
        return replace(value)
    if isinstance(value, Mapping):
        return {name: substitute(member, replace) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return tuple(substitute(member, replace) for member in value)
    return value


def _modern(value: object, depth: int = 0) -> object:
    """Reads the arguments that Keras 3 writes."""
    if depth > _DEEPEST:
        raise ValueError("its arguments are too deeply nested")
    if isinstance(value, Mapping):
        kind, config = value.get("class_name"), value.get("config")
        if kind == "__keras_tensor__":
            history = config.get("keras_history") if isinstance(config, Mapping) else None
            if not _is_triple(history):
                raise ValueError("an argument of it has no source")
            return Reference(*history[:3])  # type: ignore[index]
        if kind == "__slice__" and isinstance(config, Mapping):
            return slice(config.get("start"), config.get("stop"), config.get("step"))
        if kind == "__ellipsis__":
            return ...
        if kind in ("__tensor__", "__numpy__") and isinstance(config, Mapping):
            return _modern(config.get("value"), depth + 1)
        return {str(name): _modern(member, depth + 1) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_modern(member, depth + 1) for member in value]
    return value


def _legacy(value: object, names: Mapping[str, object], keywords: dict, depth: int) -> object:
    """Reads the arguments that Keras before 3 writes; the keywords beside each activation are collected."""
    if depth > _DEEPEST:
        raise ValueError("its arguments are too deeply nested")
    if _is_triple(value) or (isinstance(value, list) and len(value) in (3, 4) and value[0] == _CONSTANT):
        extra = value[3] if len(value) == 4 else {}  # type: ignore[arg-type, index]
        if isinstance(extra, Mapping):
            keywords.update({str(key): _legacy_keyword(member, names, depth + 1) for key, member in extra.items()})
        return value[2] if value[0] == _CONSTANT else Reference(*value[:3])  # type: ignore[index]
    if isinstance(value, Mapping):
        return [_legacy(member, names, keywords, depth + 1) for member in value.values()]
    if isinstance(value, list | tuple):
        return [_legacy(member, names, keywords, depth + 1) for member in value]
    raise ValueError(f"an argument of it is {str(value)[:40]!r}")


def _legacy_keyword(value: object, names: Mapping[str, object], depth: int) -> object:
    if depth > _DEEPEST:
        raise ValueError("its arguments are too deeply nested")
    if _is_triple(value) and value[0] in names:  # type: ignore[index]
        return Reference(*value[:3])  # type: ignore[index]
    if isinstance(value, Mapping):
        return {str(name): _legacy_keyword(member, names, depth + 1) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_legacy_keyword(member, names, depth + 1) for member in value]
    return value


def _is_triple(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in value[1:3])
    )
