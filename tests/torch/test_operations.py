"""Each operation against PyTorch, whole and one channel alone."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import nn
from torch_cases import PICTURES, TOKENS

import jaxviz
from jaxviz.torch.operations.activations import OPERATIONS as ACTIVATIONS

CASES = [(kind, name) for table in (PICTURES, TOKENS) for kind, functions in table.items() for name in functions]


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Functions(nn.Module):
    def __init__(self, functions, on_tokens):
        super().__init__()
        self.on_tokens = on_tokens
        self.picture = nn.Conv2d(3, 8, 1)
        self.tokens = nn.Linear(8, 12)
        self.functions = nn.ModuleList(Function(function) for function in functions)

    def forward(self, image):
        x = self.picture(image)
        if self.on_tokens:
            x = self.tokens(x.flatten(2).transpose(1, 2))
        return [function(x) for function in self.functions]


QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


@functools.cache
def computed(kind):
    """Returns what PyTorch gives, what the model gives, and the last channel alone of all that have channels."""
    functions = PICTURES.get(kind) or TOKENS[kind]
    torch.manual_seed(0)
    module, image = Functions(functions.values(), kind in TOKENS).eval(), torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        expected = dict(zip(functions, module(image), strict=True))
    model = jaxviz.from_torch(module, (3, 8, 8))
    layers = {name: model.layer(f"functions.{place}") for place, name in enumerate(functions)}

    def asked(activations):
        alone = {name: layer for name, layer in layers.items() if layer.channels}
        return (
            {name: activations[layer.name] for name, layer in layers.items()},
            {name: activations.channel(layer.name, jnp.int32(layer.channels - 1)) for name, layer in alone.items()},
        )

    ask = jax.jit(lambda image: model.ask(image, asked), compiler_options=QUICK)
    return expected, *ask(image[0].numpy()), layers


@pytest.mark.parametrize(("kind", "name"), CASES)
@pytest.mark.filterwarnings("ignore:LSTM with projections")  # how PyTorch computes it
@pytest.mark.filterwarnings("ignore:these operations use the mean")  # of the batch, as one of the cases does
def test_an_operation_computes_what_pytorch_computes(kind, name):
    expected, whole, alone, layers = computed(kind)
    reference = expected[name].numpy()
    reference = reference[0] if reference.shape[0] == 1 else reference
    assert whole[name].shape == reference.shape == layers[name].output_shape
    np.testing.assert_allclose(whole[name], reference, atol=1e-5 * np.abs(reference).max())
    if name in alone:
        last = np.take(whole[name], [-1], axis=layers[name].channel_axis)
        np.testing.assert_allclose(alone[name], last, atol=1e-5 * np.abs(reference).max())


def test_every_activation_function_is_compared():
    names = {name.split(" ")[0] for name in PICTURES["activations"]} | {"log_sigmoid"}
    assert {name.strip("_").removesuffix("_kernel") for name in ACTIVATIONS} <= names
