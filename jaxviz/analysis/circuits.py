"""Circuits: model + two layers -> how strongly each unit of one excites or inhibits each unit of the other."""

import dataclasses
import itertools
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.analysis.attribution import attribution
from jaxviz.networks.cuts import cut
from jaxviz.networks.model import Model
from jaxviz.objectives import Indices, channel
from jaxviz.objectives.arguments import indices, layer_with_channels, whole_numbers
from jaxviz.values.errors import JaxvizError

__all__ = ["Path", "WeightsBetween", "attribution_between", "paths", "weights_between"]

_DRAWS = 16  # of activations, where the path between two layers is not linear by itself
_SAME = 1e-4  # two kernels that differ by no more, of the largest weight, are one


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightsBetween:
    """How one layer acts on another.

    Attributes:
      source: the name of the earlier layer.
      target: the name of the later layer.
      kernel: ``[targets, *positions, sources]``: what one number of the source adds to a unit of the target at its
        central position. The positions are those of the source that reach it.
      is_linear: whether the path is linear once activation functions are passed by; else the kernel is the mean of
        several, which differ in what max-pooling and the like let through.
    """

    source: str
    target: str
    kernel: Float[np.ndarray, "targets ... sources"]
    is_linear: bool

    @property
    def weights(self) -> Float[np.ndarray, "targets sources"]:
        """The sum of the kernel over positions: what the source adds where it is active everywhere."""
        return self._over_positions(self.kernel)

    @property
    def excitation(self) -> Float[np.ndarray, "targets sources"]:
        """The sum of the weights above 0."""
        return self._over_positions(np.maximum(self.kernel, 0))

    @property
    def inhibition(self) -> Float[np.ndarray, "targets sources"]:
        """The sum of the weights below 0."""
        return self._over_positions(np.minimum(self.kernel, 0))

    def _over_positions(self, kernel: np.ndarray) -> np.ndarray:
        return kernel.reshape(len(kernel), -1, kernel.shape[-1]).sum(axis=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Path:
    """A way from a unit back through earlier layers.

    Attributes:
      units: the units, the last layer's first.
      weight: the product of the weights between them.
    """

    units: tuple[int, ...]
    weight: float


def weights_between(
    model: Model, source: str, target: str, *, units: Indices = None, key: Array | None = None
) -> WeightsBetween:
    """Returns the weights from the units of a layer to those of a later one; of classes, to what their softmax is of.

    Between adjacent layers they are the kernel, with strides, groups and batch normalization as the network applies
    them. Between layers farther apart they are the expanded weights: those of the linear path between the layers, in
    which activation functions pass on what they are given. Max-pooling has no linear path; the mean over what it lets
    through of random activations is taken.

    Sources: Voss et al., "Visualizing Weights", Distill 2021, https://distill.pub/2020/circuits/visualizing-weights;
    Olah et al., "Zoom In: An Introduction to Circuits", Distill 2020, https://distill.pub/2020/circuits/zoom-in

    Args:
      model: the network.
      source: the name of the earlier layer.
      target: the name of the later layer.
      units: of the target; all when None.
      key: of the random activations, ``jax.random.key(0)`` when None.

    Raises:
      JaxvizError: a layer has no channels, a unit is out of range, or the target does not depend on the source.

    Example:
      >>> import jaxviz
      >>> found = weights_between(jaxviz.default_model(), "conv2d_1", "conv2d_2", units=[3, 5])
      >>> found.kernel.shape, found.weights.shape, found.is_linear
      ((2, 3, 3, 32), (2, 32), True)
    """
    before, after = (layer_with_channels(model, name) for name in (source, target))
    chosen = indices(whole_numbers(units), after.channels or 0, f"unit of {target!r}")
    keys = jax.random.split(jax.random.key(0) if key is None else key, _DRAWS)
    first, second = (_kernel(model, one, chosen, source, target) for one in keys[:2])
    largest = max(np.abs(first).max(), np.finfo(np.float32).tiny)
    is_linear = bool(np.abs(first - second).max() <= _SAME * largest)
    kernel = (
        first
        if is_linear
        else np.mean([first, second, *(_kernel(model, k, chosen, source, target) for k in keys[2:])], 0)
    )
    axis = before.channel_axis
    if axis not in (None, -1):
        kernel = np.moveaxis(kernel, axis + 1, -1)
    return WeightsBetween(source=source, target=target, kernel=_cropped(kernel), is_linear=is_linear)


def attribution_between(
    model: Model, source: str, target: str, images: Float[Array | np.ndarray, "images ..."], *, units: Indices = None
) -> Float[np.ndarray, "targets sources"]:
    """Returns how much of each unit of a layer comes from each unit of an earlier one, on average over images.

    It is the mean of `attribution`, gradient times activation, of the unit's mean over positions: what the weights
    come to on real images, activation functions and all.

    Args:
      model: the network.
      source: the name of the earlier layer.
      target: the name of the later layer.
      images: ``[images, *canvas.shape]`` in the canvas's range.
      units: of the target; all when None.

    Raises:
      JaxvizError: a layer has no channels, a unit is out of range, or the target does not depend on the source.
    """
    after = [layer_with_channels(model, name) for name in (source, target)][-1]
    chosen = indices(whole_numbers(units), after.channels or 0, f"unit of {target!r}")
    return np.stack([attribution(model, channel(target, int(k)), images, source).units.mean(axis=0) for k in chosen])


def paths(weights: Sequence[np.ndarray], unit: int, count: int = 8) -> tuple[Path, ...]:
    """Finds the strongest ways from a unit back through several layers: those with the largest products of weights.

    Args:
      weights: of each step back, ``[targets, sources]``, the unit's own layer first: `WeightsBetween.weights` of all
        units of a layer, or `attribution_between`. The sources of one step are the targets of the next.
      unit: of the last layer.
      count: how many ways.

    Returns:
      The ways, the strongest first, fewer where there are fewer.

    Raises:
      JaxvizError: the steps do not go together, or the unit is out of range.

    Example:
      >>> back = paths([np.array([[1.0, -3.0]]), np.array([[2.0, 0.5], [1.0, -1.0]])], unit=0, count=2)
      >>> [(path.units, path.weight) for path in back]
      [((0, 1, 0), -3.0), ((0, 1, 1), 3.0)]
    """
    if not len(weights) or count < 1:
        raise JaxvizError(f"{len(weights)} steps and {count} paths: give one or more of each")
    for place, (step, following) in enumerate(itertools.pairwise(weights)):
        if step.shape[1] != len(following):
            raise JaxvizError(
                f"step {place} ends at {step.shape[1]} units and step {place + 1} begins at {len(following)}; give the "
                "weights of all units of each layer between"
            )
    if not 0 <= unit < len(weights[0]):
        raise JaxvizError(f"unit {unit} is out of range; there are 0 to {len(weights[0]) - 1}")
    # The best ways to each unit are made of the best ways to those behind it, since lengths multiply.
    reached: dict[int, list[Path]] = {unit: [Path(units=(unit,), weight=1.0)]}
    for step in weights:
        onward: dict[int, list[Path]] = {}
        for place, ways in reached.items():
            for source in np.flatnonzero(step[place]):
                onward.setdefault(int(source), []).extend(
                    Path(units=(*way.units, int(source)), weight=way.weight * float(step[place, source]))
                    for way in ways
                )
        reached = {source: _best(ways, count) for source, ways in onward.items()}
    return tuple(_best([way for ways in reached.values() for way in ways], count))


def _best(ways: list[Path], count: int) -> list[Path]:
    return sorted(ways, key=lambda way: (-abs(way.weight), way.units))[:count]


@partial(jax.jit, static_argnames=("source", "target"))
def _kernels(model: Model, key: Array, units: Array, source: str, target: str) -> Array:
    layer, after = model.layer(source), model.layer(target)
    middle = jnp.zeros(model.canvas.shape)
    read = model.logits if target == model.output else target

    def centres(activations) -> Array:
        values = activations[read]
        values = values if after.channel_axis in (None, -1) else jnp.moveaxis(values, after.channel_axis, -1)
        return values[tuple(side // 2 for side in values.shape[:-1])]

    halves = cut(model, source, centres, middle, linear=True)
    drawn = jax.random.normal(key, layer.output_shape)
    _, pull_back = jax.vjp(halves.rest, drawn)

    def of_unit(unit: Array) -> Array:
        (gradient,) = pull_back(jax.nn.one_hot(unit, after.channels or 0))
        return gradient

    return jax.lax.map(of_unit, units)


def _kernel(model: Model, key: Array, units: np.ndarray, source: str, target: str) -> np.ndarray:
    return np.asarray(_kernels(model, key, jnp.asarray(units), source, target))


def _cropped(kernel: Float[np.ndarray, "targets ... sources"]) -> Float[np.ndarray, "targets ... sources"]:
    """Leaves out the positions at the sides from which nothing comes."""
    for axis in range(1, kernel.ndim - 1):
        others = tuple(place for place in range(kernel.ndim) if place != axis)
        reached = np.flatnonzero(kernel.any(axis=others))
        first, last = (reached[0], reached[-1]) if len(reached) else (0, 0)
        kernel = np.take(kernel, np.arange(first, last + 1), axis=axis)
    return kernel
