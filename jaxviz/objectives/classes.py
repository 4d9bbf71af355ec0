"""Classes: the logit, the probability or the odds of a class."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives.arguments import Indices, indices, whole_numbers
from jaxviz.objectives.base import Objective
from jaxviz.values.errors import JaxvizError

__all__ = ["class_log_odds", "class_logit", "class_probability"]


@partial(jax.tree_util.register_dataclass, data_fields=["index"], meta_fields=["logits", "layer", "softmax"])
@dataclasses.dataclass(frozen=True)
class ClassScore(Objective):
    """The probability of a class, or its logit, wherever the model keeps them."""

    index: PyTree  # a leaf; None, until resolved, for all there are
    logits: bool
    layer: str = ""  # the array that is read, once resolved
    softmax: bool = False  # taken of it, where the network takes none itself

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        assert self.index is not None, "an objective is resolved against a model before it is called"
        if self.softmax:
            return jax.nn.softmax(activations[self.layer])[self.index]
        return activations.channel(self.layer, self.index)[0]

    def resolve(self, model: Model) -> Objective:
        output = model.layer(model.output)
        if len(output.output_shape) != 1:
            raise JaxvizError(
                f"the last layer, {output.name!r}, has the shape {output.output_shape}, not one number a class; "
                "name a layer and use channel"
            )
        index = indices(self.index, output.output_shape[0], "class")
        if self.logits:
            return ClassScore(index, True, model.logits)
        return ClassScore(index, False, model.output, softmax=model.output == model.logits)

    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def labels(self) -> list[str]:
        kind = "logit" if self.logits else "class"
        return [f"{kind}:{index}" for index in np.atleast_1d(np.asarray(self.index))]

    def units(self, model: Model) -> int | None:
        return model.layer(model.output).channels


@partial(jax.tree_util.register_dataclass, data_fields=["index"], meta_fields=["layer", "sigmoid"])
@dataclasses.dataclass(frozen=True)
class ClassLogOdds(Objective):
    """The logarithm of how much more likely a class is than all others together."""

    index: PyTree  # likewise
    layer: str = ""
    sigmoid: bool = False  # where each class has a probability of its own, its logit is the answer

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        assert self.index is not None, "an objective is resolved against a model before it is called"
        if self.sigmoid:
            return activations.channel(self.layer, self.index)[0]
        logits = activations[self.layer]
        others = jnp.where(jnp.arange(len(logits)) == self.index, -jnp.inf, logits)
        return logits[self.index] - jax.nn.logsumexp(others)

    def resolve(self, model: Model) -> Objective:
        of_logit = class_logit(self.index).resolve(model)
        assert isinstance(of_logit, ClassScore)
        return ClassLogOdds(of_logit.index, model.logits, sigmoid=model.layer(model.output).channels == 1)

    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def labels(self) -> list[str]:
        return [f"odds:{index}" for index in np.atleast_1d(np.asarray(self.index))]

    def units(self, model: Model) -> int | None:
        return model.layer(model.output).channels


def class_probability(index: Indices = None) -> Objective:
    """Maximises the probability of a class: the network's own softmax or sigmoid, or the softmax of its last layer.

    Args:
      index: a class, or several for a batch; all when left out.

    Example:
      >>> class_probability(range(2)).labels()
      ['class:0', 'class:1']
    """
    return ClassScore(whole_numbers(index), logits=False)


def class_logit(index: Indices = None) -> Objective:
    """Maximises what the last layer gives for a class before its softmax or sigmoid.

    Source: Simonyan et al., "Deep Inside Convolutional Networks", 2013, https://arxiv.org/abs/1312.6034

    Args:
      index: a class, or several for a batch; all when left out.

    Example:
      >>> class_logit(3).labels()
      ['logit:3']
    """
    return ClassScore(whole_numbers(index), logits=True)


def class_log_odds(index: Indices = None) -> Objective:
    """Maximises ``log(p / (1 - p))`` of a class's softmax: its logit minus the ``logsumexp`` of all others.

    Unlike the probability it never saturates, and unlike the logit it counts what speaks for other classes.

    Args:
      index: a class, or several for a batch; all when left out.

    Example:
      >>> class_log_odds(3).labels()
      ['odds:3']
    """
    return ClassLogOdds(whole_numbers(index))
