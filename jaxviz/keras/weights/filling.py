"""Filling: the weights of a Keras file -> the arrays of an existing tree of Flax variables."""

import collections
import re
from collections.abc import Mapping, Sequence

import flax.traverse_util
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from jaxviz.keras.weights.flat_weights import FlatLayer, flatten
from jaxviz.keras.weights.matching import match
from jaxviz.keras.weights.stored import NamedWeights, StoredModel
from jaxviz.keras.weights.wanted import Findings, Wanted
from jaxviz.keras.weights.weight_names import parts, same_part
from jaxviz.values.errors import ModelFileError

__all__ = ["fill"]

_Path = tuple[str, ...]
_COLLECTIONS = ("params", "batch_stats")

# Flax's name of a variable -> Keras's, in the order in which Keras lists them.
_NORMALIZATION = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}
_STATISTICS = {"mean": "mean", "var": "variance", "count": "count"}  # of the layer Normalization
_OTHERS = {"depthwise_kernel": "depthwise_kernel", "pointwise_kernel": "pointwise_kernel", "kernel": "kernel"}
_OTHERS |= {"embedding": "embeddings", "bias": "bias"}


def fill(stored: StoredModel, variables: PyTree) -> PyTree:
    """Puts the weights of a file into a tree of variables.

    Where all layers of the file are called as the modules of the tree, the names tell where each belongs. Else each
    goes to the one module that takes arrays of its shapes; several that take the same are told apart by their numbers
    (``Conv_0``, ``Conv_1``), which go with the numbers of the file's layers or else with the order of those.

    Args:
      stored: the file.
      variables: ``{"params": {module: {"kernel": …}}}``, as Linen's ``init`` returns it.

    Returns:
      A tree of the same structure and shapes, float32.

    Raises:
      ModelFileError: weights are missing, left over or of other shapes, or may go to more than one module.
    """
    _check_layout(stored)
    flat = flax.traverse_util.flatten_dict(variables)
    places = _places(flat)
    wanted = {
        scope: Wanted(scope=scope, kind="", weights=tuple((name, flat[path].shape) for name, path in names.items()))
        for scope, names in places.items()
    }
    layers = flatten(stored.weights)
    findings = Findings()
    pairs = _by_name(wanted, layers) or _by_shape(wanted, layers, findings)
    findings.finish(stored.path)
    named = NamedWeights(layers={scope: layer.arrays for scope, layer in pairs.items()})
    found = match(
        StoredModel(path=stored.path, config=None, weights=named, backend="", keras_version=""), list(wanted.values())
    )
    filled = dict(flat)
    for scope, names in places.items():
        for name, path in names.items():
            filled[path] = _formed(found[scope][name], flip=stored.backend == "theano")
    return flax.traverse_util.unflatten_dict(filled)


def _places(flat: Mapping[_Path, Array]) -> dict[str, dict[str, _Path]]:
    """Returns module -> Keras's name of a weight -> where it stands, in Keras's order."""
    modules: dict[str, dict[str, _Path]] = collections.defaultdict(dict)
    for path in flat:
        if path[0] in _COLLECTIONS:
            modules["/".join(path[1:-1])][path[-1]] = path
    places = {}
    for module, names in modules.items():
        normalizes = {"scale", "mean"} & names.keys()
        keras_names = _STATISTICS if "count" in names else _NORMALIZATION if normalizes else _OTHERS
        ranks = {name: place for place, name in enumerate(keras_names)}
        ordered = sorted(names, key=lambda name: ranks.get(name, len(ranks)))
        if len(names) > 1 and len(ranks) in [ranks.get(name, len(ranks)) for name in names]:
            raise ModelFileError(
                f"module {module!r} has {', '.join(names)}, in no order of Keras; assign them yourself"
            )
        places[module] = {keras_names.get(name, name): names[name] for name in ordered}
    return places


def _formed(array: np.ndarray, *, flip: bool) -> Array:
    return jnp.asarray(array[::-1, ::-1] if flip and array.ndim == 4 else array, jnp.float32)


def _check_layout(stored: StoredModel) -> None:
    """Refuses convolutions of Keras 1: ``(3, 3, 3, 3)`` may be of either layout, and only an architecture tells."""
    layers = stored.weights.layers.values() if isinstance(stored.weights, NamedWeights) else ()
    if any(array.ndim == 4 and parts(name)[-1] == "W" for arrays in layers for name, array in arrays.items()):
        raise ModelFileError(f"{stored.path} is of Keras 1; give its architecture: load(path, architecture=…)")


def _by_name(wanted: Mapping[str, Wanted], layers: Sequence[FlatLayer]) -> dict[str, FlatLayer]:
    """Pairs modules and layers where they are called alike, all of them."""
    names = {_canonical(scope): scope for scope in wanted}
    found = {names[name]: layer for layer in layers if (name := _canonical(layer.name)) in names}
    return found if len(found) == len(layers) == len(wanted) and all(layer.noted for layer in layers) else {}


def _canonical(name: str) -> str:
    return "/".join(min(same_part(part), key=len) if part.endswith("_dense") else part for part in name.split("/"))


def _by_shape(wanted: Mapping[str, Wanted], layers: Sequence[FlatLayer], findings: Findings) -> dict[str, FlatLayer]:
    """Pairs modules and layers of the same shapes, by number where there are several."""
    sorts: dict[tuple, list[str]] = collections.defaultdict(list)
    for scope, want in wanted.items():
        sorts[tuple(shape for _, shape in want.weights)].append(scope)
    pairs: dict[str, FlatLayer] = {}
    rest = list(layers)
    for shapes, scopes in sorts.items():
        fitting = [layer for layer in rest if tuple(array.shape for array in layer.arrays.values()) == shapes]
        rest = [layer for layer in rest if not any(layer is other for other in fitting)]
        for scope in scopes[len(fitting) :]:
            findings.missing(wanted[scope].slots)
        for layer in fitting[len(scopes) :]:
            findings.superfluous(layer.name, layer.arrays)
        counted = _alike([layer.name for layer in fitting])
        in_order = counted or _alike([layer.group for layer in fitting])
        if len(fitting) == len(scopes) > 1 and not (in_order and _alike(scopes)):
            findings.refuse(
                f"{', '.join(scopes)} take weights of the same shapes; give them the names of the file's layers"
            )
        ordered = sorted(fitting, key=lambda layer: _numbers(layer.name)) if counted else fitting
        pairs.update(zip(sorted(scopes, key=_numbers), ordered, strict=False))
    for layer in rest:
        findings.superfluous(layer.name, layer.arrays)
    return pairs


def _alike(scopes: Sequence[str]) -> bool:
    """Says whether names differ in their numbers alone, so that these are their order."""
    return len({re.sub(r"\d+", "", scope) for scope in scopes}) == 1


def _numbers(scope: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", scope)]
