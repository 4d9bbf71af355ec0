"""Keras files -> models, without TensorFlow: ``jaxviz.keras.load(path)``."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxviz.keras.loading import load, load_weights

__all__ = ["load", "load_weights"]


def __getattr__(name: str):
    # The process that reads files imports `jaxviz.keras.containers` alone, and must not wait for JAX.
    if name not in __all__:
        raise AttributeError(f"module 'jaxviz.keras' has no attribute {name!r}")
    return getattr(importlib.import_module("jaxviz.keras.loading"), name)


def __dir__() -> list[str]:
    return __all__
