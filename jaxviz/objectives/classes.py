"""Classes: the logit, the probability or the log-odds of a class."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.class_names import class_of
from jaxviz.networks.model import Model
from jaxviz.objectives.arguments import Classes, indices, numbers, whole_numbers
from jaxviz.objectives.base import Objective
from jaxviz.objectives.labels import counted
from jaxviz.values.errors import JaxvizError
from jaxviz.values.texts import NO_TEXTS, Texts

__all__ = ["class_log_odds", "class_logit", "class_probability"]


@partial(jax.tree_util.register_dataclass, data_fields=["index"], meta_fields=["logits", "layer", "softmax", "names"])
@dataclasses.dataclass(frozen=True)
class ClassScore(Objective):
    """The probability or the logit of a class."""

    index: PyTree  # a leaf; until resolved, also names, and None for all there are
    logits: bool
    layer: str = ""  # the array that is read, once resolved
    softmax: bool = False  # taken of it, where the network takes none itself
    names: Texts = NO_TEXTS  # of all classes, where they are known

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
        index = indices(_numbers(self.index, model), output.output_shape[0], "class")
        if self.logits:
            return ClassScore(index, True, model.logits, names=model.classes)
        return ClassScore(index, False, model.output, softmax=model.output == model.logits, names=model.classes)

    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def labels(self) -> list[str]:
        return counted("logit" if self.logits else "class", self.index, self.names)

    def units(self, model: Model) -> int | None:
        return model.layer(model.output).channels


@partial(jax.tree_util.register_dataclass, data_fields=["index", "others"], meta_fields=["layer", "sigmoid", "names"])
@dataclasses.dataclass(frozen=True)
class ClassLogOdds(Objective):
    """The log-odds of a class against all others."""

    index: PyTree  # likewise
    others: PyTree = 1.0  # how much the other classes count: [1], once resolved
    layer: str = ""
    sigmoid: bool = False  # where each class has a probability of its own, its logit is the answer
    names: Texts = NO_TEXTS

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        assert self.index is not None, "an objective is resolved against a model before it is called"
        if self.sigmoid:
            return activations.channel(self.layer, self.index)[0]
        logits = activations[self.layer]
        others = jnp.where(jnp.arange(len(logits)) == self.index, -jnp.inf, logits)
        return logits[self.index] - jnp.asarray(self.others) * jax.nn.logsumexp(others)

    def resolve(self, model: Model) -> Objective:
        of_logit = ClassScore(self.index, logits=True).resolve(model)
        assert isinstance(of_logit, ClassScore)
        sigmoid = model.layer(model.output).channels == 1
        others = np.reshape(self.others, 1)
        return ClassLogOdds(of_logit.index, others, model.logits, sigmoid=sigmoid, names=model.classes)

    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def labels(self) -> list[str]:
        others = np.ravel(self.others)[0]
        return counted("odds" if others == 1 else f"odds·{others:g}", self.index, self.names)

    def units(self, model: Model) -> int | None:
        return model.layer(model.output).channels


def class_probability(index: Classes = None) -> Objective:
    """Maximises the probability of a class: the network's own softmax or sigmoid, or the softmax of its last layer.

    Args:
      index: a class by its number or name, or several for a batch; by default all classes.

    Example:
      >>> class_probability(range(2)).labels()
      ['class:0', 'class:1']
    """
    return ClassScore(_asked(index), logits=False)


def class_logit(index: Classes = None) -> Objective:
    """Maximises the input of the last layer's softmax or sigmoid for a class.

    Source: Simonyan et al., "Deep Inside Convolutional Networks", 2013, https://arxiv.org/abs/1312.6034

    Args:
      index: a class by its number or name, or several for a batch; by default all classes.

    Example:
      >>> class_logit(3).labels()
      ['logit:3']
    """
    return ClassScore(_asked(index), logits=True)


def class_log_odds(index: Classes = None, *, others: float = 1.0) -> Objective:
    """Maximises ``log(p / (1 - p))`` of a class's softmax: its logit minus the ``logsumexp`` of all others.

    Unlike the probability it does not saturate, and unlike the logit it takes the other classes into account.

    Args:
      index: a class by its number or name, or several for a batch; by default all classes.
      others: how much the other classes count, 0 or more: the factor of their ``logsumexp``. 0 is the logit.

    Raises:
      JaxvizError: others is not a number of 0 or more.

    Example:
      >>> class_log_odds(3).labels(), class_log_odds(3, others=0.5).labels()
      (['odds:3'], ['odds·0.5:3'])
    """
    return ClassLogOdds(_asked(index), numbers([others], "others of", least=0.0))


def _asked(index: Classes) -> np.ndarray | None:
    """Returns classes as an array of whole numbers, or of numbers and names that only a model can tell."""
    if index is None or isinstance(index, int | np.integer | np.ndarray | jax.Array):
        return whole_numbers(index)
    given = [index] if isinstance(index, str) else list(index)
    numbers = [one for one in given if not isinstance(one, str)]
    if len(numbers) == len(given):
        return whole_numbers(numbers)
    if wrong := [one for one in numbers if isinstance(one, bool) or not isinstance(one, int | np.integer)]:
        raise JaxvizError(f"class {wrong[0]!r}: give its number or its name")
    return np.array(given, object)


def _numbers(asked: Array | np.ndarray | None, model: Model) -> Array | np.ndarray | None:
    if not isinstance(asked, np.ndarray) or asked.dtype != object:
        return asked
    return np.array([class_of(one, model.class_names) if isinstance(one, str) else one for one in asked.tolist()])
