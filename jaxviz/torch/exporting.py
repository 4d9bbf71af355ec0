"""Exporting: a PyTorch module -> the graph of the operations by which it computes its output."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    import torch

__all__ = ["export", "functional", "names_of_outputs"]


def export(module: "torch.nn.Module", input_shape: Sequence[int]) -> "torch.export.ExportedProgram":
    """Exports a module as it is when it does not train; the module stays as it was.

    Raises:
      JaxvizError: PyTorch cannot export it; the message has PyTorch's reason.
    """
    import torch

    first = next((each for each in module.parameters() if each.is_floating_point()), torch.zeros(()))
    image = torch.zeros((1, *input_shape), dtype=first.dtype, device=first.device)
    with _evaluating(module), torch.no_grad(), _quiet():
        try:
            return torch.export.export(module, (image,), strict=False)
        except Exception as error:  # whatever the module's own code raises
            reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise JaxvizError(
                f"{type(module).__name__} cannot be exported by torch.export on an image of shape "
                f"{tuple(input_shape)}: {reason}"
            ) from error


def functional(program: "torch.export.ExportedProgram") -> "torch.export.ExportedProgram":
    """Returns the same program without operations that change a tensor in its place."""
    with _quiet():
        return program.run_decompositions({})


def names_of_outputs(program: "torch.export.ExportedProgram") -> list[str]:
    """Returns how a program names each value that it returns: ``logits`` or ``heads/0`` in a dictionary.

    A value without a name, such as the one that is returned alone or one of a tuple, has an empty one.
    """
    from torch.utils import _pytree as pytree

    structure = program.call_spec.out_spec
    if structure is None:
        return []
    try:
        leaves, _ = pytree.tree_flatten_with_path(pytree.tree_unflatten(range(structure.num_leaves), structure))
    except ValueError:  # a class that does not tell the names of its fields
        return [""] * structure.num_leaves
    return [_name(path) for path, _ in leaves]


def _name(path: Sequence[object]) -> str:
    from torch.utils._pytree import GetAttrKey, MappingKey, SequenceKey

    if not any(isinstance(part, GetAttrKey | MappingKey) for part in path):
        return ""
    kinds = {GetAttrKey: "name", MappingKey: "key", SequenceKey: "idx"}
    return "/".join(str(getattr(part, kinds[type(part)])) for part in path)


@contextlib.contextmanager
def _evaluating(module: "torch.nn.Module") -> Iterator[None]:
    training = {each: each.training for each in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for each, was in training.items():
            each.training = was


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps to itself what PyTorch says while it exports; what a user needs to know of it is in the error."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
