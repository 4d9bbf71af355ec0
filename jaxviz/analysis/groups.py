"""Groups: model + images -> units of a layer that are active together."""

import dataclasses
import warnings

import numpy as np
from jaxtyping import Array, Float, Int
from matplotlib.figure import Figure

from jaxviz.analysis.images import activations_of, checked_images, layer_with_positions
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective, direction
from jaxviz.pictures.figures import tiles_figure
from jaxviz.pictures.images import coloured
from jaxviz.pictures.maps import overlaid
from jaxviz.pictures.tiles import of_images, tiles
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization

__all__ = ["Groups", "groups"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Groups:
    """Groups of units that are active together.

    Attributes:
      layer: the layer's name.
      directions: how strongly each unit belongs to each group, ``[groups, channels]``, each of length 1.
      maps: how strongly each group is active at each position, ``[images, *positions, groups]``.
      error: the share of the activations, in length, that the groups do not explain; from 0 to 1.
      negative: the share of the activations, in length, that is negative and was left out; 0 after a relu.
    """

    layer: str
    directions: Float[np.ndarray, "groups channels"]
    maps: Float[np.ndarray, "images ..."]
    error: float
    negative: float

    def objective(self, *, power: float = 2.0) -> Objective:
        """Returns what a picture of each group maximizes: the group's direction."""
        return direction(self.layer, self.directions, power=power)

    def strongest(self, count: int = 8) -> Int[np.ndarray, "groups count"]:
        """Returns the units that belong most strongly to each group, the strongest first."""
        return np.argsort(-self.directions, axis=1, kind="stable")[:, :count]

    def figure(
        self,
        images: Float[Array | np.ndarray, "images ..."],
        pictures: Visualization,
        *,
        extent: tuple[float, float, float, float] | None = None,
    ) -> Figure:
        """Draws a column for each group: its picture, and below it where it is active in each image.

        A group's maps have one scale, so that its images can be compared.

        Args:
          images: those that the groups are of, or the first of them; they stand on the left.
          pictures: of `objective`, one for each group.
          extent: where on the image the layer's positions lie, see `extent_of`; all over it when None.
        """
        shown = coloured(of_images(np.asarray(images, np.float32), pictures.canvas))
        drawn = coloured(tiles(pictures))
        rows, captions = [np.zeros_like(drawn[0]), *drawn], [""]
        captions += [" ".join(map(str, units)) for units in self.strongest(3).tolist()]
        for place, image in enumerate(shown):
            for group in range(-1, len(drawn)):
                found = self.maps[..., group]
                rows.append(image if group < 0 else overlaid(image, found[place], float(found.max()), extent))
                captions.append(str(place) if group < 0 else "")
        title = f"groups of {self.layer}, with their strongest units"
        return tiles_figure(np.stack(rows), captions=captions, title=title, columns=1 + len(drawn))


def groups(
    model: Model,
    layer: str,
    images: Float[Array | np.ndarray, "images ..."],
    count: int,
    *,
    seed: int = 0,
    iterations: int = 400,
) -> Groups:
    """Factorizes the activations of images, without negative numbers, into a few groups of units.

    ``activations = maps @ directions``, both 0 or more, by scikit-learn's coordinate descent. Groups come in the order
    of how much of the activations they explain.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill 2018,
    https://distill.pub/2018/building-blocks

    Args:
      model: the network.
      layer: the layer's name; it has positions.
      images: ``[images, *canvas.shape]`` in the canvas's range.
      count: how many groups.
      seed: of the first guess.
      iterations: the most that are made.

    Raises:
      JaxvizError: the layer has no positions, the images have another shape than the model's, nothing is active, or
        scikit-learn is not installed.

    Example:
      >>> import jaxviz, numpy as np
      >>> digits = np.random.default_rng(0).random((3, 28, 28, 1), dtype=np.float32)
      >>> found = groups(jaxviz.default_model(), "conv2d_2", digits, 4, iterations=20)
      >>> found.directions.shape, found.maps.shape, found.strongest(3).shape
      ((4, 32), (3, 22, 22, 4), (4, 3))
    """
    try:
        from sklearn.decomposition import NMF
        from sklearn.exceptions import ConvergenceWarning
    except ImportError as error:
        raise JaxvizError("groups need scikit-learn; run pip install '.[analysis]'") from error

    found = layer_with_positions(model, layer)
    activations = activations_of(model, checked_images(images, model), found)
    rows = activations.reshape(-1, activations.shape[-1])
    if not 0 < count <= min(rows.shape):
        raise JaxvizError(
            f"{count} groups of layer {layer!r}: give from 1 to {min(rows.shape)}; it has {rows.shape[1]} units, and "
            f"{rows.shape[0]} positions in these images"
        )
    positive = np.maximum(rows, 0)
    length = np.linalg.norm(rows)
    if not positive.any():
        raise JaxvizError(f"no unit of layer {layer!r} is active on these images; give others")
    factorization = NMF(count, init="nndsvda", random_state=seed, max_iter=iterations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the error of the result is said
        strengths = factorization.fit_transform(positive)
    lengths = np.maximum(np.linalg.norm(factorization.components_, axis=1), np.finfo(np.float32).tiny)
    directions, strengths = factorization.components_ / lengths[:, None], strengths * lengths
    order = np.argsort(-np.linalg.norm(strengths, axis=0), kind="stable")
    directions, strengths = directions[order], strengths[:, order]
    return Groups(
        layer=layer,
        directions=directions.astype(np.float32),
        maps=strengths.reshape(*activations.shape[:-1], count).astype(np.float32),
        error=float(np.linalg.norm(positive - strengths @ directions) / np.linalg.norm(positive)),
        negative=float(np.linalg.norm(rows - positive) / length),
    )
