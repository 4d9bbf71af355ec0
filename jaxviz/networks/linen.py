"""Linen: a user's Linen module -> a model."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import errors, nnx
from jaxtyping import Array, PyTree

from jaxviz.layers.convolution import conv_general_dilated
from jaxviz.networks import captures
from jaxviz.networks.model import Model
from jaxviz.networks.preprocessing import Preprocessing
from jaxviz.networks.readings import Reading, answer, model_of
from jaxviz.values.errors import JaxvizError

__all__ = ["from_linen"]

_SLICED = (nn.Conv, nn.ConvTranspose, nn.Dense)
_LEARNED = (*_SLICED, nn.ConvLocal, nn.DenseGeneral, nn.Einsum)
_COLLECTION = "intermediates"  # where Linen's own capture leaves outputs, and users sow

_SWITCHED_OFF = "pass what switches training off, such as train=False or deterministic=True"
_REMEDIES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (errors.InvalidRngError, f"it draws random numbers; {_SWITCHED_OFF}"),
    (errors.ModifyScopeVariableError, f"it changes its own variables; {_SWITCHED_OFF}"),
    (errors.ScopeParamShapeError, "variables or input_shape are another network's"),
    (
        (errors.ScopeCollectionNotFound, errors.ScopeParamNotFoundError, errors.ScopeVariableNotFoundError),
        "give all variables that init returned, such as {'params': …, 'batch_stats': …}",
    ),
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _LinenNetwork:
    """A Linen module as a network: equal to another of an equal module."""

    module: nn.Module
    method: str
    keywords: tuple[tuple[str, object], ...]
    batched: ClassVar[bool] = True
    channel_axis: ClassVar[int] = -1  # as all of Flax's layers have it

    def __hash__(self):
        # A list of layers makes a module that has no hash, and can be compared all the same.
        return hash((type(self.module), self.method, self.keywords))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _LinenNetwork):
            return NotImplemented
        try:
            mine, others = ((net.module, net.method, net.keywords) for net in (self, other))
            return mine == others
        except ValueError:  # arrays among its attributes, which compare one number at a time
            return self.module is other.module

    def apply(self, variables: PyTree, image: Array, question: Callable) -> PyTree:
        return answer(self, variables, image, question)

    def read(self, variables: PyTree, image: Array) -> Reading:
        kinds: dict[captures.ModulePath, str] = {}
        learned: set[captures.ModulePath] = set()
        layers: dict[captures.ModulePath, nn.Module] = {}  # those of which one channel can be computed alone
        keywords: dict = dict(self.keywords)
        variables = nn.unbox(variables)  # a model may have been given others since it was made

        def note(next_function, args, kwargs, context):
            layer = context.module
            if context.method_name != "__call__" or getattr(layer, "conv_general_dilated_cls", None) is _ours:
                return next_function(*args, **kwargs)
            kinds[layer.path] = type(layer).__name__
            if isinstance(layer, _LEARNED):
                learned.add(layer.path)
            if type(layer) not in _SLICED:
                return next_function(*args, **kwargs)
            layers[layer.path] = layer.clone(parent=None, name=None)
            x = args[0] if args else kwargs["inputs"]
            layer.sow(_COLLECTION, captures.INPUT, x)
            if not _can_be_lowered(layer):
                return next_function(x)
            return _lowered(layers[layer.path]).apply({"params": layer.variables.get("params", {})}, x)

        with nn.intercept_methods(note):
            returned, left = self.module.apply(
                variables,
                image[None],
                capture_intermediates=lambda _, method: method == "__call__",
                mutable=[_COLLECTION],
                method=self.method,
                **keywords,
            )
        kinds[()] = type(self.module).__name__
        slicers = {
            path: _slicer(layer, parameters)
            for path, layer in layers.items()
            if _slices(layer, parameters := _at(variables.get("params", {}), path))
        }
        return captures.reading_of(left.get(_COLLECTION, {}), returned, kinds, learned, slicers)


def from_linen(
    module: nn.Module,
    variables: Mapping,
    input_shape: Sequence[int],
    *,
    method: str = "__call__",
    channel_axis: int = -1,
    preprocessing: str | Preprocessing | None = None,
    output: str | None = None,
    logits: str | None = None,
    **keywords: object,
) -> Model:
    """Makes a model of a Linen module that takes a batch of images.

    Each submodule's output is a layer with the module's path as its name, such as ``block/Conv_0``, and so is each
    value that is sown into ``intermediates``. One channel of ``nn.Conv``, ``nn.ConvTranspose`` and ``nn.Dense`` is
    computed alone.

    Args:
      module: the module; equal modules compile once.
      variables: everything that ``module.init`` returned: ``{"params": …, "batch_stats": …}``.
      input_shape: the shape of one image, without the batch axis.
      method: the method that is called with the images.
      channel_axis: the channel axis of the image: -1 (last) or 0 (first). Activations have their channels last.
      preprocessing: the range of the images, and their conversion to the module's input; see
        `jaxviz.Preprocessing`. When None, images of 0 to 1 are assumed.
      output: the last layer; when None, the value that the module returns.
      logits: the layer whose softmax or sigmoid is the last layer; when None, it is found if it is a layer.
      **keywords: other arguments of the module, such as ``train=False``.

    Raises:
      JaxvizError: the module does not run with these arguments; the message names a remedy.

    Example:
      >>> import flax.linen as nn, jax, jax.numpy as jnp
      >>> module = nn.Sequential([nn.Conv(4, (3, 3)), nn.relu, lambda x: x.mean((1, 2)), nn.Dense(3), nn.softmax])
      >>> model = from_linen(module, module.init(jax.random.key(0), jnp.ones((1, 8, 8, 1))), (8, 8, 1))
      >>> [(layer.name, layer.description) for layer in model.layers]
      [('layers_0', 'Conv (before relu)'), ('layers_3', 'Dense'), ('output', 'Sequential')]
      >>> model.logits
      'layers_3'
    """
    if isinstance(module, type):
        raise JaxvizError(f"{module.__name__} is a class; give an instance of it, {module.__name__}(…)")
    if isinstance(module, nnx.Module):
        raise JaxvizError(f"{type(module).__name__} is an NNX module, which from_nnx takes, without variables")
    network = _LinenNetwork(module=module, method=method, keywords=tuple(sorted(keywords.items())))
    try:
        hash(network)
    except TypeError as error:
        raise JaxvizError(f"from_linen cannot pass on {keywords!r}: {error}; give numbers, texts and tuples") from error
    held = {name: part for name, part in nn.unbox(flax.core.unfreeze(dict(variables))).items() if name != _COLLECTION}
    return model_of(
        network,
        held,
        input_shape,
        channel_axis=channel_axis,
        preprocessing=preprocessing,
        output=output,
        logits=logits,
        called=type(module).__name__,
        remedies=_REMEDIES,
    )


def _at(tree: Mapping, path: captures.ModulePath) -> Mapping:
    for name in path:
        tree = tree.get(name, {})
    return tree


def _slices(layer: nn.Module, parameters: Mapping) -> bool:
    """Tells whether one channel of a layer can be computed alone: not under transforms that stack its parameters."""
    if "kernel" not in parameters or getattr(layer, "mask", None) is not None:
        return False
    positions = (
        0 if isinstance(layer, nn.Dense) else 1 if isinstance(layer.kernel_size, int) else len(layer.kernel_size)
    )
    return parameters["kernel"].ndim == positions + 2


def _slicer(layer, parameters: Mapping) -> Callable[[Array, Array], Array]:
    groups = getattr(layer, "feature_group_count", 1)
    axis = -2 if getattr(layer, "transpose_kernel", False) else -1
    # The layer itself, with one feature: it pads, dilates and promotes as ever.
    one = layer.clone(features=1, **({"feature_group_count": 1} if groups > 1 else {}))

    def compute(x: Array, index: Array) -> Array:
        if groups > 1:
            x = captures.own_group(x, index, features=layer.features, groups=groups)
        own = {"kernel": captures.pick(parameters["kernel"], index, axis)}
        if layer.use_bias:
            own["bias"] = captures.pick(parameters["bias"], index)
        return jnp.asarray(_lowered(one).apply({"params": own}, x))

    return compute


def _lowered(layer):
    """Returns a convolution in the form that is fast on the backend; any other layer unchanged."""
    return layer.clone(conv_general_dilated_cls=_ours) if _can_be_lowered(layer) else layer


def _can_be_lowered(layer: nn.Module) -> bool:
    return type(layer) is nn.Conv and layer.conv_general_dilated is None and layer.conv_general_dilated_cls is None


def _ours() -> Callable[..., jax.Array]:
    return conv_general_dilated
