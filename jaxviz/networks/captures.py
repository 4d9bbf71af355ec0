"""Captures: the outputs of the modules of a Flax network in one run, by their paths -> a reading."""

import functools
from collections.abc import Callable, Iterator, Mapping, Set
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, PyTree

from jaxviz.networks.readings import Picker, Reading

__all__ = ["INPUT", "OUTPUT", "ModulePath", "own_group", "pick", "reading_of"]

ModulePath = tuple[str, ...]
Slicer = Callable[[Array, Array], Array]

OUTPUT = "__call__"
"""The name under which a module's output is stored."""
INPUT = "__input__"
"""The name under which a module's input is stored, if one channel of it can be computed alone."""


def reading_of(
    captured: Mapping,
    returned: PyTree,
    kinds: Mapping[ModulePath, str],
    learned: Set[ModulePath],
    slicers: Mapping[ModulePath, Slicer],
) -> Reading:
    """Names all activations of a run.

    The name of a module's output is its path, ``block/Conv_0``. A sown value has the module's path and its own name.
    The second call of a module has a number, ``block/Conv_0#2``. An array in a structure has the path to it.

    Args:
      captured: ``{module: {…, OUTPUT: (a value a call, …), INPUT: (…)}, sown name: (…)}``.
      returned: the value that the network returns.
      kinds: path -> the class of the module.
      learned: the paths of modules whose units have weights of their own.
      slicers: path -> ``(input, index) -> one channel``, of the modules that have one.
    """
    values: dict[str, Array] = {}
    named_kinds: dict[str, str] = {}
    named_learned: set[str] = set()
    pickers: dict[str, Picker] = {}
    inputs = {sown.path: sown.calls for sown in _sown(captured) if sown.name == INPUT}
    for path, name, calls in _sown(captured):
        if name == INPUT or (name == OUTPUT and not path):
            continue
        base = "/".join(path if name == OUTPUT else (*path, name))
        for count, value in enumerate(calls):
            for inside, array in _arrays(value):
                full = (base if count == 0 else f"{base}#{count + 1}") + inside
                values[full] = array
                if name == OUTPUT:
                    named_kinds[full] = kinds[path]
                    if path in learned:
                        named_learned.add(full)
                if name == OUTPUT and not inside and path in slicers and len(inputs.get(path, ())) == len(calls):
                    pickers[full] = functools.partial(slicers[path], inputs[path][count])
    outputs: list[str] = []
    for inside, array in _arrays(returned):
        name = "output" + inside
        while name in values:
            name += "#2"
        values[name], named_kinds[name] = array, kinds[()]
        outputs.append(name)
    return Reading(values, outputs, named_kinds, named_learned, pickers)


def pick(array: Array | np.ndarray, index: Array, axis: int = -1) -> Array:
    """Takes one channel of an array; its axis stays, with length 1."""
    return lax.dynamic_slice_in_dim(array, index, 1, axis=axis)


def own_group(x: Array, index: Array, *, features: int, groups: int) -> Array:
    """Takes the input channels that output channel ``index`` of a grouped convolution reads."""
    inputs = x.shape[-1] // groups
    return lax.dynamic_slice_in_dim(x, index // (features // groups) * inputs, inputs, axis=-1)


class _Sown(NamedTuple):
    path: ModulePath
    name: str
    calls: tuple


def _sown(captured: Mapping, path: ModulePath = ()) -> Iterator[_Sown]:
    """Yields what was left, of inner modules first."""
    for name, value in captured.items():
        if isinstance(value, Mapping):
            yield from _sown(value, (*path, str(name)))
    for name, value in captured.items():
        if not isinstance(value, Mapping):
            yield _Sown(path, str(name), value if isinstance(value, tuple) else (value,))


def _arrays(value: PyTree) -> Iterator[tuple[str, Array]]:
    """Yields the arrays of floating point numbers inside a value, each with the way to it, such as ``/0``."""
    for keys, leaf in jax.tree_util.tree_leaves_with_path(value):
        if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating):
            yield "".join(f"/{jax.tree_util.keystr((key,), simple=True)}" for key in keys), leaf
