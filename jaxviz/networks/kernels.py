"""Kernels: the trace of any network -> the weights of a layer, and the channels of another that they sum over."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from jaxviz.networks.activations import Module
from jaxviz.networks.equations import Constant, Equation, Trace, trace_of
from jaxviz.networks.model import Model

__all__ = ["Summed", "summed"]

# What changes the places of numbers alone, or their type; those that can leave numbers out, or repeat them, where they
# do not.
_MOVING = {"reshape", "squeeze", "expand_dims", "transpose", "convert_element_type", "copy"}
_MOVING |= {"broadcast_in_dim", "slice", "dynamic_slice"}
_ADDING = {"add", "add_any", "sub"}
# What the channels are told apart at: before and behind activation functions that are open on one side, or only near 0.
_SCALES = (1.0, -1.0, 0.1, -0.1, 30.0, -30.0)
_CLOSE = 1e-3  # of a code; those of different channels lie 1 apart


class Summed(NamedTuple):
    """What a layer's weights are, and what they sum over.

    Attributes:
      layer: the layer whose channels they sum over.
      channels: for each input of the kernel, the channel that it belongs to.
      weights: ``[*positions, inputs of a group, units]``.
      groups: into how many groups the inputs are split.
    """

    layer: str
    channels: Int[np.ndarray, " inputs"]
    weights: np.ndarray
    groups: int


class _Product(NamedTuple):
    """A convolution or a matrix product of what a layer reads and its kernel."""

    image: int
    axis: int
    kernel: int
    order: tuple[int, ...]
    groups: int


def summed(model: Model, layer: str) -> Summed | None:
    """Finds the weights of a layer, and the nearest layer before whose channels they sum over.

    The layer must be one convolution or matrix product of what it reads, with or without a bias. Whose channels it
    reads is found by following each channel of the layers before through what stands between: whatever keeps channels
    apart is passed by.

    Returns:
      None where the layer is no such product, where it reads the image or several layers, or where channels are mixed.
    """
    network = _Network.of(model)
    product = network.product(layer)
    if product is None:
        return None
    weights = np.asarray(network.trace.compute(product.kernel, network.variables))
    weights = weights.transpose(product.order)
    for name in network.sources(product):
        channels = network.followed(name, product)
        if channels is not None:
            return Summed(name, channels, weights, product.groups)
    return None


@functools.lru_cache(maxsize=2)
def _traced(
    module: Module, names: tuple[str, ...], shape: tuple[int, ...], structure: jax.tree_util.PyTreeDef, leaves: tuple
) -> Trace:
    """Traces a network once for all of its layers; its variables are arguments of the trace."""
    variables = jax.tree.unflatten(structure, [jax.ShapeDtypeStruct(*leaf) for leaf in leaves])
    return trace_of(
        lambda variables, image: module.apply(
            variables, image, lambda activations: {name: activations[name] for name in names}
        ),
        variables,
        jax.ShapeDtypeStruct(shape, jnp.float32),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Network:
    """A network's trace, and where its layers are in it.

    Attributes:
      model: the network.
      trace: its trace; a function of variables and one image.
      variables: the values of the variables, by number.
      values: name of a layer -> the number of its output, before its axes are put in their order.
      names: the other way round, the first name of each.
    """

    model: Model
    trace: Trace
    variables: Mapping[int, Array]
    values: Mapping[str, int]
    names: Mapping[int, str]

    @classmethod
    def of(cls, model: Model) -> "_Network":
        leaves, structure = jax.tree.flatten(model.variables)
        shapes = tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)
        names = tuple(layer.name for layer in model.layers)
        trace = _traced(model.module, names, model.canvas.shape, structure, shapes)
        variables = dict(zip(trace.inputs, leaves, strict=False))
        outputs = {name: number for name, number in trace.outputs.items() if isinstance(number, int)}
        values = {name: _unmoved(trace, number) for name, number in outputs.items()}
        first: dict[int, str] = {}
        for name, number in values.items():
            first.setdefault(number, name)
        return cls(model, trace, variables, values, first)

    def product(self, layer: str) -> _Product | None:
        """Returns the product that a layer's output is, but for a bias."""
        number: int | None = self.values.get(layer)
        while number is not None and (equation := self.trace.givers.get(number)) is not None:
            if equation.name in ("conv_general_dilated", "dot_general"):
                found = self._convolution(equation) if equation.name[0] == "c" else self._dot(equation)
                units = self.model.layer(layer).channels
                return found if found and self.trace.shapes[found.kernel][found.order[-1]] == units else None
            read = [each for each in equation.reads if isinstance(each, int) and self._is_of_the_image(each)]
            passes = len(read) == 1 and (equation.name in _ADDING or _moved_by(self.trace, equation) is not None)
            number = read[0] if passes else None
        return None

    def sources(self, product: _Product) -> list[str]:
        """Returns the layers that a kernel may sum over, in their order; the last is the one that it reads."""
        chain: list[str] = []
        before = self.names.get(product.image) or self._made_of(product.image)
        while before is not None:
            chain.insert(0, before)
            before = None if self.product(before) else self._made_of(self.values[before])
        return chain

    def followed(self, name: str, product: _Product) -> np.ndarray | None:
        """Returns the channel of a layer that each input of a kernel belongs to; None where there is no such thing."""
        layer, source = self.model.layer(name), self.values[name]
        if layer.channel_axis is None or not layer.channels:
            return None
        shape, count = [1] * len(layer.output_shape), layer.channels
        shape[layer.channel_axis] = count
        draw = np.random.default_rng(0)
        codes = np.stack([np.ones(count), np.arange(count), draw.uniform(size=count)])
        spread = [np.broadcast_to(code.reshape(shape), layer.output_shape).astype(np.float32) for code in codes]
        number = self.trace.outputs[name]
        assert isinstance(number, int)
        if source == number:
            moved = [jnp.asarray(each) for each in spread]
        else:  # moving numbers about is undone by its transpose
            blank = jnp.zeros(self.trace.shapes[source], jnp.float32)
            pull = jax.vjp(lambda value: self.trace.compute(number, {**self.variables, source: value}), blank)[1]
            moved = [pull(jnp.asarray(each).reshape(self.trace.shapes[number]))[0] for each in spread]
        try:
            labels = self._labels(source, product.image, moved, codes[2])
        except KeyError:  # it reads the image, or another layer, as well
            return None
        return None if labels is None else _along(labels, product.axis, count)

    def _labels(self, source: int, target: int, codes: list[Array], drawn: np.ndarray) -> np.ndarray | None:
        """Returns the channel that each number of a value comes from, -1 where there is none; None for mixtures."""

        def between(value: Array) -> Array:
            return self.trace.compute(target, {**self.variables, source: value})

        labels = np.full(self.trace.shapes[target], -1)
        draw = np.random.default_rng(1).uniform(0.5, 1.5, self.trace.shapes[source]).astype(np.float32)
        for scale in _SCALES:
            push = jax.linearize(between, jnp.asarray(scale * draw))[1]
            ones, places, random = (np.asarray(push(code), np.float64) for code in codes)
            known = np.abs(ones) > 0
            with np.errstate(divide="ignore", invalid="ignore"):
                exact = places / ones
                found = np.where(known, np.rint(exact), 0)
                fits = (found >= 0) & (found < len(drawn)) & (np.abs(exact - found) < _CLOSE * max(1, len(drawn) / 8))
                found = np.where(fits, found, 0).astype(int)
                fits &= np.abs(random / ones - drawn[found]) < _CLOSE
            if (known & ~fits).any() or (~known & ((np.abs(places) > 0) | (np.abs(random) > 0))).any():
                return None
            if (known & (labels >= 0) & (labels != found)).any():
                return None
            labels = np.where(known, found, labels)
        return labels

    def _made_of(self, number: int) -> str | None:
        """Returns the one layer that a value is made of with no other between; None for none, several, or the image."""
        stop = frozenset(self.names) - {number}
        behind = self.trace.behind(number, stop)
        found = [self.names[each] for each in behind & stop]
        return found[0] if len(found) == 1 and self.trace.inputs[-1] not in behind else None

    def _is_of_the_image(self, number: int) -> bool:
        return number == self.trace.inputs[-1] or self.trace.inputs[-1] in self.trace.behind(number)

    def _convolution(self, equation: Equation) -> _Product | None:
        image, kernel = equation.reads
        dimensions = equation.params["dimension_numbers"]
        if isinstance(image, Constant) or isinstance(kernel, Constant) or self._is_of_the_image(kernel):
            return None
        feature, inputs, *positions = dimensions.rhs_spec
        axis = dimensions.lhs_spec[1]
        groups = int(equation.params["feature_group_count"])
        return _Product(image, axis, kernel, (*positions, inputs, feature), groups)

    def _dot(self, equation: Equation) -> _Product | None:
        (contracted, batch), sides = equation.params["dimension_numbers"], equation.reads
        for image, kernel in ((0, 1), (1, 0)):
            read, weights = sides[image], sides[kernel]
            if isinstance(read, Constant) or isinstance(weights, Constant) or self._is_of_the_image(weights):
                continue
            if any(batch) or len(contracted[kernel]) != 1 or len(self.trace.shapes[weights]) != 2:
                return None
            inputs = contracted[kernel][0]
            return _Product(read, contracted[image][0], weights, (inputs, 1 - inputs), 1)
        return None


def _unmoved(trace: Trace, number: int) -> int:
    """Returns the value that another is, but for the places of its numbers."""
    while (equation := trace.givers.get(number)) is not None and (read := _moved_by(trace, equation)) is not None:
        number = read
    return number


def _moved_by(trace: Trace, equation: Equation) -> int | None:
    """Returns the value whose numbers an equation puts elsewhere, each once; None where it does something else."""
    if equation.name not in _MOVING or not isinstance(equation.reads[0], int):
        return None
    before, after = (trace.shapes[number] for number in (equation.reads[0], equation.gives[0]))
    return equation.reads[0] if math.prod(before) == math.prod(after) else None


def _along(labels: np.ndarray, axis: int, count: int) -> np.ndarray | None:
    """Returns the labels along an axis; None where they are others at other positions, or there are none."""
    rows = np.moveaxis(labels, axis, 0)
    rows = rows.reshape(len(rows), -1)
    most = rows.max(axis=1)
    if ((rows >= 0) & (rows != most[:, None])).any():
        return None
    if (most < 0).any():  # a channel that nothing passes on, in a layer that keeps them in their places
        places = np.arange(len(most))
        return places if len(most) == count and ((most < 0) | (most == places)).all() else None
    return most
