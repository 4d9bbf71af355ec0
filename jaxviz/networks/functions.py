"""Functions: any JAX function of variables and an image -> a model."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp
from jaxtyping import Array, PyTree

from jaxviz.networks.model import Model
from jaxviz.networks.preprocessing import Preprocessing
from jaxviz.networks.readings import Reading, answer, model_of
from jaxviz.values.errors import JaxvizError

__all__ = ["from_function"]

Function = Callable[[PyTree, Array], Mapping[str, Array]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _FunctionNetwork:
    """A function as a network: equal to another of the same function."""

    function: Function
    batched: bool
    channel_axis: int

    def apply(self, variables: PyTree, image: Array, question: Callable) -> PyTree:
        return answer(self, variables, image, question)

    def read(self, variables: PyTree, image: Array) -> Reading:
        values = self.function(variables, image[None] if self.batched else image)
        if not isinstance(values, Mapping):
            raise JaxvizError(
                f"the function gives {type(values).__name__}, not a mapping; return {{layer name: activation}}"
            )
        arrays = {str(name): jnp.asarray(value) for name, value in values.items()}
        floats = {name: array for name, array in arrays.items() if jnp.issubdtype(array.dtype, jnp.floating)}
        return Reading(floats, returned=(), kinds={}, learned=frozenset(), pickers={})


def from_function(
    function: Function,
    variables: PyTree,
    input_shape: Sequence[int],
    *,
    batched: bool = False,
    channel_axis: int = -1,
    preprocessing: str | Preprocessing | None = None,
    output: str | None = None,
    logits: str | None = None,
) -> Model:
    """Makes a model of any JAX function.

    Args:
      function: ``function(variables, image)`` returns a mapping, layer name -> activation. Functions are compared by
        identity: the same function is compiled once. If one channel of an activation is needed, the whole activation
        is computed; activations that are not needed are not computed.
      variables: the weights, any tree of arrays.
      input_shape: the shape of one image.
      batched: True if the function takes ``[batch, …]`` images and returns ``[batch, …]`` activations.
      channel_axis: the channel axis of images and of activations with positions: -1 (last) or 0 (first).
      preprocessing: the range of the images, and their conversion to the function's input; see
        `jaxviz.Preprocessing`. When None, images of 0 to 1 are assumed.
      output: the last layer; when None, the layer that is computed last.
      logits: the layer whose softmax or sigmoid is the last layer; when None, it is found if it is an activation.

    Raises:
      JaxvizError: the function does not run on such an image, or does not return named activations.

    Example:
      >>> import jax.numpy as jnp
      >>> def network(variables, image):
      ...     hidden = jnp.tanh(image.ravel() @ variables["hidden"])
      ...     return {"hidden": hidden, "classes": hidden @ variables["classes"]}
      >>> weights = {"hidden": jnp.ones((16, 5)), "classes": jnp.ones((5, 3))}
      >>> model = from_function(network, weights, (4, 4, 1))
      >>> [(layer.name, layer.kind, layer.channels) for layer in model.layers]
      [('hidden', 'tanh', 5), ('classes', 'dot_general', 3)]
    """
    network = _FunctionNetwork(function=function, batched=batched, channel_axis=channel_axis)
    return model_of(
        network,
        variables,
        input_shape,
        channel_axis=channel_axis,
        preprocessing=preprocessing,
        output=output,
        logits=logits,
        called=f"the function {getattr(function, '__name__', type(function).__name__)}",
    )
