"""Optimizers: optax gradient transformations and schedules of feature visualization.

Any ``optax.GradientTransformation`` is an optimizer. This module has those that optax lacks.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Num

__all__ = ["l2_normalized_ascent", "normalize_by_rms", "normalized_ascent", "vary_step", "warm_cosine"]


def normalize_by_rms(epsilon: float = 1e-5) -> optax.GradientTransformation:
    """Scales a gradient to a root mean square of 1: ``g / (sqrt(mean(g^2)) + epsilon)``.

    The mean is over one image, so the other images of a batch do not matter. Source: Chollet, "How convolutional neural
    networks see the world", Keras blog 2016, https://blog.keras.io/how-convolutional-neural-networks-see-the-world.html

    Args:
      epsilon: keeps a gradient of zero at zero, in units of the gradient.

    Example:
      >>> step = normalize_by_rms()
      >>> updates, _ = step.update(jnp.array([3.0, -4.0, 0.0, 0.0]), step.init(None))
      >>> print(updates.round(3))
      [ 1.2 -1.6  0.   0. ]
    """

    def update(updates, state, params=None):
        del params
        squares = jax.tree.map(lambda gradient: jnp.sum(jnp.square(gradient)), updates)
        count = sum(leaf.size for leaf in jax.tree.leaves(updates))
        rms = jnp.sqrt(jax.tree.reduce(jnp.add, squares) / count)
        return jax.tree.map(lambda gradient: gradient / (rms + epsilon), updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def vary_step(step: Num[Array, ""] | int) -> Float[Array, ""] | float:
    """The seed's decreasing step size, an optax schedule: ``1 / (100 + 10 t)``.

    Source: Robinson's article of 2018 on visualizing a Keras MNIST network, for the pictures of its last layer.

    Args:
      step: steps made before this one.

    Returns:
      The step size, in pixel values.
    """
    return 1.0 / (100.0 + 10.0 * step)


def warm_cosine(peak: float, warmup: int, steps: int) -> optax.Schedule:
    """Makes a schedule that rises to a peak in equal parts, then falls to 0 as a cosine does.

    ``peak (t + 1) / warmup`` before the warm-up ends, then ``peak (1 + cos(pi (t - warmup) / (steps - warmup))) / 2``.
    Source: Görgün, Schiele and Fischer, "VITAL", ICCV 2025, https://arxiv.org/abs/2503.22399, their code

    Args:
      peak: the highest value.
      warmup: steps that it rises for, 1 or more.
      steps: steps in all.

    Example:
      >>> schedule = warm_cosine(1.0, 2, 6)
      >>> print([round(float(schedule(step)), 2) for step in range(6)])
      [0.5, 1.0, 1.0, 0.85, 0.5, 0.15]
    """

    def schedule(step):
        fallen = (step - warmup) / max(steps - warmup, 1)
        return peak * jnp.where(step < warmup, (step + 1) / warmup, (1 + jnp.cos(jnp.pi * fallen)) / 2)

    return schedule


def normalized_ascent(step_size: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """Steps of a given root mean square along the gradient: ``x <- x + size(t) g / (rms(g) + 1e-5)``.

    Args:
      step_size: root mean square of a step, in pixel values, or a schedule of it.
    """
    return optax.chain(normalize_by_rms(), optax.scale_by_learning_rate(step_size))


def l2_normalized_ascent(step_size: optax.ScalarOrSchedule) -> optax.GradientTransformation:
    """Steps of a given Euclidean length along the gradient: ``x <- x + size(t) g / |g|``.

    Source: Chollet, "Visualizing what convnets learn", Keras 2020,
    https://keras.io/examples/vision/visualizing_what_convnets_learn

    Args:
      step_size: length of a step over all pixels and channels, or a schedule of it.
    """
    return optax.chain(optax.normalize_by_update_norm(eps=1e-12), optax.scale_by_learning_rate(step_size))
