"""jaxviz makes pictures of what the units of a neural network respond to.

Data flows in one direction: a Keras file, PyTorch or Flax module or JAX function becomes a model; model, objective,
recipe and key go into an ascent; the ascent returns a visualization; reports and figures show it.
"""

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from jaxviz.values.displays import Bar, Displayed, Views, show_with

if TYPE_CHECKING:
    from jaxviz import (
        analysis,
        keras,
        layers,
        objectives,
        parameterizations,
        penalties,
        recipes,
        testing,
        torch,
        transforms,
    )
    from jaxviz.galleries import gallery
    from jaxviz.keras.default import default_model
    from jaxviz.keras.live import from_keras
    from jaxviz.networks import checkpoints
    from jaxviz.networks.ensembles import ensemble
    from jaxviz.networks.functions import from_function
    from jaxviz.networks.linen import from_linen
    from jaxviz.networks.model import Model
    from jaxviz.networks.nnx import from_nnx
    from jaxviz.networks.preprocessing import Preprocessing
    from jaxviz.pictures import animations, exports, figures, images
    from jaxviz.pictures.live import Live
    from jaxviz.recipes import Recipe, optimizers
    from jaxviz.reports.report import Report
    from jaxviz.reports.reporting import report
    from jaxviz.sweeps import Sweep, relate, sweep
    from jaxviz.torch.modules import from_torch
    from jaxviz.values.deferral import deferred
    from jaxviz.values.errors import JaxvizError, JaxvizWarning, ModelFileError
    from jaxviz.visualization import Visualization, visualize

__all__ = [
    "JaxvizError",
    "JaxvizWarning",
    "Live",
    "Model",
    "ModelFileError",
    "Preprocessing",
    "Recipe",
    "Report",
    "Sweep",
    "Visualization",
    "analysis",
    "animations",
    "checkpoints",
    "default_model",
    "deferred",
    "ensemble",
    "exports",
    "figures",
    "from_function",
    "from_keras",
    "from_linen",
    "from_nnx",
    "from_torch",
    "gallery",
    "images",
    "keras",
    "layers",
    "objectives",
    "optimizers",
    "parameterizations",
    "penalties",
    "recipes",
    "relate",
    "report",
    "sweep",
    "testing",
    "torch",
    "transforms",
    "visualize",
]

# Where each public name is defined. A name is imported when it is first used, so that `jaxviz --help` does not wait for
# JAX.
_MODULES = {
    "animations": "jaxviz.pictures.animations",
    "checkpoints": "jaxviz.networks.checkpoints",
    "exports": "jaxviz.pictures.exports",
    "figures": "jaxviz.pictures.figures",
    "images": "jaxviz.pictures.images",
    "optimizers": "jaxviz.recipes.optimizers",
}
_OBJECTS = {
    "JaxvizError": "jaxviz.values.errors",
    "JaxvizWarning": "jaxviz.values.errors",
    "Live": "jaxviz.pictures.live",
    "Model": "jaxviz.networks.model",
    "ModelFileError": "jaxviz.values.errors",
    "Preprocessing": "jaxviz.networks.preprocessing",
    "Recipe": "jaxviz.recipes",
    "Report": "jaxviz.reports.report",
    "Sweep": "jaxviz.sweeps",
    "Visualization": "jaxviz.visualization",
    "default_model": "jaxviz.keras.default",
    "deferred": "jaxviz.values.deferral",
    "ensemble": "jaxviz.networks.ensembles",
    "from_function": "jaxviz.networks.functions",
    "from_keras": "jaxviz.keras.live",
    "from_linen": "jaxviz.networks.linen",
    "from_nnx": "jaxviz.networks.nnx",
    "from_torch": "jaxviz.torch.modules",
    "gallery": "jaxviz.galleries",
    "relate": "jaxviz.sweeps",
    "report": "jaxviz.reports.reporting",
    "sweep": "jaxviz.sweeps",
    "visualize": "jaxviz.visualization",
}


def __getattr__(name: str):
    if name in _OBJECTS:
        value = getattr(importlib.import_module(_OBJECTS[name]), name)
    elif name in __all__:
        value = importlib.import_module(_MODULES.get(name, f"jaxviz.{name}"))
    else:
        raise AttributeError(f"module 'jaxviz' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


def _html(value: Displayed) -> str:
    from jaxviz.pictures.notebooks import html

    return html(value)


def _bar(things: str) -> Bar | None:
    if not _in_notebook():
        return None
    from jaxviz.pictures.live import NotebookBar

    return NotebookBar(things)


def _watcher(total: int) -> Callable | None:
    if not _in_notebook():
        return None
    from jaxviz.pictures.live import Live

    return Live(total)


def _in_notebook() -> bool:
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


show_with(Views(_html, _bar, _watcher))
