"""Bounds: an objective + a model -> what it reads beyond the ends of its layers, which JAX does not tell."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import checkify
from jaxtyping import Array, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.asking import Asked
from jaxviz.networks.model import Model
from jaxviz.objectives.base import Objective

__all__ = ["beyond"]


def beyond(objective: Objective, model: Model, count: int) -> str | None:
    """Says which index of a batch of objectives is out of range; None where all are within it.

    ``activations[layer][..., 99]`` of 64 channels is the last of them: what is compiled cannot fail. Here each index is
    checked with its value.

    Args:
      objective: a resolved batch.
      model: the network.
      count: how many objectives the batch has.
    """
    image = jax.ShapeDtypeStruct(model.canvas.shape, jnp.float32)
    names: dict[str, None] = {}
    first = _question(objective.one())
    jax.eval_shape(
        lambda image: model.ask(image, lambda found: first(Asked(_Noted(found, names), model.layers))), image
    )
    read = jax.jit(lambda image: model.ask(image, lambda found: {name: found[name] for name in names}))
    middle = (model.canvas.low + model.canvas.high) / 2
    given = Asked(_Given(read(jnp.full(model.canvas.shape, middle, jnp.float32)), _axes(model)), model.layers)
    rows = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (count, *leaf.shape[1:])), objective)
    scored = jax.vmap(lambda one: _question(one)(given), axis_size=count)
    error, _ = checkify.checkify(scored, errors=checkify.index_checks)(rows)
    found = error.get()
    return None if found is None else found.partition("\n")[0].rstrip(" .")


def _question(objective: Objective) -> Callable[[Activations], PyTree]:
    return objective if objective.group == 1 else objective.read


def _axes(model: Model) -> dict[str, int]:
    axes = {}
    for layer in model.layers:
        for name in (layer.name, layer.preactivation):
            if name is not None and layer.channel_axis is not None:
                axes[name] = layer.channel_axis
    return axes


class _Noted:
    """Activations that note which layers are asked for."""

    def __init__(self, activations: Activations, names: dict[str, None]):
        self._activations = activations
        self._names = names

    def __getitem__(self, layer: str, /) -> Array:
        found = self._activations[layer]
        self._names[layer] = None
        return found

    def channel(self, layer: str, index: Array | np.ndarray, /) -> Array:
        self[layer]
        return self._activations.channel(layer, index)


class _Given:
    """Activations that are there."""

    def __init__(self, arrays: Mapping[str, Array], axes: Mapping[str, int]):
        self._arrays = arrays
        self._axes = axes

    def __getitem__(self, layer: str, /) -> Array:
        return self._arrays[layer]

    def channel(self, layer: str, index: Array | np.ndarray, /) -> Array:
        return lax.dynamic_slice_in_dim(self._arrays[layer], index, 1, axis=self._axes[layer])
