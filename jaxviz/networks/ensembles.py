"""Ensembles: several models of one image -> one model with the layers of all of them."""

import dataclasses
from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from jaxviz.networks.activations import Activations, Module
from jaxviz.networks.layer import Canvas, unknown_layer
from jaxviz.networks.model import Model
from jaxviz.values.errors import JaxvizError

__all__ = ["ensemble"]


@dataclasses.dataclass(frozen=True)
class _Member:
    """A model without its variables, and how it is shown an image on the ensemble's canvas.

    Attributes:
      name: its name in the ensemble.
      module: its network.
      layers: the names of its layers.
      canvas: its own canvas.
      preprocess: its own preprocessing.
    """

    name: str
    module: Module
    layers: tuple[str, ...]
    canvas: Canvas
    preprocess: Callable[[Array], Array] | None

    def shown(self, image: Array, canvas: Canvas) -> Array:
        # What is computed in fewer bits is the network; a range and a preprocessing are made for float32.
        return self._converted(image.astype(jnp.float32), canvas).astype(image.dtype)

    def _converted(self, image: Array, canvas: Canvas) -> Array:
        if (canvas.low, canvas.high) != (self.canvas.low, self.canvas.high):
            share = (image - canvas.low) / (canvas.high - canvas.low)
            image = self.canvas.low + (self.canvas.high - self.canvas.low) * share
        if self.preprocess is None:
            return image
        axis = self.canvas.channel_axis
        return jnp.moveaxis(self.preprocess(jnp.moveaxis(image, axis, -1)), -1, axis)


@dataclasses.dataclass(frozen=True)
class _Ensemble:
    """Several networks as one."""

    members: tuple[_Member, ...]
    canvas: Canvas

    def apply(self, variables: PyTree, image: Array, question: Callable, /) -> PyTree:
        def asked(members: tuple[_Member, ...], known: dict[str, Activations]) -> PyTree:
            # Each network is asked inside the question of the one before, so that all are there at the last.
            if not members:
                return question(_Joined(self.members, known))
            member, *others = members
            return member.module.apply(
                variables[member.name],
                member.shown(image, self.canvas),
                lambda activations: asked(tuple(others), {**known, member.name: activations}),
            )

        return asked(self.members, {})


class _Joined:
    """The activations of all, by the name of the network and that of the layer."""

    def __init__(self, members: tuple[_Member, ...], known: Mapping[str, Activations]):
        self._members = members
        self._known = known

    def __getitem__(self, layer: str, /) -> Array:
        activations, name = self._found(layer)
        return activations[name]

    def channel(self, layer: str, index: Array | np.ndarray, /) -> Array:
        activations, name = self._found(layer)
        return activations.channel(name, index)

    def _found(self, layer: str) -> tuple[Activations, str]:
        member, _, name = layer.partition("/")
        if member not in self._known:
            raise unknown_layer(layer, [f"{each.name}/{name}" for each in self._members for name in each.layers])
        return self._known[member], name


def ensemble(models: Mapping[str, Model]) -> Model:
    """Makes one model of several models of the same image; its layers are named ``name/layer``.

    A picture that activates several networks depends less on accidents of one of them. The canvas, the last layer and
    its logits are those of the first model. Each model gets the image in its own range, by its own preprocessing.

    Args:
      models: the models by name, of one shape of image.

    Raises:
      JaxvizError: there are none, their images have different shapes, or a name is empty or contains a ``/``.

    Example:
      >>> import jaxviz
      >>> both = ensemble({"a": jaxviz.default_model(), "b": jaxviz.default_model().with_preprocessing("0-255")})
      >>> objective = jaxviz.objectives.class_logit(3) + jaxviz.objectives.channel("b/dense_3", 3)
      >>> objective.resolve(both).labels()
      ['logit:3 + b/dense_3:3']
    """
    if not models:
        raise JaxvizError("an ensemble of no models; give {name: model, …}")
    first_name, first = next(iter(models.items()))
    for name, model in models.items():
        if not name or "/" in name:
            raise JaxvizError(f"a model of the name {name!r}: give a name without '/'")
        ours, theirs = first.canvas, model.canvas
        if (theirs.shape, theirs.channel_axis) != (ours.shape, ours.channel_axis):
            raise JaxvizError(
                f"model {name!r} takes images of shape {theirs.shape}, and {first_name!r} of {ours.shape}"
                f"{_with_channels(ours, theirs)}; load them for one shape"
            )
    members = tuple(
        _Member(name, model.module, tuple(layer.name for layer in model.layers), model.canvas, model.preprocess)
        for name, model in models.items()
    )
    return Model(
        variables={name: model.variables for name, model in models.items()},
        module=_Ensemble(members, first.canvas),
        layers=tuple(
            dataclasses.replace(
                layer,
                name=f"{name}/{layer.name}",
                preactivation=None if layer.preactivation is None else f"{name}/{layer.preactivation}",
            )
            for name, model in models.items()
            for layer in model.layers
        ),
        canvas=first.canvas,
        output=f"{first_name}/{first.output}",
        logits=f"{first_name}/{first.logits}",
    )


def _with_channels(ours: Canvas, theirs: Canvas) -> str:
    if ours.channel_axis == theirs.channel_axis:
        return ""
    return f" with the channels {'last' if ours.channel_axis == -1 else 'first'}"
