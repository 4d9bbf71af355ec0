"""Weights: model + two layers -> how strongly each unit of one excites or inhibits each unit of the other."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxviz.analysis.attribution import attribution
from jaxviz.networks.cuts import cut
from jaxviz.networks.model import Model
from jaxviz.objectives import Indices, Objective, channel
from jaxviz.objectives.arguments import indices, layer_with_channels, whole_numbers

__all__ = ["WeightsBetween", "attribution_between", "weights_between", "weights_to"]

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


def weights_to(
    model: Model, objective: Objective, source: str, *, key: Array | None = None
) -> Float[np.ndarray, " sources"]:
    """Returns the weights from the units of a layer to an objective, such as a class.

    They are what the objective gains along the linear path where a unit is stronger by 1 at every position. Where the
    path is not linear, as of an objective that is a softmax, the mean over random activations is taken.

    Args:
      model: the network.
      objective: one, of one image.
      source: the layer's name.
      key: of the random activations, ``jax.random.key(0)`` when None.

    Raises:
      JaxvizError: the layer has no channels, or the objective does not depend on it.

    Example:
      >>> import jaxviz
      >>> weights_to(jaxviz.default_model(), jaxviz.objectives.class_logit(3), "dense_2").shape
      (1024,)
    """
    layer = layer_with_channels(model, source)
    keys = jax.random.split(jax.random.key(0) if key is None else key, _DRAWS)
    gained = np.asarray(_gradient(model, objective.resolve(model).one(), keys, source))
    gained = gained if layer.channel_axis in (None, -1) else np.moveaxis(gained, layer.channel_axis, -1)
    return gained.reshape(-1, gained.shape[-1]).sum(axis=0)


def attribution_between(
    model: Model,
    source: str,
    target: str,
    images: Float[Array | np.ndarray, "images ..."],
    *,
    units: Indices = None,
    method: str = "gradient",
    steps: int = 32,
) -> Float[np.ndarray, "targets sources"]:
    """Returns how much of each unit of a layer comes from each unit of an earlier one, on average over images.

    It is the mean of `attribution` of the unit's mean over positions: what the weights come to on real images,
    activation functions and all.

    Args:
      model: the network.
      source: the name of the earlier layer.
      target: the name of the later layer.
      images: ``[images, *canvas.shape]`` in the canvas's range.
      units: of the target; all when None.
      method: as of `attribution`.
      steps: as of `attribution`.

    Raises:
      JaxvizError: a layer has no channels, a unit is out of range, or the target does not depend on the source.
    """
    after = [layer_with_channels(model, name) for name in (source, target)][-1]
    chosen = indices(whole_numbers(units), after.channels or 0, f"unit of {target!r}")
    found = [attribution(model, channel(target, int(k)), images, source, method=method, steps=steps) for k in chosen]
    return np.stack([of_unit.units.mean(axis=0) for of_unit in found])


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


@partial(jax.jit, static_argnames="source")
def _gradient(model: Model, objective: Objective, keys: Array, source: str) -> Array:
    halves = cut(model, source, objective, jnp.zeros(model.canvas.shape), linear=True)
    shape = model.layer(source).output_shape
    return jax.lax.map(lambda key: jax.grad(halves.rest)(jax.random.normal(key, shape)), keys).mean(axis=0)


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
