"""State dicts: the numbers of a PyTorch checkpoint -> the variables of a model."""

import os
import pickle
import warnings
import zipfile
from collections.abc import Mapping, Sequence
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

__all__ = ["load_state_dict", "numbers", "ties_of", "variables_of"]

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
    return into.replace(variables=variables_of(_fitting(tensors, into, orders, into.module.ties, origin), orders))


def variables_of(
    tensors: "Mapping[str, torch.Tensor | np.ndarray]", orders: Mapping[str, tuple[int, ...]]
) -> dict[str, Array]:
    """Returns the variables of a network: the tensors by name, each with its axes in the order that is wanted.

    Raises:
      JaxvizError: the numbers of one cannot be kept.
    """
    return {name: jnp.asarray(numbers(tensors[name], name).transpose(order)) for name, order in orders.items()}


def numbers(tensor: "torch.Tensor | np.ndarray", name: str = "a tensor") -> np.ndarray:
    """Returns the numbers of a tensor as float32, int32 or bool.

    Args:
      tensor: an array of either library.
      name: what it is called where it is refused.

    Raises:
      JaxvizError: they are complex, quantized or sparse, or whole numbers beyond 32 bits.

    Example:
      >>> numbers(np.zeros(3)).dtype
      dtype('float32')
    """
    array = tensor if isinstance(tensor, np.ndarray) else _plain(tensor, name)
    if np.issubdtype(array.dtype, np.floating):
        return array.astype(np.float32)
    if array.dtype == np.bool_:
        return array
    if not np.issubdtype(array.dtype, np.integer):
        raise JaxvizError(f"{name} holds {array.dtype}, and jaxviz computes with real numbers alone")
    limits = np.iinfo(np.int32)
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        beyond = array.min() if array.min() < limits.min else array.max()
        raise JaxvizError(
            f"{name} holds {beyond}, which does not fit the 32 bits that jaxviz computes whole numbers with"
        )
    return array.astype(np.int32)


def _plain(tensor: "torch.Tensor", name: str) -> np.ndarray:
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = "quantized" if tensor.is_quantized else "on no device" if tensor.is_meta else str(tensor.layout)
        raise JaxvizError(f"{name} is {kind}, and jaxviz takes tensors of plain numbers alone")
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def ties_of(tensors: "Mapping[str, torch.Tensor]") -> tuple[tuple[str, ...], ...]:
    """Returns the names that are one tensor, as where an embedding is a head too; those with one name are left out."""
    groups: dict[tuple, list[str]] = {}
    for name, tensor in tensors.items():
        if tensor.numel():
            key = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
            groups.setdefault(key, []).append(name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


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
    tensors: "Mapping[str, torch.Tensor | np.ndarray]",
    into: Model,
    orders: Mapping[str, tuple[int, ...]],
    ties: Sequence[tuple[str, ...]],
    origin: str,
) -> "Mapping[str, torch.Tensor | np.ndarray]":
    if (
        tensors
        and all(name.startswith("module.") for name in tensors)
        and not any(name.startswith("module.") for name in orders)
    ):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    for group in ties:  # files of safetensors hold one of several names of a tensor
        known = next((tensors[name] for name in group if name in tensors), None)
        if known is not None:
            tensors = dict.fromkeys(group, known) | dict(tensors)
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
