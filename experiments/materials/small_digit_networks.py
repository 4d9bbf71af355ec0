"""A small network of digits, trained here: an observer that has nothing in common with the shipped network.

Strided convolutions and no pooling, a global mean and no wide dense layer.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxviz

__all__ = ["SmallDigitNetwork", "trained"]

_BATCH = 128


class SmallDigitNetwork(nn.Module):
    """Four convolutions, three of them strided, a mean over positions, and a dense layer."""

    @nn.compact
    def __call__(self, images):
        x = images
        for features, stride in ((16, 1), (32, 2), (64, 2), (96, 2)):
            x = nn.relu(nn.Conv(features, (3, 3), (stride, stride))(x))
        return nn.softmax(nn.Dense(10)(x.mean((1, 2))))


def trained(images: np.ndarray, labels: np.ndarray, *, epochs: int, seed: int = 0) -> jaxviz.Model:
    """Trains the network.

    Args:
      images: ``[n, 28, 28]`` uint8.
      labels: ``[n]``.
      epochs: how often each image is seen.
      seed: of the first weights and of the order.
    """
    module, rng = SmallDigitNetwork(), np.random.default_rng(seed)
    shown = images[..., None] / np.float32(255)
    variables = module.init(jax.random.key(seed), jnp.asarray(shown[:1]))
    batches = len(shown) // _BATCH
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, max(1, epochs * batches)))
    state = optimizer.init(variables)

    @jax.jit
    def step(variables, state, some, wanted):
        def loss(variables):
            shares = module.apply(variables, some)
            return -jnp.log(jnp.take_along_axis(shares, wanted[:, None], 1) + 1e-9).mean()

        updates, state = optimizer.update(jax.grad(loss)(variables), state)
        return optax.apply_updates(variables, updates), state

    for _ in range(epochs):
        for rows in rng.permutation(len(shown))[: batches * _BATCH].reshape(batches, _BATCH):
            variables, state = step(variables, state, jnp.asarray(shown[rows]), jnp.asarray(labels[rows], jnp.int32))
    return jaxviz.from_linen(module, variables, (28, 28, 1))
