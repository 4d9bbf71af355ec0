"""jaxviz shows what the units of a neural network look for.

Data flows one way: Keras file -> model; model + objectives + recipe + key -> ascent -> visualization -> figures.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxviz import checkpoints, figures, images, keras, objectives, optimizers, parameterizations, recipes
    from jaxviz.default import default_model
    from jaxviz.deferral import deferred
    from jaxviz.errors import JaxvizError, ModelFileError
    from jaxviz.model import Model
    from jaxviz.recipes import Recipe
    from jaxviz.visualization import Visualization, visualize

__all__ = [
    "JaxvizError",
    "Model",
    "ModelFileError",
    "Recipe",
    "Visualization",
    "checkpoints",
    "default_model",
    "deferred",
    "figures",
    "images",
    "keras",
    "objectives",
    "optimizers",
    "parameterizations",
    "recipes",
    "visualize",
]

# Where each public name lives. It is imported when first used, so that `jaxviz --help` does not wait for JAX.
_HOMES = {
    "JaxvizError": "errors",
    "Model": "model",
    "ModelFileError": "errors",
    "Recipe": "recipes",
    "Visualization": "visualization",
    "default_model": "default",
    "deferred": "deferral",
    "visualize": "visualization",
}


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module 'jaxviz' has no attribute {name!r}")
    module = importlib.import_module(f"jaxviz.{_HOMES.get(name, name)}")
    value = getattr(module, name) if name in _HOMES else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
