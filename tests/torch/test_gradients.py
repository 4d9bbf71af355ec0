"""Gradients of converted networks against PyTorch's."""

import jax
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch_cases import Function

import jaxviz


def detached_in_place(x):
    y = x * 2
    y.detach_()
    return x * y


def detached_after_a_view_was_changed(x):
    y = x * 1
    y[:, 0] += 1
    return y * y.detach()


def straight_through(x):
    return x + ((x * 4).round() - x).detach()


FUNCTIONS = {
    "detach": lambda x: x * x.detach(),
    "detach_": detached_in_place,
    "detach and a view": detached_after_a_view_was_changed,
    "straight through": straight_through,
    "max_pool1d dilated": lambda x: F.max_pool1d(x.flatten(2), 3, stride=2, dilation=3),
    "max_pool2d dilated": lambda x: F.max_pool2d(x, 3, stride=1, dilation=2),
    "max_pool2d dilated, beyond": lambda x: F.max_pool2d(x, (2, 3), 2, padding=1, dilation=(3, 2), ceil_mode=True),
    "max_pool2d dilated, of a large window": lambda x: F.max_pool2d(x, (4, 3), 1, padding=(2, 1), dilation=(2, 1)),
    "max_pool3d dilated": lambda x: F.max_pool3d(x.unflatten(3, (3, 2)), 2, stride=1, dilation=(3, 2, 1)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_gradient_is_that_of_pytorch(name):
    module = Function(FUNCTIONS[name])
    image = torch.randn(1, 2, 7, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    given = module(image)
    weights = torch.randn(given.shape, generator=torch.Generator().manual_seed(1))
    (given * weights).sum().backward()
    model = jaxviz.from_torch(module, (2, 7, 6))

    def ask(image):
        return model.ask(image, lambda activations: (activations[model.output] * weights[0].numpy()).sum())

    gradient = jax.grad(ask)(image[0].detach().numpy())
    np.testing.assert_allclose(gradient, image.grad[0], atol=1e-5)
