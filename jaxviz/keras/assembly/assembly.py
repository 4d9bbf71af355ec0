"""Assembly: an architecture and the shapes of its inputs -> the nodes that compute it, their shapes and variables."""

import dataclasses
from collections.abc import Mapping

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxviz.keras.config.graph import Architecture, Call
from jaxviz.keras.layers import ACTIVATED, KINDS, Node, Signal, nodes_of, unsupported
from jaxviz.keras.layers.computation import Computation
from jaxviz.keras.layers.custom import Custom
from jaxviz.values.errors import ModelFileError

__all__ = ["Assembly", "Place", "assemble"]

Place = tuple[str, ...]
"""Where a variable stands among those of its layer: its collection, then its path."""

_MISFITS = (TypeError, ValueError, ZeroDivisionError, IndexError, OverflowError)  # what impossible shapes raise
_LARGEST = 1 << 31  # numbers in one activation of one image


@dataclasses.dataclass
class Assembly:
    """A network at one size of image.

    Attributes:
      nodes: its computations, in order.
      signals: what is known of each activation, by name.
      variables: scope -> place -> shape, for each layer in the order in which it makes them, parameters first.
      keras_names: scope -> Flax's name of a part of a place -> Keras's, where they differ.
      misfits: layers that cannot be computed at this size, by the name of the call, and why.
    """

    nodes: list[Node]
    signals: dict[str, Signal]
    variables: dict[str, dict[Place, tuple[int, ...]]]
    keras_names: dict[str, Mapping[str, str]]
    misfits: dict[str, ModelFileError]

    @property
    def scopes(self) -> set[str]:
        """The layers that are there and have variables."""
        return {node.scope for node in self.nodes}


def assemble(
    architecture: Architecture,
    inputs: Mapping[str, Signal],
    custom: Custom,
    path: str,
    variables: Mapping[str, dict[Place, tuple[int, ...]]] | None = None,
) -> Assembly:
    """Builds the nodes of a network at one size of image; layers that do not fit it are set aside with the reason.

    Args:
      architecture: the network.
      inputs: what is known of each of its inputs.
      custom: what the caller gives for layers and classes, by name.
      path: where it comes from, for messages.
      variables: those that the layers must have, where they are known from another size of image.

    Raises:
      ModelFileError: layers are not supported, a setting of one is out of its range, or something is given that no
        layer is for.
    """
    unsupported.check_names(architecture.layers, custom, architecture.keras_major)
    activated = ACTIVATED | {"Activation"}
    lacking = unsupported.lacking(architecture.calls, KINDS, activated, custom, architecture.keras_major)
    assembly = Assembly([], dict(inputs), dict(variables or {}), {}, {})
    for call in architecture.calls:
        missing = [name for name in call.inputs if name not in assembly.signals]
        if missing:
            assembly.misfits[call.name] = assembly.misfits[missing[0]]
        elif call.name in lacking:
            raise unsupported.refusal([call, *lacking.values()], KINDS, assembly.signals)
        else:
            _add(assembly, call, architecture.keras_major, custom, path)
    return assembly


def _add(assembly: Assembly, call: Call, keras_major: int, custom: Custom, path: str) -> None:
    nodes = nodes_of(call, [assembly.signals[name] for name in call.inputs], keras_major, custom)
    signals: dict[str, Signal] = {}
    placed: list[Node] = []
    for node in nodes:
        known = {**assembly.signals, **signals}
        try:
            shape, variables = _trace(node.compute, [known[name].shape for name in node.inputs])
        except _MISFITS as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            refusal = ModelFileError(f"{path}: layer {node.name!r} does not fit what it is given: {reason}")
            refusal.__cause__ = error
            assembly.misfits[call.name] = refusal
            return
        if node.scope and assembly.variables.setdefault(node.scope, variables) != variables:
            assembly.misfits[call.name] = ModelFileError(
                f"{path}: layer {call.name!r} cannot be computed on {_text([known[name] for name in node.inputs])}, "
                "for which its weights would have other shapes"
            )
            return
        if node.scope:
            assembly.keras_names[node.scope] = getattr(node.compute, "keras_names", {})
        if node.channel_axis is not None:
            node = dataclasses.replace(node, channel_axis=_axis(node.channel_axis, len(shape)))
        signals[node.name] = Signal(shape, node.channel_axis)
        placed.append(node)
    assembly.nodes += placed
    assembly.signals |= signals


def _text(signals: list[Signal]) -> str:
    return " and ".join(str(signal.shape) for signal in signals)


def _axis(axis: int, rank: int) -> int | None:
    """Returns an axis counted from 0; that of an image of channels that has become units is their only one."""
    if rank == 0:
        return None
    return rank - 1 if axis < 0 or axis >= rank else axis


def _trace(compute: Computation, shapes: list[tuple[int, ...]]) -> tuple[tuple[int, ...], dict[Place, tuple[int, ...]]]:
    """Returns the shape of a computation's output, and those of its variables, and computes nothing."""
    variables: dict[Place, tuple[int, ...]] = {}

    def run(inputs: list[jax.Array]) -> jax.Array:
        if not isinstance(compute, nn.Module):
            return compute(*inputs)
        output, made = compute.init_with_output(jax.random.key(0), *inputs)
        for collection in sorted(
            made, key=lambda name: name != "params"
        ):  # dicts keep the order of making, JAX's do not
            leaves = flax.traverse_util.flatten_dict(made[collection])
            variables.update({(collection, *place): leaf.shape for place, leaf in leaves.items()})
        return output

    output = jax.eval_shape(run, [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes])
    if not hasattr(output, "shape"):
        raise ValueError("it gives more than one array")
    if 0 in output.shape or output.size > _LARGEST:
        raise ValueError(f"it gives {output.shape}")
    return output.shape, variables
