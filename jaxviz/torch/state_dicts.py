"""State dicts: the numbers of a PyTorch checkpoint -> the variables of a model."""

import os
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxviz.networks.model import Model
from jaxviz.torch.network import Network
from jaxviz.values.errors import JaxvizError, ModelFileError

if TYPE_CHECKING:
    import torch

__all__ = ["load_state_dict", "numbers", "variables_of"]

_MOST_NAMES = 8  # of those that are listed in a message


def load_state_dict(source: "str | os.PathLike | Mapping[str, torch.Tensor]", *, into: Model) -> Model:
    """Returns a model with the weights of a checkpoint of the same architecture; nothing is compiled again.

    Args:
      source: a file, ``.safetensors`` or what ``torch.save(module.state_dict(), path)`` wrote, or such a mapping of
        names to tensors. Of a file that PyTorch pickled only tensors are read: it can run no code. Names may all begin
        with ``module.``, as those of a parallel module do.
      into: a model that `jaxviz.from_torch` made.

    Raises:
      ModelFileError: the file is none of these, or holds something other than tensors.
      JaxvizError: names or shapes are not the model's; all misfits are listed.

    Example:
      >>> import jaxviz, torch
      >>> module = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU())
      >>> model = jaxviz.from_torch(module, (1, 8, 8))
      >>> again = load_state_dict(torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3)).state_dict(), into=model)
      >>> sorted(again.variables)
      ['0.bias', '0.weight']
    """
    if not isinstance(into.module, Network):
        raise JaxvizError("load_state_dict fills models of jaxviz.from_torch; this one is of another door")
    tensors = source if isinstance(source, Mapping) else _read(Path(source))
    origin = "the state dict" if isinstance(source, Mapping) else os.fspath(source)
    orders = dict(into.module.orders)
    return into.replace(variables=variables_of(_fitting(tensors, into, orders, origin), orders))


def variables_of(
    tensors: "Mapping[str, torch.Tensor | np.ndarray]", orders: Mapping[str, tuple[int, ...]]
) -> dict[str, Array]:
    """Returns the variables of a network: the tensors by name, each with its axes in the order that is wanted."""
    return {name: jnp.asarray(numbers(tensors[name]).transpose(order)) for name, order in orders.items()}


def numbers(tensor: "torch.Tensor | np.ndarray") -> np.ndarray:
    """Returns the numbers of a tensor as float32, int32 or bool.

    Example:
      >>> numbers(np.zeros(3)).dtype
      dtype('float32')
    """
    if not isinstance(tensor, np.ndarray):
        tensor = tensor.detach().cpu()
        tensor = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    if np.issubdtype(tensor.dtype, np.floating):
        return tensor.astype(np.float32)
    return tensor if tensor.dtype == np.bool_ else tensor.astype(np.int32)


def _read(path: Path) -> "Mapping[str, torch.Tensor | np.ndarray]":
    if not path.is_file():
        raise ModelFileError(f"{path}: there is no such file")
    if path.suffix == ".safetensors":
        return _safetensors(path)
    return _pickled(path)


def _safetensors(path: Path) -> "Mapping[str, torch.Tensor]":
    try:
        import safetensors
        from safetensors.torch import load_file
    except ImportError as error:
        raise JaxvizError("safetensors or PyTorch is not installed; pip install 'jaxviz-optvis[torch]'") from error
    try:
        return load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(f"{path} is no file of safetensors: {error}") from error


def _pickled(path: Path) -> "Mapping[str, torch.Tensor]":
    """Reads tensors alone: PyTorch's reader of weights refuses all else that a pickle may hold."""
    import torch

    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise ModelFileError(f"{path} is a damaged archive: {error}") from error
        packed = [member.filename for member in members if member.compress_type != zipfile.ZIP_STORED]
        if packed:
            raise ModelFileError(f"{path}: {packed[0]!r} in it is compressed, which torch.save never does")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that are not its own, which are refused
            held = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = next((line.strip() for line in str(error).splitlines() if "GLOBAL" in line), "")
        raise ModelFileError(
            f"{path} holds more than tensors{f' ({reason})' if reason else ''}; "
            "save a state dict alone: torch.save(module.state_dict(), path)"
        ) from error
    except Exception as error:  # of many kinds, as many as there are ways to damage a pickle
        raise ModelFileError(f"{path} is no file of torch.save: {error}") from error
    if isinstance(held, Mapping) and isinstance(held.get("state_dict"), Mapping):
        held = held["state_dict"]
    if not isinstance(held, Mapping) or not held or not all(isinstance(each, torch.Tensor) for each in held.values()):
        raise ModelFileError(f"{path} holds no state dict; save one: torch.save(module.state_dict(), path)")
    return held


def _fitting(
    tensors: "Mapping[str, torch.Tensor | np.ndarray]", into: Model, orders: Mapping[str, tuple[int, ...]], origin: str
) -> "Mapping[str, torch.Tensor | np.ndarray]":
    if (
        tensors
        and all(name.startswith("module.") for name in tensors)
        and not any(name.startswith("module.") for name in orders)
    ):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    missing = [name for name in orders if name not in tensors]
    left = [name for name in tensors if name not in orders]
    shapes = {
        name: tuple(into.variables[name].shape[order.index(axis)] for axis in range(len(order)))
        for name, order in orders.items()
    }
    other = [
        f"{name} of {tuple(tensors[name].shape)} and not {shape}"
        for name, shape in shapes.items()
        if name in tensors and tuple(tensors[name].shape) != shape
    ]
    kinds = (("lacks", missing), ("has in excess", left), ("has", other))
    misfits = [f"{word} {_listed(found)}" for word, found in kinds if found]
    if misfits:
        raise JaxvizError(f"{origin} is of another architecture: it {'; it '.join(misfits)}")
    return tensors


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
