"""What does each filter of an MNIST network respond to? Reproduces the 2018 article, one compiled call a layer.

Command:  python -m experiments.mnist_filters --out out
Time:     see the README.
Expected: five sheets of pictures; the network classifies its own ten digits as 0 to 9.

Writes conv2d_1.png … conv2d_4.png, digits_raw.png, digits_deaveraged.png, images.npz (all pictures and their starting
images, in units of 0..255) and predictions.json.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

import jaxviz
from jaxviz import cli, figures, images
from jaxviz import objectives as obj
from jaxviz.cli.progress import progress_bar
from jaxviz.files.arrays import read_arrays
from jaxviz.files.outputs import staged
from jaxviz.keras.default import default_path
from jaxviz.values.errors import JaxvizError

DIGITS = "digits"


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    key = cli.key_of(arguments.seed)
    model = jaxviz.keras.load(arguments.weights or default_path())
    layers = arguments.layers or [layer.name for layer in model.layers if layer.kind == "Conv2D"] + [DIGITS]
    runs = {layer: _plan(model, layer, arguments) for layer in layers}
    starts = _read_starts(arguments.start, layers) if arguments.start else {}
    results = {}
    with staged(arguments.out) as stage:
        with progress_bar() as bars:
            for layer, (objective, recipe) in runs.items():
                results[layer] = jaxviz.visualize(
                    model,
                    objective,
                    recipe,
                    key=key,
                    start=starts.get(layer),
                    progress=bars.task(layer, len(objective.labels())),
                )
        arrays = {layer: _units(result) * result.images for layer, result in results.items()}
        for layer, result in results.items():
            name = "digits_raw" if layer == DIGITS else layer
            figures.collage(result, title=name).savefig(stage / f"{name.replace('/', '.')}.png")
        if DIGITS in results:
            arrays["digits_deaveraged"] = np.stack([images.deaverage(digit) for digit in arrays[DIGITS]])
            _write_digits(model, results[DIGITS], arrays["digits_deaveraged"], stage)
        arrays |= {f"start/{layer}": _units(result) * result.starts for layer, result in results.items()}
        whole: dict = {name: array.astype(np.float32) for name, array in arrays.items()}
        np.savez_compressed(stage / "images.npz", **whole)
    for layer, result in results.items():
        if result.dead.any():
            print(f"{layer}: {result.dead.sum()} of {len(result)} are dead: {', '.join(result.dead_labels)}")
    if DIGITS in results:
        print(np.array(json.loads((arguments.out / "predictions.json").read_text())["predicted"]))


def _plan(model: jaxviz.Model, layer: str, arguments: argparse.Namespace) -> tuple[obj.Objective, jaxviz.Recipe]:
    """Returns the objective and the recipe of one sheet; checks both before anything is computed."""
    if layer == DIGITS:
        objective = obj.class_probability()
        recipe = "seed-digits" if arguments.recipe == "seed" else arguments.recipe
    else:
        objective, recipe = obj.channel(layer), arguments.recipe
    recipe = jaxviz.recipes.find(recipe)
    return objective.resolve(model), recipe if arguments.steps is None else recipe.replace(steps=arguments.steps)


def _units(result: jaxviz.Visualization) -> float:
    """Returns the factor that scales a result's pixels to 0..255; it is 1 for the seed's recipes, which use 0..255."""
    if result.provenance["recipe"].startswith("seed"):
        return 1.0
    return 255.0 / (result.canvas.high - result.canvas.low)


def _write_digits(model: jaxviz.Model, result: jaxviz.Visualization, digits: np.ndarray, stage: Path) -> None:
    """Draws the de-averaged digits and writes how the network classifies them, in the units of the recipe."""
    probabilities = np.asarray(model(digits / _units(result))[model.output])
    predicted = probabilities.argmax(axis=-1)
    facts = {"predicted": predicted.tolist(), "probability": probabilities.max(axis=-1).tolist()}
    (stage / "predictions.json").write_text(json.dumps(facts) + "\n")
    captions = [f"{digit} read as {read}" for digit, read in enumerate(predicted)]
    tiles = np.moveaxis(digits, 1, -1) if result.canvas.channel_axis == 0 else digits
    figure = figures.tiles_figure(
        images.in_range(tiles, 0.0, 255.0), captions=captions, title="digits_deaveraged", dead=result.dead
    )
    figure.savefig(stage / "digits_deaveraged.png")


def _read_starts(path: Path, layers: list[str]) -> dict[str, np.ndarray]:
    arrays = read_arrays(path)
    missing = [f"start/{layer}" for layer in layers if f"start/{layer}" not in arrays]
    if missing:
        raise JaxvizError(f"{path} has no {', '.join(missing)}; it holds {', '.join(arrays) or 'nothing'}")
    return {layer: arrays[f"start/{layer}"] for layer in layers}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.mnist_filters",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option: Callable = parser.add_argument
    option("--out", type=Path, required=True, metavar="DIRECTORY", help="directory for the files")
    option("--recipe", default="seed", help="recipe: seed (the article's) or jaxviz; default %(default)s")
    option("--steps", type=int, help="steps of every ascent; default: the recipe's numbers")
    option("--seed", type=int, default=0, help="seed of the starting images; default %(default)s")
    option("--layers", nargs="+", metavar="LAYER", help=f"layers to draw, or {DIGITS!r}; default: all")
    option("--weights", type=Path, metavar="FILE", help="Keras file of another network; default: the shipped one")
    option("--start", type=Path, metavar="FILE.npz", help="start from the start/… arrays of an earlier images.npz")
    return parser


if __name__ == "__main__":
    cli.run(main)
