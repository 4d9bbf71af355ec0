"""Attribution: model + objective + images -> how much of the objective comes from each unit and position of a layer."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from matplotlib.figure import Figure

from jaxviz.analysis.images import checked_images
from jaxviz.networks.activations import Activations
from jaxviz.networks.cuts import cut
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.objectives.expressions import objective_of
from jaxviz.pictures.figures import tiles_figure
from jaxviz.pictures.images import coloured
from jaxviz.pictures.maps import overlaid
from jaxviz.pictures.tiles import of_images, tiles
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization

__all__ = ["METHODS", "Attribution", "attribution"]

METHODS = ("gradient", "integrated")
"""How the attribution is computed: from the gradient at the image, or from gradients on the way to it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attribution:
    """How much of an objective comes from each number of a layer's activation.

    Attributes:
      layer: the layer's name.
      labels: what was asked for, one for each image.
      values: ``[images, *output_shape]``, channels last; in units of the objective.
      scores: the objective of each image, ``[images]``.
      base_scores: the objective where the layer gives the baseline, ``[images]``.
    """

    layer: str
    labels: tuple[str, ...]
    values: Float[np.ndarray, "images ..."]
    scores: Float[np.ndarray, " images"]
    base_scores: Float[np.ndarray, " images"]

    @property
    def units(self) -> Float[np.ndarray, "images units"]:
        """The attribution of each unit: the sum over positions."""
        return self.values.reshape(len(self.values), -1, self.values.shape[-1]).sum(axis=1)

    @property
    def maps(self) -> Float[np.ndarray, "images ..."]:
        """The attribution of each position: the sum over units, ``[images, *positions]``."""
        return self.values.sum(axis=-1)

    def strongest(self, count: int = 8) -> Int[np.ndarray, "images count"]:
        """Returns for each image the units with the largest attribution of either sign, the largest first."""
        return np.argsort(-np.abs(self.units), axis=1, kind="stable")[:, :count]

    @property
    def gaps(self) -> Float[np.ndarray, " images"]:
        """How far the attribution is from complete: its sum minus the rise of the objective from the baseline."""
        return self.values.reshape(len(self.values), -1).sum(axis=1) - (self.scores - self.base_scores)

    def figure(
        self,
        images: Float[Array | np.ndarray, "images ..."],
        units: Int[np.ndarray, " n"],
        pictures: Visualization,
        *,
        count: int = 4,
        names: Sequence[str] | None = None,
        extent: tuple[float, float, float, float] | None = None,
    ) -> Figure:
        """Draws a row for each image: the image, the map over it, and the pictures of the units it comes from most.

        Args:
          images: those that the attribution is of, or the first of them.
          units: the units that the pictures are of; all that are among the strongest of an image.
          pictures: one for each of the units.
          count: how many units stand in a row.
          names: what each image is called; its number when None.
          extent: where on the image the layer's positions lie, see `extent_of`; all over it when None.
        """
        shown = coloured(of_images(np.asarray(images, np.float32), pictures.canvas))
        rows, captions = [], []
        found = {int(unit): tile for unit, tile in zip(units, coloured(tiles(pictures)), strict=True)}
        for place, image in enumerate(shown):
            rows.append(image)
            captions.append(str(place) if names is None else names[place])
            if self.values.ndim > 2:
                rows.append(overlaid(image, self.maps[place], extent=extent))
                captions.append(f"{self.scores[place]:.3g}")
            for unit in self.strongest(count)[place].tolist():
                rows.append(found[unit])
                captions.append(f"{unit}: {self.units[place, unit]:+.2g}")
        columns = len(rows) // len(shown)
        title = f"{self.labels[0] if len(set(self.labels)) == 1 else 'attribution'} from {self.layer}"
        return tiles_figure(np.stack(rows), captions=captions, title=title, columns=columns)


def attribution(
    model: Model,
    objective: Objective | Callable[[Activations], Float[Array, ""]] | str,
    images: Float[Array | np.ndarray, "images ..."],
    layer: str,
    *,
    method: str = "gradient",
    steps: int = 32,
    baseline: Float[Array | np.ndarray, "..."] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Attribution:
    """Attributes an objective, such as a class, to the units and positions of a layer.

    ``"gradient"``: ``(a - b) df/da``, a the layer's activation and b the baseline. ``"integrated"``: the same with the
    mean of the gradients at ``b + t (a - b)``, t at the middles of equal parts of 0 to 1; the values then sum to
    ``f(a) - f(b)``, up to `Attribution.gaps`.

    Sources: Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017,
    https://arxiv.org/abs/1703.01365; Olah et al., "The Building Blocks of Interpretability", Distill 2018,
    https://distill.pub/2018/building-blocks

    Args:
      model: the network.
      objective: one for all images, or a batch with one for each; as of `jaxviz.visualize`.
      images: ``[images, *canvas.shape]`` in the canvas's range.
      layer: the layer's name; one before those that the objective reads.
      method: one of `METHODS`.
      steps: into how many parts the way is divided; for ``"integrated"``.
      baseline: an activation of the layer, ``[*output_shape]``; zeros when None.
      progress: called after each image with 1.

    Raises:
      JaxvizError: the images have another shape than the model's, the objective does not depend on the layer or is one
        of several images, or a number is out of its range.

    Example:
      >>> import jaxviz, numpy as np
      >>> digits = np.random.default_rng(0).random((2, 28, 28, 1), dtype=np.float32)
      >>> found = attribution(jaxviz.default_model(), jaxviz.objectives.class_logit(3), digits, "conv2d_4")
      >>> found.units.shape, found.maps.shape
      ((2, 64), (2, 7, 7))
    """
    given = checked_images(images, model)
    resolved = objective_of(objective).resolve(model)
    labels = resolved.labels()
    if resolved.group > 1 or len(labels) not in (1, len(given)):
        raise JaxvizError(
            f"{len(labels)} objectives of {resolved.group} images for {len(given)} images; give one objective of one "
            "image, or one for each"
        )
    if method not in METHODS:
        raise JaxvizError(f"unknown method {method!r}; there are {', '.join(METHODS)}")
    if steps < 1:
        raise JaxvizError(f"steps of {steps}: give 1 or more")
    found = model.layer(layer)
    base = np.zeros(found.output_shape, np.float32) if baseline is None else np.asarray(baseline, np.float32)
    if base.shape != found.output_shape:
        raise JaxvizError(f"baseline of shape {base.shape}: layer {layer!r} gives {found.output_shape}")
    points = np.ones(1, np.float32) if method == "gradient" else (np.arange(steps, dtype=np.float32) + 0.5) / steps
    rows = []
    for place, image in enumerate(given):
        found_here = _attributed(model, resolved.one(place), image, base, points, layer)
        rows.append([np.asarray(part) for part in found_here])
        if progress is not None:
            progress(1)
    values, scores, base_scores = (np.stack(parts) for parts in zip(*rows, strict=True))
    if found.channel_axis not in (None, -1):
        values = np.moveaxis(values, found.channel_axis + 1, -1)
    return Attribution(
        layer=layer,
        labels=tuple(labels * len(given) if len(labels) == 1 else labels),
        values=values,
        scores=scores,
        base_scores=base_scores,
    )


@partial(jax.jit, static_argnames="layer")
def _attributed(
    model: Model, objective: Objective, image: Array, base: Array, points: Array, layer: str
) -> tuple[Array, Array, Array]:
    halves = cut(model, layer, objective, image)
    way = halves.activation - base

    def add(total: Array, point: Array) -> tuple[Array, None]:
        return total + jax.grad(halves.rest)(base + point * way), None

    total, _ = jax.lax.scan(add, jnp.zeros_like(way), points)
    return way * total / len(points), halves.rest(halves.activation), halves.rest(base)
