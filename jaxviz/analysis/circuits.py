"""Circuits: model + objective + layers -> the units that an answer comes from, back through the layers."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Array, Float, Int
from matplotlib.figure import Figure

from jaxviz.analysis.attribution import attribution
from jaxviz.analysis.paths import Path, paths
from jaxviz.analysis.weights import attribution_between, weights_between, weights_to
from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective, channel
from jaxviz.objectives.arguments import layer_with_channels
from jaxviz.objectives.expressions import objective_of
from jaxviz.pictures.graphs import graph
from jaxviz.pictures.tiles import tiles
from jaxviz.recipes import Recipe
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization, visualize

__all__ = ["Circuit", "circuit"]

_METHOD, _STEPS = "integrated", 16  # a gradient alone says nothing of a unit that is saturated


@dataclasses.dataclass(frozen=True, kw_only=True)
class Circuit:
    """An answer, and the units of some layers that it comes from.

    Attributes:
      layers: the names of the layers, the one nearest to the answer first.
      units: the units of each layer, those that carry most first.
      shares: how much of each unit of a layer, or of the answer, comes from each unit of the layer before,
        ``[targets, sources]`` for each layer: above 0 what excites, below 0 what inhibits. Over all units of a layer
        the sizes sum to 1.
      pictures: of the answer, and of the units of each layer.
    """

    layers: tuple[str, ...]
    units: tuple[Int[np.ndarray, " _"], ...]
    shares: tuple[Float[np.ndarray, "_ _"], ...]
    pictures: tuple[Visualization, ...]

    def paths(self, count: int = 8) -> tuple[Path, ...]:
        """Returns the strongest ways back from the answer.

        Each has a unit of each layer, and the share of the answer that comes this way.
        """
        found = paths(self.shares, 0, count)
        named = [tuple(int(self.units[at][place]) for at, place in enumerate(path.units[1:])) for path in found]
        return tuple(dataclasses.replace(path, units=units) for path, units in zip(found, named, strict=True))

    def figure(self) -> Figure:
        """Draws a graph of pictures, the earliest layer on the left and the answer on the right."""
        answer = self.pictures[0].labels[0]
        captions = [[answer], *([str(unit) for unit in units] for units in self.units)]
        return graph(
            [tiles(pictures) for pictures in reversed(self.pictures)],
            list(reversed(self.shares)),
            captions=captions[::-1],
            titles=["", *self.layers][::-1],
        )


def circuit(
    model: Model,
    objective: Objective | Callable[[Activations], Float[Array, ""]] | str,
    through: str | Sequence[str],
    *,
    images: Float[Array | np.ndarray, "images ..."] | None = None,
    count: int = 4,
    recipe: str | Recipe | None = None,
    steps: int | None = None,
    key: Array | None = None,
    progress: Callable[[int], None] | None = None,
) -> Circuit:
    """Finds the units that an answer comes from, in a layer, in the layer before it, and so on, and their pictures.

    Of each layer those units are kept that carry most of what was kept so far: the largest sums of shares, whatever
    their sign. Without images a share is one of the weights (`weights_to`, `weights_between`), so it says what the
    network would do with any image. With images it is one of the attribution on them (`attribution`,
    `attribution_between`) by integrated gradients, so a unit that is never active there has none. Where a network has
    connections that skip a layer, only what comes through the layer counts; layers that nothing skips tell most.

    Source: Olah et al., "Zoom In: An Introduction to Circuits", Distill 2020,
    https://distill.pub/2020/circuits/zoom-in

    Args:
      model: the network.
      objective: the answer, such as ``class_logit(3)``; as of `jaxviz.visualize`.
      through: the names of layers, in any order.
      images: ``[images, *canvas.shape]`` in the canvas's range.
      count: how many units of each layer are kept.
      recipe: how to climb; the one that suits the model when None.
      steps: how many steps are made; the recipe's own number when None.
      key: the key of all random draws, ``jax.random.key(0)`` when None.
      progress: called after the pictures of each layer with their number.

    Raises:
      JaxvizError: there is more than one answer, or no layer, a layer has no channels, or what comes after it does not
        depend on it.

    Example:
      >>> import jaxviz
      >>> model = jaxviz.default_model()
      >>> found = circuit(model, "logit(3)", ["conv2d_2", "conv2d_3", "conv2d_4"], count=2, steps=2)
      >>> found.layers, [share.shape for share in found.shares]
      (('conv2d_4', 'conv2d_3', 'conv2d_2'), [(1, 2), (2, 2), (2, 2)])
    """
    resolved = objective_of(objective).resolve(model)
    if len(resolved.labels()) != 1 or resolved.group > 1:
        raise JaxvizError(f"{len(resolved.labels())} objectives of {resolved.group} images; a circuit is of one")
    layers = _ordered(model, [through] if isinstance(through, str) else through)
    if count < 1:
        raise JaxvizError(f"count of {count}: give how many units of each layer, 1 or more")
    kept: list[np.ndarray] = []
    shares: list[np.ndarray] = []
    carried = np.ones(1)
    for place, layer in enumerate(layers):
        if place:
            whole = _between(model, layer, layers[place - 1], images, kept[-1])
        elif images is None:
            whole = weights_to(model, resolved, layer)[None]
        else:
            whole = attribution(model, resolved, images, layer, method=_METHOD, steps=_STEPS).units.mean(axis=0)[None]
        whole = whole / np.maximum(np.abs(whole).sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        flow = carried @ np.abs(whole)
        strongest = np.argsort(-flow, kind="stable")[:count]
        kept.append(strongest)
        shares.append(whole[:, strongest])
        carried = flow[strongest]
    pictures = []
    for asked in (resolved, *(channel(layer, units) for layer, units in zip(layers, kept, strict=True))):
        pictures.append(visualize(model, asked, recipe, key=key, steps=steps))
        if progress is not None:
            progress(len(pictures[-1]))
    return Circuit(layers=tuple(layers), units=tuple(kept), shares=tuple(shares), pictures=tuple(pictures))


def _ordered(model: Model, names: Sequence[str]) -> list[str]:
    """Returns layers with channels, the last to be computed first."""
    places = {layer.name: place for place, layer in enumerate(model.layers)}
    wanted = {layer_with_channels(model, name).name for name in names}
    if not wanted:
        raise JaxvizError("no layer to go through; name one or more")
    return sorted(wanted, key=lambda name: -places[name])


def _between(
    model: Model, source: str, target: str, images: Float[Array | np.ndarray, "images ..."] | None, units: np.ndarray
) -> Float[np.ndarray, "targets sources"]:
    if images is None:
        return weights_between(model, source, target, units=units).weights
    return attribution_between(model, source, target, images, units=units, method=_METHOD, steps=_STEPS)
