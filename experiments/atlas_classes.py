"""Are the classes of an atlas's cells those of images that had no part in them?

Command:  python -m experiments.atlas_classes --atlas out/atlas.npz
          python -m experiments.atlas_classes --network photographs --images photographs --atlas out/atlas.npz
Images:   photographs whose names begin with the number of their class, or digits with their labels.
Time:     half a minute of CPU time for digits, and longer for photographs. The atlas is one of experiments.atlas.
Expected: the effect of a cell's mean agrees with other images better than gradient times activation, and both better
          than chance.

Divides the images in two halves, by even and odd numbers. The classes of each cell come from the activations of one
half, and are compared with the images of the other half that have activations in the cell, both ways. Prints how often
the first class, and one of the first five, is a class of these images, and how often by chance, that is with the images
of any other cell; of these activations the share that is of the first class; and of the other classes the share whose
logits these images raise less than that of the first class, which is a half by chance.

The effect is `analysis.classes.class_effects`. Gradient times activation at the members' positions, compared with the
mean of all cells, is computed at the same eight members.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxviz
from experiments.atlas import LAYERS, material
from jaxviz import analysis, cli
from jaxviz.analysis.classes import MEMBERS, class_effects
from jaxviz.analysis.embeddings import whitened
from jaxviz.analysis.images import ImageSource
from jaxviz.analysis.levels import Cells, binned
from jaxviz.analysis.rows import Rows
from jaxviz.analysis.surveys import Survey, drawn
from jaxviz.networks.cuts import cut
from jaxviz.networks.layer import Layer
from jaxviz.reports.photographs import Photographs
from jaxviz.values.errors import JaxvizError

Method = Callable[[jaxviz.Model, Layer, ImageSource, Survey, Cells], np.ndarray | None]

_FEWEST = 2  # activations of each half that a cell must have
_BLOCK = 50  # images whose logits are computed together


class Half(NamedTuple):
    """The activations of one half of the images.

    Attributes:
      survey: the activations.
      numbers: the cell of each, by row times side plus column, ``[points]``.
      cells: those with enough activations.
    """

    survey: Survey
    numbers: np.ndarray
    cells: Cells


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    model, images, labels = material(arguments.network, arguments.images)
    if isinstance(images, Photographs):
        labels = np.array([int(path.name.partition("_")[0]) for path in images.files])
    if labels is None:
        raise JaxvizError(f"{arguments.images} has no classes; give a .npz file with them as 'labels'")
    atlas = analysis.Atlas.load(arguments.atlas)
    layer, most = model.layer(atlas.layer), int(np.bincount(atlas.point_images).max())
    survey = drawn(model, layer, images, positions=most, seed=0)
    parts = [_half(atlas, survey, rest) for rest in (0, 1)]
    read = jax.jit(jax.vmap(lambda image: model.ask(image, lambda activations: activations[model.logits])))
    logits = np.concatenate([read(images[first : first + _BLOCK]) for first in range(0, len(images), _BLOCK)])
    methods: dict[str, Method] = {"effect of the mean": class_effects, "gradient times activation": _attributed}
    for name, method in methods.items():
        rows = []
        for one, other in (parts, parts[::-1]):
            effects = method(model, layer, images, one.survey, one.cells)
            assert effects is not None, "both networks have logits"
            rows.append(_agreement(effects, one, other, labels, logits - logits.mean(axis=0)))
        first, first_by_chance, five, five_by_chance, share, above = np.mean(rows, axis=0)
        print(f"{name}:")
        print(f"  the first class is one of the other images' in {first:.3f}, by chance in {first_by_chance:.3f}")
        print(f"  one of the first five is in {five:.3f}, by chance in {five_by_chance:.3f}")
        print(f"  of the other images' activations, {share:.4f} are of the first class")
        print(f"  of the other classes, these images raise {above:.3f} less than the first")


def _half(atlas: analysis.Atlas, survey: Survey, rest: int) -> Half:
    side, some = atlas.levels[0].side, np.flatnonzero(survey.images % 2 == rest)
    part = Survey(
        vectors=Rows.of(survey.vectors.take(some)), images=survey.images[some], positions=survey.positions[some]
    )
    places, features = atlas.points[some], whitened(survey.vectors)[some]
    cells = binned(places, part.vectors, features, part.images, side=side, fewest=_FEWEST, members=MEMBERS)
    columns, rows = np.minimum((places * side).astype(np.int64), side - 1).T
    return Half(part, rows * side + columns, cells)


def _agreement(effects: np.ndarray, one: Half, other: Half, labels: np.ndarray, rises: np.ndarray) -> list[float]:
    """Compares the classes of the cells of one half with the images of the other half in the same cells."""
    groups = [np.flatnonzero(other.numbers == number) for number in one.cells.places @ [one.cells.side, 1]]
    kept = [cell for cell, group in enumerate(groups) if len(group) >= _FEWEST]
    images = [other.survey.images[groups[cell]] for cell in kept]
    named = np.argsort(-effects[kept], axis=1, kind="stable")[:, :5]
    firsts, fives = (
        np.array([[bool(np.isin(row[:count], labels[some]).any()) for some in images] for row in named])
        for count in (1, 5)
    )
    share = np.mean([(labels[some] == row[0]).mean() for row, some in zip(named, images, strict=True)])
    above = []
    for row, some in zip(named, images, strict=True):
        risen = rises[np.unique(some)].mean(axis=0)
        above.append((risen < risen[row[0]]).sum() / (len(risen) - 1))
    return [*(part for hits in (firsts, fives) for part in (np.diag(hits).mean(), hits.mean())), share, np.mean(above)]


def _attributed(model: jaxviz.Model, layer: Layer, images: ImageSource, survey: Survey, cells: Cells) -> np.ndarray:
    """Returns gradient times activation at the members of each cell, averaged, minus the mean of the cells."""
    found = []
    for members in cells.members:
        points = members[members >= 0]
        each = [
            _of_point(model, images[number : number + 1][0], survey.positions[point], layer.name)
            for point, number in zip(points, survey.images[points].tolist(), strict=True)
        ]
        found.append(np.mean(each, axis=0))
    return np.stack(found) - np.mean(found, axis=0)


@partial(jax.jit, static_argnames="layer")
def _of_point(model: jaxviz.Model, image: jax.Array, position: jax.Array, layer: str) -> jax.Array:
    halves = cut(model, layer, lambda activations: activations[model.logits], image)
    row, column = position
    alone = jnp.zeros_like(halves.activation).at[row, column].set(halves.activation[row, column])
    return jax.jvp(halves.rest, (halves.activation,), (alone,))[1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.atlas_classes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--network", choices=list(LAYERS), default="digits", help="which; default %(default)s")
    parser.add_argument(
        "--images", type=Path, help="those of the atlas: a folder of photographs; for digits a .npz file"
    )
    parser.add_argument("--atlas", type=Path, required=True, help="the atlas.npz of experiments.atlas")
    return parser


if __name__ == "__main__":
    cli.run(main)
