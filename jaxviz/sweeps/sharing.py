"""Sharing: a layer of a sweep -> the layers whose pictures are of the same program."""

from collections.abc import Sequence

from jaxviz.networks.model import Model
from jaxviz.objectives.choices import is_alike
from jaxviz.sweeps.aspects import objective_of
from jaxviz.sweeps.swept_layers import SweptLayer

__all__ = ["is_possible", "together"]

# JAX traces each exit of a program inside the one before it. With 32 layers that still works at Python's usual limit of
# recursion, with 49 it does not.
_MOST = 16


def together(model: Model, layers: Sequence[SweptLayer], layer: SweptLayer, aspect: str) -> tuple[str, ...]:
    """Returns the names of the layers that one program serves, in the order of the network; none for a program alone.

    A program for several layers takes hardly longer to compile than that of the deepest of them, and leaves each image
    as early as the layer's own program does, see `jaxviz.networks.exits`. Images that differ have programs of their
    own, and so have layers whose objective is of another kind, such as the log-odds of classes.

    Args:
      model: the network.
      layers: all layers of the sweep.
      layer: one of them.
      aspect: what kind of picture.
    """
    if aspect == "diversity":
        return ()
    objectives = {one.name: objective_of(model, one.name, aspect, diversity=0, reached=None) for one in layers}
    alike = [name for name, objective in objectives.items() if is_alike(objectives[layer.name], objective)]
    programs = -(-len(alike) // _MOST)
    parts = [alike[len(alike) * place // programs : len(alike) * (place + 1) // programs] for place in range(programs)]
    own = next((part for part in parts if layer.name in part), [])
    return tuple(own) if len(own) > 1 else ()


def is_possible(model: Model, names: Sequence[str], layer: str, aspect: str) -> bool:
    """Tells whether one program could serve some layers, which were read from a file, one of them ``layer``."""
    if not names:
        return True
    known = {one.name for one in model.layers if one.channels}
    if aspect == "diversity" or layer not in names or not known.issuperset(names) or len({*names}) != len(names):
        return False
    first, *others = (objective_of(model, name, aspect, diversity=0, reached=None) for name in names)
    return len(names) <= _MOST and all(is_alike(first, other) for other in others)
