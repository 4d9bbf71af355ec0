"""Modules: a PyTorch network -> a model."""

import dataclasses
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Array

from jaxviz.networks.layer import Canvas, unknown_layer
from jaxviz.networks.model import Model
from jaxviz.networks.preprocessing import Preprocessing, unstated
from jaxviz.torch.archives import read
from jaxviz.torch.converting import convert
from jaxviz.torch.exporting import export
from jaxviz.torch.naming import named
from jaxviz.torch.network import Network
from jaxviz.torch.scopes import class_name
from jaxviz.torch.state_dicts import ties_of, variables_of
from jaxviz.torch.trials import try_all
from jaxviz.values.errors import JaxvizError, JaxvizWarning

if TYPE_CHECKING:
    import torch

__all__ = ["from_torch"]

_USUAL = (3, 224, 224)


def from_torch(
    module: "torch.nn.Module | torch.export.ExportedProgram | str | os.PathLike",
    input_shape: Sequence[int] | None = None,
    *,
    preprocessing: str | Preprocessing | None = None,
    output: str | None = None,
    logits: str | None = None,
) -> Model:
    """Makes a model of a PyTorch network, which then runs in JAX and calls nothing of PyTorch.

    Each submodule's output is a layer under the submodule's path, such as ``layer3.0.conv2``, and ``layer3.0.relu#2``
    where it is called again. A submodule that stands in several places goes by the path that it is called by. An
    activation function without a module is called after what it follows, ``layer3.0.bn1/relu``. One channel of a
    convolution or a linear layer is computed alone. Images and activations with positions have their channels first, as
    in PyTorch. ``model.variables`` have the names of the state dict.

    Args:
      module: a module, which is exported in evaluation mode and stays as it is; a program that ``torch.export.export``
        made; or the path of the ``.pt2`` file that ``torch.export.save`` wrote.
      input_shape: channels, height and width of the image; ``(3, 224, 224)`` when left out. A program has its own.
      preprocessing: the range of the images, and what stands between them and the network; see
        `jaxviz.Preprocessing`. When left out, what the module says of itself (timm's networks do), or else 0 to 1
        is assumed; torchvision's networks take ``"torch"``.
      output: the last layer; what the network returns when None. Where it returns several tensors, that is the entry
        "logits" of a dictionary or else the first, and the model shows which.
      logits: what the last layer is the softmax or sigmoid of; found when None and there is one.

    Warns:
      JaxvizWarning: the network changes its own buffers when it is called, which it does not here; or it normalizes by
        statistics of the batch, which here is one image.

    Raises:
      JaxvizError: PyTorch is not installed or cannot export the module, or the network has operations that are not
        supported; the message lists them all.
      ModelFileError: the file is no exported program, or is refused.

    Example:
      >>> import torch
      >>> module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten())
      >>> model = from_torch(module, (3, 16, 16), preprocessing="torch")
      >>> [(layer.name, layer.description, layer.output_shape) for layer in model.layers]
      [('0', 'Conv2d (before relu)', (8, 14, 14)), ('1', 'ReLU', (8, 14, 14)), ('2', 'Flatten', (1568,))]
    """
    torch = _torch()
    if isinstance(module, torch.export.ExportedProgram | str | os.PathLike):
        program = module if isinstance(module, torch.export.ExportedProgram) else read(Path(module))
        kind = next((class_name(node) for node in program.graph.nodes if class_name(node)), "ExportedProgram")
    elif isinstance(module, torch.nn.Module):
        program = export(module, _shape(input_shape))
        kind = type(module).__name__
    else:
        raise JaxvizError(
            f"from_torch({type(module).__name__}): give a torch.nn.Module, an ExportedProgram or the path of a .pt2"
        )
    conversion = convert(program)
    if conversion.changed:
        warnings.warn(
            f"the network changes its buffers {', '.join(conversion.changed)} at each call; here each call begins with "
            "their values as they are now",
            JaxvizWarning,
            stacklevel=2,
        )
    if conversion.of_batch:
        warnings.warn(
            "these operations use the mean and the variance of the batch, and jaxviz calls the network with one image, "
            f"so they are those of the image: {', '.join(conversion.of_batch)}",
            JaxvizWarning,
            stacklevel=2,
        )
    if not conversion.shape:
        raise JaxvizError("the network takes no image")
    shape = conversion.shape[1:]
    if input_shape is not None and tuple(input_shape) != shape:
        raise JaxvizError(f"input_shape {tuple(input_shape)}: the program was exported for {shape}")
    naming = named(conversion, kind)
    names = dict(naming.nodes)
    for name in (output, logits):
        if name is not None and name not in names:
            raise unknown_layer(name, [layer.name for layer in naming.layers])
    state = program.state_dict
    orders = conversion.orders({name: tuple(tensor.shape) for name, tensor in state.items()})
    variables = variables_of(state, orders)
    try_all(conversion, variables, orders)
    model = Model(
        variables=variables,
        module=Network(
            nodes=tuple(conversion.nodes),
            names=naming.nodes,
            orders=tuple(orders.items()),
            constants=tuple(conversion.constants.items()),
            ties=ties_of(state),
        ),
        layers=naming.layers,
        canvas=Canvas(shape=shape, channel_axis=0),
        output=output or naming.output,
        logits=logits or (output if output else naming.logits),
    )
    return model.with_preprocessing(preprocessing or _own_preprocessing(module, shape) or unstated(shape[0]))


def _torch():
    try:
        import torch
    except ImportError as error:
        raise JaxvizError("PyTorch is not installed; pip install 'jaxviz-optvis[torch]'") from error
    return torch


def _shape(given: object) -> tuple[int, ...]:
    shape = _USUAL if given is None else tuple(given) if isinstance(given, Sequence) else ()
    if not shape or not all(isinstance(side, int) and side > 0 for side in shape):
        example = (3, given, given) if isinstance(given, int) and given > 0 else _USUAL
        raise JaxvizError(f"input_shape {given!r}: give channels, height and width of one image, such as {example}")
    return shape


@dataclasses.dataclass(frozen=True)
class _Standardized:
    """An image less the mean of each colour, over its standard deviation: as the network was trained."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, image: Array) -> Array:
        mean, deviation = (np.array([[values]], np.float32) for values in (self.mean, self.deviation))
        return (image - mean) / deviation


def _own_preprocessing(module: object, shape: Sequence[int]) -> Preprocessing | None:
    """Returns what timm notes on its networks: the mean and the standard deviation of each colour."""
    config = getattr(module, "pretrained_cfg", None)
    if not isinstance(config, Mapping) or len(shape) != 3:
        return None
    colours = [tuple(map(float, config.get(key) or ())) for key in ("mean", "std")]
    if any(len(values) != shape[0] for values in colours):
        return None
    return Preprocessing(function=_Standardized(*colours))
