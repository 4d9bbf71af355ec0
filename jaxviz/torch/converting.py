"""Converting: the graph that PyTorch exported -> the nodes of a network."""

import operator
from typing import TYPE_CHECKING, cast

from jaxviz.torch import scopes
from jaxviz.torch.arguments import changes_its_input, frozen, name_of, positional
from jaxviz.torch.constants import Constants
from jaxviz.torch.conversion import Conversion
from jaxviz.torch.exporting import functional, names_of_outputs
from jaxviz.torch.nodes import IMAGE, VARIABLE, Node, Slot
from jaxviz.torch.operations import OPERATIONS, find
from jaxviz.torch.operations.computation import Call, Known
from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    import torch

__all__ = ["convert"]

# Of several outputs only the first is computed: the others are what PyTorch keeps for training.
_FIRST_ALONE = {"_native_batch_norm_legit_no_training", "native_dropout", "native_layer_norm"}
_FIRST_ALONE |= {f"adaptive_max_pool{rank}d" for rank in (1, 2, 3)} | {"max_pool2d_with_indices"}
# What they give depends on the shape of their input and not on its numbers.
_OF_SHAPE = {"empty_like", "full_like", "new_empty", "new_full", "new_ones", "new_zeros", "ones_like", "zeros_like"}
_RANDOM = {"_sample_dirichlet", "_standard_gamma", "bernoulli", "binomial", "cauchy", "exponential", "geometric"}
_RANDOM |= {"log_normal", "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like"}
_RANDOM |= {"randn", "randn_like", "random", "randperm", "uniform"}
_CHECKS = ("_assert", "sym_constrain")  # they give nothing


def convert(program: "torch.export.ExportedProgram") -> Conversion:
    """Converts a graph, operation by operation.

    What does not depend on the image or a variable is computed by PyTorch, here and now.

    Raises:
      JaxvizError: it has operations that are not known; the message lists all of them.
    """
    program = functional(program)
    conversion = Conversion(program, changed=[*program.graph_signature.buffers_to_mutate.values()])
    _Walk(conversion).run()
    return conversion


class _Walk:
    """Goes through a graph once; PyTorch's nodes stand for values of ours, by name, or for tensors at hand."""

    def __init__(self, conversion: Conversion):
        self._conversion = conversion
        self._program = conversion.program
        self._values: dict[torch.fx.Node, object] = {}
        self._same: dict[torch.fx.Node, list[torch.fx.Node]] = {}  # those that are one tensor, changed in its place
        self._constants = Constants()
        self._first_alone: set[str] = set()
        self._unknown: dict[str, str] = {}

    def run(self) -> None:
        import torch

        with torch.no_grad():
            for node in self._program.graph.nodes:
                if node.op == "placeholder":
                    self._values[node] = self._given(node)
                elif node.op == "call_function":
                    self._call(node)
                elif node.op == "output":
                    self._return(node)
                elif node.op == "get_attr":
                    raise JaxvizError(f"the graph holds {node.target!r}, a graph of its own, which is not supported")
        if self._unknown:
            listed = ", ".join(f"{name} (in {path or 'the network itself'})" for name, path in self._unknown.items())
            remedy = "give a part of the network without them"
            if any(name.partition(".")[0] in _RANDOM for name in self._unknown):
                remedy += ", or write fixed numbers in the place of random ones"
            raise JaxvizError(f"these operations of PyTorch are not supported: {listed}; {remedy}")

    def _given(self, node: "torch.fx.Node") -> object:
        from torch.export.graph_signature import InputKind

        [spec] = [spec for spec in self._program.graph_signature.input_specs if spec.arg.name == node.name]
        value = node.meta.get("val")
        if spec.kind == InputKind.USER_INPUT:
            return self._image(node.name, value)
        held = {**self._program.state_dict, **self._program.constants}[spec.target]
        if spec.kind == InputKind.PARAMETER or (spec.kind == InputKind.BUFFER and spec.persistent):
            name = VARIABLE + spec.target
            self._conversion.known[name] = Known(shape=tuple(held.shape), axis=None, of_image=False)
            return name
        return held.detach().cpu().clone()

    def _image(self, name: str, value: object) -> object:
        import torch

        if not isinstance(value, torch.Tensor):
            return value
        if self._conversion.shape:
            raise JaxvizError(
                f"the network takes a second tensor, {name!r}; wrap it in a module that takes images alone"
            )
        if not all(type(side) is int for side in value.shape):
            raise JaxvizError("the network was exported with dynamic shapes; export it without dynamic_shapes")
        if value.ndim < 2 or value.shape[0] != 1:
            raise JaxvizError(
                f"the network was exported for a batch of shape {tuple(value.shape)}; export it for one image"
            )
        self._conversion.shape = tuple(value.shape)
        self._conversion.known[IMAGE] = Known(shape=tuple(value.shape), axis=1, of_image=True)
        return IMAGE

    def _call(self, node: "torch.fx.Node") -> None:
        name = name_of(node.target)
        if name.startswith(_CHECKS):
            return
        base = name.partition(".")[0]
        if base in _RANDOM:
            self._unknown.setdefault(name, scopes.path_of(node))
            self._values[node] = "unknown"
            return
        at_hand = base in _OF_SHAPE or not any(isinstance(self._values.get(each), str) for each in node.all_input_nodes)
        if not at_hand and any(self._is_unknown(each) for each in node.all_input_nodes):
            self._values[node] = "unknown"
            return
        value = self._constants.computed(node, self._values) if at_hand else self._converted(node, name)
        self._values[node] = value
        if isinstance(value, str):
            self._conversion.made[node] = value
        if changes_its_input(node.target):
            changed = cast("torch.fx.Node", node.args[0])
            self._note_changed(changed)
            group = self._same.setdefault(changed, [changed])
            group.append(node)
            self._same[node] = group
            for each in group:
                self._values[each] = value

    def _note_changed(self, node: "torch.fx.Node") -> None:
        buffer = self._program.graph_signature.inputs_to_buffers.get(node.name)
        if buffer and buffer not in self._conversion.changed:
            self._conversion.changed.append(buffer)

    def _is_unknown(self, node: "torch.fx.Node") -> bool:
        return self._values.get(node) == "unknown"

    def _converted(self, node: "torch.fx.Node", name: str) -> str:
        operation = find(name)
        if operation is None:
            self._unknown.setdefault(name, scopes.path_of(node))
            return "unknown"
        inputs: list[str] = []
        try:
            arguments = tuple(frozen(value, lambda value: self._slot(value, inputs)) for value in positional(node))
        except TypeError as error:
            self._unknown.setdefault(f"{name} with {error}", scopes.path_of(node))
            return "unknown"
        if ("dropout" in operation and arguments[2]) or (operation == "rrelu" and arguments[3]):
            self._unknown.setdefault(f"{name} of training", scopes.path_of(node))
            return "unknown"
        if node.target is operator.getitem and inputs[0] in self._first_alone:
            if arguments[1] == 0:
                return inputs[0]
            if node.users:
                self._unknown.setdefault(f"output {arguments[1]} of {inputs[0]}", scopes.path_of(node))
            return "unknown"
        if (
            operation == "batch_norm"
            and self._conversion.known[inputs[0]].of_image
            and (arguments[3] is None or arguments[5])
        ):
            self._conversion.of_batch.append(scopes.called(node))
        if operation == "hardtanh" and arguments[1:] == (0, 6):
            operation, arguments = "relu6", arguments[:1]
        return self._add(node, operation, arguments, tuple(inputs))

    def _add(self, node: "torch.fx.Node", operation: str, arguments: tuple, inputs: tuple[str, ...]) -> str:
        known = tuple(self._conversion.known[name] for name in inputs)
        value = node.meta["val"]
        first = value[0] if isinstance(value, list | tuple) else value
        shape = tuple(int(side) for side in first.shape)
        call = Call(arguments=_with_known(arguments, known), inputs=known, shape=shape)
        channels = OPERATIONS[operation].channels(call)
        of_image = any(each.of_image for each in known)
        self._conversion.nodes.append(
            Node(
                name=node.name,
                operation=operation,
                arguments=arguments,
                inputs=inputs,
                shape=shape,
                channel_axis=channels.axis if of_image else None,
                reads=channels.reads if of_image else None,
                one=channels.one,
            )
        )
        if operation in _FIRST_ALONE:
            self._first_alone.add(node.name)
        axis = channels.axis if of_image else None
        self._conversion.known[node.name] = Known(shape=shape, axis=axis, of_image=of_image)
        return node.name

    def _slot(self, value: object, inputs: list[str]) -> object:
        import torch

        if isinstance(value, torch.fx.Node):
            value = self._values[value]
            if isinstance(value, str):
                inputs.append(value)
                return Slot(len(inputs) - 1)
        if isinstance(value, torch.Tensor):
            inputs.append(self._constant(value))
            return Slot(len(inputs) - 1)
        return None

    def _constant(self, tensor: "torch.Tensor") -> str:
        name, array = self._constants.held(tensor)
        self._conversion.constants[name] = array
        self._conversion.known[name] = Known(shape=tuple(tensor.shape), axis=None, of_image=False)
        return name

    def _return(self, node: "torch.fx.Node") -> None:
        from torch.export.graph_signature import OutputKind

        returned = cast("tuple[torch.fx.Node, ...]", node.args[0])
        specs = zip(self._program.graph_signature.output_specs, returned, strict=True)
        values = [self._values.get(value) for spec, value in specs if spec.kind == OutputKind.USER_OUTPUT]
        for key, name in zip(names_of_outputs(self._program), values, strict=True):
            if isinstance(name, str) and name in self._conversion.known and self._conversion.known[name].of_image:
                self._conversion.outputs.append(name)
                if key:
                    self._conversion.entries[key] = name


def _with_known(argument: object, known: tuple[Known, ...]):
    if isinstance(argument, Slot):
        return known[argument.place]
    return tuple(_with_known(member, known) for member in argument) if isinstance(argument, tuple) else argument
