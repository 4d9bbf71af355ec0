"""Grids: model + image -> what each position of a layer sees in the image, as pictures of directions."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Array, Float, UInt8
from matplotlib.figure import Figure
from PIL import Image

from jaxviz.analysis.images import activations_of, checked_images, layer_with_positions
from jaxviz.networks.model import Model
from jaxviz.objectives import direction
from jaxviz.pictures.figures import tiles_figure
from jaxviz.pictures.images import coloured
from jaxviz.pictures.mosaics import mosaic
from jaxviz.pictures.tiles import of_images, tiles
from jaxviz.recipes import Recipe
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization, visualize

__all__ = ["Grid", "grid", "grids"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """What each position of a layer sees in an image.

    Attributes:
      layer: the layer's name.
      cells: a picture for each cell, in reading order.
      shape: cells along each axis.
      vectors: the activation of each cell, ``[*shape, channels]``.
    """

    layer: str
    cells: Visualization
    shape: tuple[int, ...]
    vectors: Float[np.ndarray, "... channels"]

    @property
    def sizes(self) -> Float[np.ndarray, "..."]:
        """How strongly each cell is activated: the length of its vector, as a share of the longest, ``[*shape]``."""
        lengths = np.linalg.norm(self.vectors, axis=-1)
        return lengths / max(lengths.max(), np.finfo(np.float32).tiny)

    def mosaic(self, side: int = 448) -> UInt8[np.ndarray, "height width channels"]:
        """Draws all cells in their places, each with an area in proportion to its size.

        Args:
          side: pixels of the longer side, about.
        """
        return mosaic(tiles(self.cells), np.atleast_2d(self.sizes), side)

    def figure(self, image: Float[Array | np.ndarray, "..."] | None = None) -> Figure:
        """Draws the mosaic; beside the image that it is of, where that is given."""
        drawn = coloured(self.mosaic())
        if image is None:
            return tiles_figure(drawn[None], captions=[""], title=self.layer)
        batch = np.asarray(image, np.float32)[None]
        height, width, _ = drawn.shape
        shown = Image.fromarray(coloured(of_images(batch, self.cells.canvas))[0])
        beside = np.asarray(shown.resize((width, height), Image.Resampling.LANCZOS))
        return tiles_figure(np.stack([beside, drawn]), captions=["the image", self.layer], title="", columns=2)


def grid(
    model: Model,
    layer: str,
    image: Float[Array | np.ndarray, "..."],
    *,
    cells: int | tuple[int, ...] | None = None,
    power: float = 2.0,
    recipe: str | Recipe | None = None,
    steps: int | None = None,
    chunk: int | None = None,
    key: Array | None = None,
    progress: Callable[[int], None] | None = None,
) -> Grid:
    """Makes a picture of the direction in which each position of a layer is activated by an image.

    All cells are optimized together, each with its own `objectives.direction`. Alone, and in chunks of the same size,
    it comes out the same, bit for bit.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill 2018,
    https://distill.pub/2018/building-blocks

    Args:
      model: the network.
      layer: the layer's name; it has positions.
      image: ``[*canvas.shape]`` in the canvas's range.
      cells: how many cells along each axis, one number for all or one for each; positions that share a cell are
        averaged. One for each position when None.
      power: of the cosine between a picture's activations and the direction; 0 takes the dot product alone.
      recipe: how to climb; the one that suits the model when None.
      steps: how many steps are made; the recipe's own number when None.
      chunk: the number of cells that each device optimizes together; chosen for model and machine when None.
      key: the key of all random draws, ``jax.random.key(0)`` when None.
      progress: called after each chunk with the number of its cells.

    Raises:
      JaxvizError: the layer has no positions, the image has another shape than the model's, or there are more cells
        than positions.

    Example:
      >>> import jaxviz, numpy as np
      >>> digit = np.eye(28, dtype=np.float32)[..., None]
      >>> seen = grid(jaxviz.default_model(), "max_pooling2d_2", digit, cells=(2, 2), steps=2)
      >>> seen.shape, seen.cells.images.shape, seen.sizes.shape
      ((2, 2), (4, 28, 28, 1), (2, 2))
    """
    found = layer_with_positions(model, layer)
    given = checked_images(np.asarray(image, np.float32)[None], model)
    activations = activations_of(model, given, found)[0]
    places = activations.shape[:-1]
    shape = places if cells is None else (cells,) * len(places) if isinstance(cells, int) else tuple(cells)
    if len(shape) != len(places) or any(not 0 < few <= many for few, many in zip(shape, places, strict=True)):
        raise JaxvizError(f"cells {shape}: layer {layer!r} has {places} positions; give as many or fewer")
    vectors = _averaged(activations, shape)
    objective = direction(layer, vectors.reshape(-1, vectors.shape[-1]), power=power)
    drawn = visualize(model, objective, recipe, key=key, steps=steps, chunk=chunk, progress=progress)
    return Grid(layer=layer, cells=drawn, shape=shape, vectors=vectors)


def grids(
    model: Model,
    layers: Sequence[str],
    image: Float[Array | np.ndarray, "..."],
    *,
    cells: int = 8,
    recipe: str | Recipe | None = None,
    steps: int | None = None,
    key: Array | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Grid, ...]:
    """Makes a `grid` of each of several layers for one image.

    Args:
      model: the network.
      layers: their names; each has positions.
      image: ``[*canvas.shape]`` in the canvas's range.
      cells: the most cells along an axis; a layer with fewer positions has one for each.
      recipe: how to climb; the one that suits the model when None.
      steps: how many steps are made; the recipe's own number when None.
      key: the key of all random draws, ``jax.random.key(0)`` when None.
      progress: called after each chunk with the number of its cells.

    Raises:
      JaxvizError: a layer has no positions, or the image has another shape than the model's.

    Example:
      >>> import jaxviz, numpy as np
      >>> digit = np.eye(28, dtype=np.float32)[..., None]
      >>> seen = grids(jaxviz.default_model(), ["conv2d_4", "max_pooling2d_2"], digit, cells=4, steps=2)
      >>> [each.shape for each in seen]
      [(4, 4), (3, 3)]
    """
    found = [layer_with_positions(model, name) for name in layers]
    sides = [np.delete(layer.output_shape, layer.channel_axis or 0).tolist() for layer in found]
    shapes = [tuple(min(side, cells) for side in of_layer) for of_layer in sides]
    return tuple(
        grid(model, layer.name, image, cells=shape, recipe=recipe, steps=steps, key=key, progress=progress)
        for layer, shape in zip(found, shapes, strict=True)
    )


def _averaged(activations: Float[np.ndarray, "..."], shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Averages positions along each axis, into cells of equal size or a position more."""
    for axis, count in enumerate(shape):
        parts = np.array_split(activations, count, axis=axis)
        activations = np.stack([part.mean(axis=axis) for part in parts], axis=axis)
    return activations
