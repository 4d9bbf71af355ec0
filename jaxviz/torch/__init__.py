"""PyTorch networks -> models that run in JAX: ``jaxviz.from_torch(module)``, ``jaxviz.torch.load_state_dict``."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxviz.torch.state_dicts import load_state_dict

__all__ = ["load_state_dict"]


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module 'jaxviz.torch' has no attribute {name!r}")
    return getattr(importlib.import_module("jaxviz.torch.state_dicts"), name)


def __dir__() -> list[str]:
    return __all__
