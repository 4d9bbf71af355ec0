"""NNX: a user's NNX module -> a model."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import ClassVar

import flax.linen as nn
from flax import nnx
from jax import lax
from jaxtyping import Array, PyTree

from jaxviz.layers.convolution import conv_general_dilated
from jaxviz.networks import captures
from jaxviz.networks.model import Model
from jaxviz.networks.preprocessing import Preprocessing
from jaxviz.networks.readings import Reading, answer, model_of
from jaxviz.values.errors import JaxvizError

__all__ = ["from_nnx"]

_SLICED = (nnx.Conv, nnx.ConvTranspose, nnx.Linear)
_LEARNED = (*_SLICED, nnx.LinearGeneral, nnx.Einsum)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _NNXNetwork:
    """An NNX module without its variables as a network: equal to another of the same structure."""

    graph: nnx.GraphDef
    method: str
    keywords: tuple[tuple[str, object], ...]
    batched: ClassVar[bool] = True
    channel_axis: ClassVar[int] = -1  # as all of Flax's layers have it

    def apply(self, variables: PyTree, image: Array, question: Callable) -> PyTree:
        return answer(self, variables, image, question)

    def read(self, variables: PyTree, image: Array) -> Reading:
        # A copy, which belongs to the trace at hand: what is done to it, no one else sees.
        module = nnx.merge(self.graph, variables, copy=True)
        layers = {tuple(map(str, path)): layer for path, layer in nnx.iter_modules(module)}
        kinds = {path: type(layer) for path, layer in layers.items()}
        for path, layer in layers.items():
            if path:
                _watch(layer)

        def run(module: nnx.Module, images: Array) -> PyTree:
            keywords: dict = dict(self.keywords)
            return getattr(module, self.method)(images, **keywords)

        returned, left = nnx.capture(run, nnx.Intermediate)(module, image[None])
        slicers = {
            path: functools.partial(_one_channel, kinds[path], layer)
            for path, layer in layers.items()
            if _slices(kinds[path], layer)
        }
        names = {path: kind.__name__ for path, kind in kinds.items()}
        learned = {path for path, kind in kinds.items() if issubclass(kind, _LEARNED)}
        return captures.reading_of(nnx.to_pure_dict(left), returned, names, learned, slicers)


def from_nnx(
    module: nnx.Module,
    input_shape: Sequence[int],
    *,
    method: str = "__call__",
    channel_axis: int = -1,
    preprocessing: str | Preprocessing | None = None,
    output: str | None = None,
    logits: str | None = None,
    **keywords: object,
) -> Model:
    """Makes a model of an NNX module that takes a batch of images.

    The module is copied, and the copy is set to evaluation mode by ``module.eval()``: dropout does nothing, and batch
    normalization uses its learned statistics. Each submodule's output is a layer with the module's path as its name,
    such as ``block/conv``, and so is each value that is sown as ``nnx.Intermediate``. One channel of ``nnx.Conv``,
    ``nnx.ConvTranspose`` and ``nnx.Linear`` is computed alone. The model's variables are the module's state:
    ``model.replace(variables=nnx.state(other))`` takes those of another such module.

    Args:
      module: the module; it is not changed.
      input_shape: the shape of one image, without the batch axis.
      method: the method that is called with the images.
      channel_axis: the channel axis of the image: -1 (last) or 0 (first). Activations have their channels last.
      preprocessing: the range of the images, and their conversion to the module's input; see
        `jaxviz.Preprocessing`. When None, images of 0 to 1 are assumed.
      output: the last layer; when None, the value that the module returns.
      logits: the layer whose softmax or sigmoid is the last layer; when None, it is found if it is a layer.
      **keywords: other arguments of the module.

    Raises:
      JaxvizError: the module does not run on such an image; the message names a remedy.

    Example:
      >>> from flax import nnx
      >>> rngs = nnx.Rngs(0)
      >>> module = nnx.Sequential(nnx.Conv(1, 4, (3, 3), rngs=rngs), nnx.relu, nnx.Conv(4, 2, (3, 3), rngs=rngs))
      >>> [(layer.name, layer.description) for layer in from_nnx(module, (8, 8, 1)).layers]
      [('layers/0', 'Conv (before relu)'), ('layers/2', 'Conv')]
    """
    if isinstance(module, type):
        raise JaxvizError(f"{module.__name__} is a class; give an instance of it, {module.__name__}(…)")
    if isinstance(module, nn.Module):
        raise JaxvizError(f"{type(module).__name__} is a Linen module, which from_linen takes, with its variables")
    copy = nnx.clone(module)
    copy.eval()
    graph, variables = nnx.split(copy)
    network = _NNXNetwork(graph=graph, method=method, keywords=tuple(sorted(keywords.items())))
    try:
        hash(network)
    except TypeError as error:
        raise JaxvizError(f"from_nnx cannot take {keywords!r} for this module: {error}") from error
    return model_of(
        network,
        variables,
        input_shape,
        channel_axis=channel_axis,
        preprocessing=preprocessing,
        output=output,
        logits=logits,
        called=type(module).__name__,
    )


def _watch(layer) -> None:
    """Makes a module store its output, and lowers a convolution in the form that is fast on the backend."""
    kind = layer.__class__
    if kind is nnx.Conv and layer.conv_general_dilated is lax.conv_general_dilated:
        layer.conv_general_dilated = conv_general_dilated
    if callable(layer):
        object.__setattr__(layer, "__class__", _watched(kind))


@functools.cache
def _watched(kind) -> type:
    """Returns a class whose modules store their output, and their input if one channel can be computed alone."""

    def call(self, *args, **keywords):
        if kind in _SLICED:
            self.sow(nnx.Intermediate, captures.INPUT, args[0] if args else keywords["inputs"])
        value = kind.__call__(self, *args, **keywords)
        self.sow(nnx.Intermediate, captures.OUTPUT, value)
        return value

    return type(kind)(kind.__name__, (kind,), {"__call__": call})


def _slices(kind: type, layer) -> bool:
    """Tells whether one channel of a layer can be computed alone: not under transforms that stack its parameters."""
    if kind not in _SLICED or getattr(layer, "mask", None) is not None:
        return False
    return layer.kernel[...].ndim == len(getattr(layer, "kernel_size", ())) + 2


def _one_channel(kind, layer, x: Array, index: Array) -> Array:
    """Computes one channel of a layer: by the layer itself, its parameters reduced to that one."""
    one = nnx.clone(layer)
    axis = -2 if getattr(layer, "transpose_kernel", False) else -1
    one.out_features = 1
    one.kernel = nnx.Param(captures.pick(layer.kernel[...], index, axis))
    if layer.bias is not None:
        one.bias = nnx.Param(captures.pick(layer.bias[...], index))
    groups = getattr(layer, "feature_group_count", 1)
    if groups > 1:
        x = captures.own_group(x, index, features=layer.out_features, groups=groups)
        one.in_features, one.feature_group_count = x.shape[-1], 1
    return kind.__call__(one, x)
