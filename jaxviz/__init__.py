"""jaxviz shows what the units of a neural network look for.

Data flows one way: Keras file, Flax module or JAX function -> model; model + objectives + recipe + key -> ascent ->
visualization -> report and figures.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxviz import (
        animations,
        checkpoints,
        exports,
        figures,
        images,
        keras,
        objectives,
        optimizers,
        parameterizations,
        penalties,
        recipes,
        testing,
        transforms,
    )
    from jaxviz.default import default_model
    from jaxviz.deferral import deferred
    from jaxviz.ensembles import ensemble
    from jaxviz.errors import JaxvizError, ModelFileError
    from jaxviz.functions import from_function
    from jaxviz.galleries import gallery
    from jaxviz.linen import from_linen
    from jaxviz.model import Model
    from jaxviz.nnx import from_nnx
    from jaxviz.preprocessing import Preprocessing
    from jaxviz.recipes import Recipe
    from jaxviz.reporting import report
    from jaxviz.reports import Report
    from jaxviz.sweeps import Sweep, sweep
    from jaxviz.visualization import Visualization, visualize

__all__ = [
    "JaxvizError",
    "Model",
    "ModelFileError",
    "Preprocessing",
    "Recipe",
    "Report",
    "Sweep",
    "Visualization",
    "animations",
    "checkpoints",
    "default_model",
    "deferred",
    "ensemble",
    "exports",
    "figures",
    "from_function",
    "from_linen",
    "from_nnx",
    "gallery",
    "images",
    "keras",
    "objectives",
    "optimizers",
    "parameterizations",
    "penalties",
    "recipes",
    "report",
    "sweep",
    "testing",
    "transforms",
    "visualize",
]

# Where each public name lives. It is imported when first used, so that `jaxviz --help` does not wait for JAX.
_HOMES = {
    "JaxvizError": "errors",
    "Model": "model",
    "ModelFileError": "errors",
    "Preprocessing": "preprocessing",
    "Recipe": "recipes",
    "Report": "reports",
    "Sweep": "sweeps",
    "Visualization": "visualization",
    "default_model": "default",
    "deferred": "deferral",
    "ensemble": "ensembles",
    "from_function": "functions",
    "from_linen": "linen",
    "from_nnx": "nnx",
    "gallery": "galleries",
    "report": "reporting",
    "sweep": "sweeps",
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
