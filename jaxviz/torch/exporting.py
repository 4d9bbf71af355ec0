"""Exporting: a PyTorch module -> the graph of the operations by which it computes its output."""

import contextlib
import inspect
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jaxviz.torch.arguments import changes_its_input, gives_a_view
from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    import torch

__all__ = ["export", "functional", "names_of_outputs"]

_COLOURS = (1, 3, 4)  # channels of pictures


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
                f"{tuple(input_shape)}: {reason}{_remedy(module, input_shape)}"
            ) from error


def _remedy(module: "torch.nn.Module", input_shape: Sequence[int]) -> str:
    """Says what to do about the two usual causes: more inputs than the image, and channels last."""
    needed = [*inspect.signature(module.forward).parameters.values()][1:]
    needed = [
        each
        for each in needed
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    if needed:
        listed = ", ".join(each.name for each in needed)
        return (
            f"; forward also needs {listed}: wrap the network in a module that takes the image alone and gives {listed}"
        )
    *sides, last = input_shape
    if len(sides) == 2 and last in _COLOURS and sides[0] not in _COLOURS:
        return f"; input_shape has its channels first: {(last, *sides)}"
    return ""


def functional(program: "torch.export.ExportedProgram") -> "torch.export.ExportedProgram":
    """Returns the same program without operations that change a tensor in its place, where those matter."""
    if not _needs_functions(program):
        return program
    with _quiet():
        return program.run_decompositions({})


def _needs_functions(program: "torch.export.ExportedProgram") -> bool:
    """Tells whether PyTorch has to write the program again, without what has no value of its own here.

    That is a tensor of which others are views, or that is one, and that is changed in its place; and a graph inside the
    graph, of the lines that `torch.autocast` or `torch.no_grad` surrounds.
    """
    viewed: set[torch.fx.Node] = set()
    for node in program.graph.nodes:
        if node.op == "get_attr":
            return True
        if node.op != "call_function" or not isinstance(node.args, tuple) or not node.args:
            continue
        if changes_its_input(node.target) and node.args[0] in viewed:
            return True
        if gives_a_view(node.target):
            viewed |= {node, *node.all_input_nodes}
    return False


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
    logging.disable(logging.ERROR)
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
