"""Training: several states of a network -> the same unit's picture in each, and the units that correspond."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Array, Float, Int
from matplotlib.figure import Figure

from jaxviz.analysis.images import activations_of, checked_images
from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives import Objective
from jaxviz.pictures.figures import tiles_figure
from jaxviz.pictures.images import coloured
from jaxviz.pictures.tiles import films, tiles
from jaxviz.recipes import Recipe
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization, visualize

__all__ = ["Correspondences", "History", "correspondences", "history"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class History:
    """Pictures of the same units in several states of a network.

    Attributes:
      names: what each state is called.
      states: the pictures of each state.
    """

    names: tuple[str, ...]
    states: tuple[Visualization, ...]

    @property
    def images(self) -> Float[np.ndarray, "states n ..."]:
        """The images of all states."""
        return np.stack([state.images for state in self.states])

    @property
    def scores(self) -> Float[np.ndarray, "states n"]:
        """The final scores of all states."""
        return np.stack([state.final_scores for state in self.states])

    def figure(self) -> Figure:
        """Draws a strip for each unit: its pictures in all states, from left to right."""
        last, count = self.states[-1], len(self.states)
        # One brightness for the whole strip: the frames of a unit are rendered together.
        shown = films(self.film())
        tiles_of = np.concatenate([shown[:, :1], shown], axis=1)  # at the left of each row a place for the unit's name
        blank = np.arange(len(shown) * (1 + count)) % (1 + count) == 0
        captions = []
        for row, label in enumerate(last.labels):
            captions += [label, *(self.names if row == 0 else [""] * count)]
        flat = tiles_of.reshape(-1, *shown.shape[2:])
        return tiles_figure(flat, captions=captions, title="", blank=blank, columns=1 + count)

    def film(self) -> Visualization:
        """Returns the last state's pictures with those of all states as their frames, fit for `jaxviz.animations`."""
        return dataclasses.replace(self.states[-1], frames=np.moveaxis(self.images, 0, 1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Correspondences:
    """For each unit of one network the unit of another that is active on the same images.

    Attributes:
      layers: the names of the two layers.
      units: the unit of the second layer for each of the first, ``[units]``.
      correlations: of the activations of the two, ``[units]``; 0 for a unit that never changes.
    """

    layers: tuple[str, str]
    units: Int[np.ndarray, " units"]
    correlations: Float[np.ndarray, " units"]

    def strongest(self, count: int = 8) -> Int[np.ndarray, " count"]:
        """Returns the units of the first layer that correspond best, the best first."""
        return np.argsort(-self.correlations, kind="stable")[:count]

    def figure(self, units: Int[np.ndarray, " n"], first: Visualization, second: Visualization) -> Figure:
        """Draws pairs side by side: a unit of the first network, and the one of the second that corresponds to it.

        Args:
          units: of the first layer.
          first: the pictures of these units.
          second: the pictures of those that correspond to them.
        """
        pairs = [one for pair in zip(coloured(tiles(first)), coloured(tiles(second)), strict=True) for one in pair]
        captions = []
        for unit in units.tolist():
            captions += [str(unit), f"{self.units[unit]}, r {self.correlations[unit]:.2f}"]
        first_name, second_name = self.layers
        title = first_name if first_name == second_name else f"{first_name} and {second_name}"
        return tiles_figure(np.stack(pairs), captions=captions, title=title, columns=2 * max(1, len(units) // 4))


def history(
    models: Sequence[Model],
    objective: Objective | Callable[[Activations], Float[Array, ""]] | str,
    recipe: str | Recipe | None = None,
    *,
    names: Sequence[str] | None = None,
    chained: bool = True,
    steps: int | None = None,
    key: Array | None = None,
    progress: Callable[[int], None] | None = None,
) -> History:
    """Makes pictures of the same units in each state of a network, such as the checkpoints of its training.

    Each picture begins as that of the state before ended, and all have the same random draws: a film without jumps, in
    which a picture also changes because it climbs on. To compare states, begin all pictures from the same start
    instead (``chained=False``): equal states then have equal pictures. A recipe whose parameterization cannot hold
    every image, such as blurred pixels, begins from the nearest that it can. States of one architecture run one
    compiled program.

    Args:
      models: the states, in order; ``model.replace(variables=…)`` makes one of another checkpoint.
      objective: what to maximize, one or a batch; as of `jaxviz.visualize`.
      recipe: how to climb; the one that suits the first state when None.
      names: what each state is called, such as ``"epoch 3"``; their numbers from 0 when None.
      chained: whether each picture begins as the one before ended; else all begin from the recipe's start.
      steps: how many steps are made in each state; the recipe's own number when None.
      key: the key of all random draws, ``jax.random.key(0)`` when None.
      progress: called after each state with 1.

    Raises:
      JaxvizError: there are no states, other numbers of names than of states, or states with other images.

    Example:
      >>> import jax, jaxviz
      >>> model = jaxviz.default_model()
      >>> weaker = model.replace(variables=jax.tree.map(lambda weights: 0.9 * weights, model.variables))
      >>> found = history([weaker, model], jaxviz.objectives.channel("conv2d_1", [3, 7]), steps=2)
      >>> found.images.shape, found.film().frames.shape
      ((2, 2, 28, 28, 1), (2, 2, 28, 28, 1))
    """
    states = list(models)
    called = [str(place) for place in range(len(states))] if names is None else list(names)
    if not states or len(called) != len(states):
        raise JaxvizError(f"{len(called)} names for {len(states)} states; give one state or more, and a name for each")
    shapes = {state.canvas.shape for state in states}
    if len(shapes) > 1:
        raise JaxvizError(f"states with images of {' and '.join(map(str, sorted(shapes)))}; give states of one network")
    done: list[Visualization] = []
    for state in states:
        start = done[-1].images if done and chained else None
        done.append(visualize(state, objective, recipe, start=start, steps=steps, key=key))
        if progress is not None:
            progress(1)
    return History(names=tuple(called), states=tuple(done))


def correspondences(
    first: Model,
    second: Model,
    layers: str | tuple[str, str],
    images: Float[Array | np.ndarray, "images ..."],
) -> Correspondences:
    """Finds for each unit of one network the unit of another whose activations correlate most with its own.

    Activations are compared at all positions of all images where both layers have the same positions, else their means
    over positions.

    Source: Li et al., "Convergent Learning: Do different neural networks learn the same representations?", ICLR 2016,
    https://arxiv.org/abs/1511.07543

    Args:
      first: the one network.
      second: the other; it takes the same images.
      layers: the name of the layer in both, or its name in each.
      images: ``[images, *canvas.shape]`` in the canvas's range, two or more.

    Raises:
      JaxvizError: the images have another shape than the models', or a layer has no channels.

    Example:
      >>> import jaxviz, numpy as np
      >>> model, digits = jaxviz.default_model(), np.random.default_rng(0).random((2, 28, 28, 1), dtype=np.float32)
      >>> found = correspondences(model, model, "conv2d_1", digits)
      >>> bool((found.units[found.correlations > 0.99] == np.arange(32)[found.correlations > 0.99]).all())
      True
    """
    names = (layers, layers) if isinstance(layers, str) else layers
    rows = []
    for model, name in zip((first, second), names, strict=True):
        layer = model.layer(name)
        if layer.channels is None:
            raise JaxvizError(f"layer {name!r} ({layer.description}) has no channels; name another")
        rows.append(activations_of(model, checked_images(images, model), layer))
    if rows[0].shape[:-1] != rows[1].shape[:-1]:
        rows = [values.reshape(len(values), -1, values.shape[-1]).mean(axis=1) for values in rows]
    mine, others = (_standardized(values.reshape(-1, values.shape[-1])) for values in rows)
    correlations = mine.T @ others / len(mine)
    best = correlations.argmax(axis=1)
    return Correspondences(
        layers=names, units=best, correlations=np.take_along_axis(correlations, best[:, None], axis=1)[:, 0]
    )


def _standardized(values: Float[np.ndarray, "rows units"]) -> Float[np.ndarray, "rows units"]:
    """Brings each unit to a mean of 0 and a deviation of 1; one that never changes to 0."""
    centred = values - values.mean(axis=0)
    deviation = centred.std(axis=0)
    return np.where(deviation > 0, centred / np.where(deviation > 0, deviation, 1), 0)
