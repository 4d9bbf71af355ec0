"""Vocabulary: what each generation calls a layer and its settings -> Keras 3's words."""

from collections.abc import Mapping

__all__ = ["translate"]

_OPERATIONS = ("keras.src.ops", "keras.ops", "keras.src.activations", "keras.src.backend")


def translate(entry: Mapping) -> tuple[str, Mapping, bool]:
    """Returns the class of a layer and its settings in Keras 3's words, and whether the class is the caller's own.

    Args:
      entry: the layer's entry, with its class and its settings.
    """
    kind, settings = str(entry["class_name"]), entry["config"]
    module = str(entry.get("module") or "")
    if module.startswith(_OPERATIONS):
        return f"ops.{kind}", settings, False
    registered = str(entry.get("registered_name") or "")
    return kind, settings, ">" in registered or (">" in kind)
