"""Which recipe reaches the largest activations inside the network's range, and leaves the fewest filters dead?

Command:  python -m experiments.compare_recipes --data mnist.npz --out recipes      (--quick: fewer filters and steps)
          … --models FILE FILE[@SIDE] …        Keras files of other networks, at another size of image if need be
Time:     25 minutes on 2 cores, mostly for the 32 views of maco; --models with large images take longer.
Expected: plain above all others in each layer of the MNIST network, and no filter dead with it.

All recipes make the same number of steps, and their images are clipped to the network's range before they are
measured. The measure is the activation that a filter reaches (the mean of its channel), divided by its largest
activation on real digits: above 1, the picture excites the filter more than any digit does. For networks without real
images, the activation of each recipe is divided by that of plain. Then the script compares the candidates from which
plain was chosen.

Writes tables.md and recipes.png, with one row for each unit, one column for each recipe, and the ratio at each image.
"""

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import optax

import jaxviz
from experiments.materials import mnist_data
from jaxviz import cli, deferred, figures, images
from jaxviz import objectives as obj
from jaxviz.cli.progress import progress_bar
from jaxviz.files.outputs import staged
from jaxviz.parameterizations import Fourier, Parameterization, RangePixels, SmoothPixels
from jaxviz.recipes import PRESETS, Recipe
from jaxviz.values.deferral import Steps

SHIPPED = Path(__file__).parent.parent / "weights" / "mnist_test_1000.npz"
COMPARED = ("jaxviz", "plain", "seed", "lucid", "maco", "tf-keras-vis", "keras-io")
SHOWN = 3  # units of each layer in the picture


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    steps = arguments.steps
    model = jaxviz.default_model()
    real = _real(arguments.data)
    layers = [layer.name for layer in model.layers if layer.kind == "Conv2D"]
    recipes = {name: PRESETS[name].replace(steps=steps) for name in COMPARED}
    tables, pictures, ratios = [], {}, {}
    with progress_bar() as bars:
        every = {**recipes, **candidates(steps)}
        advance = bars.task("recipes", len(every) * len(layers))
        rows: dict[str, list[str]] = {}
        for name, recipe in every.items():
            for layer in layers:
                count = model.layer(layer).channels if not arguments.quick else 8
                made, ratio, dead = measure(model, obj.channel(layer, range(count or 0)), recipe, real)
                rows.setdefault(name, []).append(f"{np.nanmedian(ratio):.2f}" + (f", {dead} dead" if dead else ""))
                pictures[name, layer], ratios[name, layer] = made.images[:SHOWN], ratio[:SHOWN]
                advance(1)
        chosen = {name: row for name, row in rows.items() if name in recipes}
        rest = {name: row for name, row in rows.items() if name == "plain" or name not in recipes}
        tables += [table(f"{steps} steps each", layers, chosen), table(f"candidates, {steps} steps", layers, rest)]
        print("\n".join(tables), flush=True)
        for file in arguments.models:
            tables.append(compare_on(file, recipes, bars.task(file, len(recipes))))
            print(tables[-1], flush=True)
    with staged(arguments.out) as stage:
        (stage / "tables.md").write_text("\n".join(tables))
        _draw(pictures, ratios, layers).savefig(stage / "recipes.png")


def measure(
    model: jaxviz.Model, objective: obj.Objective, recipe: Recipe, real: np.ndarray | None
) -> tuple[jaxviz.Visualization, np.ndarray, int]:
    """Makes the images of some filters; returns them in range, reached / largest of each, and how many are dead."""
    made = jaxviz.visualize(model, objective, recipe)
    inside = np.clip(made.images, model.canvas.low, model.canvas.high)
    made = dataclasses.replace(made, images=inside)
    told = jaxviz.report(model, objective, made, recipe=recipe.replace(transforms=()), images=real)
    return made, told.ratio if real is not None else told.reached, int((told.reached <= 0).sum())


def candidates(steps: int) -> dict[str, Recipe]:
    """Returns the candidates from which `plain` was chosen."""

    def recipe(parameterization: Parameterization, rate: float, **changes) -> Recipe:
        adam = deferred(optax.adam, deferred(optax.cosine_decay_schedule, rate, Steps(), 0.05))
        return PRESETS["plain"].replace(
            parameterization=parameterization, optimizer=adam, steps=steps, name="candidate", **changes
        )

    return {
        "relus as they are": PRESETS["plain"].replace(steps=steps, redirect_steps=0),
        "pixels, noise 0.1": recipe(RangePixels(noise=0.1), 0.5),
        "pixels, noise 1": recipe(RangePixels(noise=1.0), 0.5),
        "blur 0.5, noise 0.3": recipe(SmoothPixels(blur=0.5, noise=0.3), 0.5),
        "blur 0.5, noise 2": recipe(SmoothPixels(blur=0.5, noise=2.0), 0.5),
        "blur 0.7, noise 0.5, Adam 1": recipe(SmoothPixels(blur=0.7, noise=0.5), 1.0),
        "Fourier, decay 1, sd 0.5, Adam 0.2": recipe(Fourier(sd=0.5, decay=1.0), 0.2),
    }


def compare_on(file: str, recipes: Mapping[str, Recipe], advance) -> str:
    """Compares recipes on a network without real images; returns medians relative to those of `plain`."""
    path, _, side = file.partition("@")
    model = jaxviz.keras.load(path)
    if side:
        shape = tuple(int(side) if size > 4 else size for size in model.canvas.shape)
        model = jaxviz.keras.load(path, input_shape=shape)
    convolutions = [layer.name for layer in model.layers if layer.kind.startswith(("Conv2D", "Convolution2D"))]
    layers = [convolutions[place] for place in sorted({0, len(convolutions) // 2, len(convolutions) - 1})]
    reached: dict[str, list[np.ndarray]] = {}
    for name, recipe in recipes.items():
        recipe = recipe.replace(steps=64, views=min(recipe.views, 4))
        for layer in layers:
            count = min(8, model.layer(layer).channels or 0)
            reached.setdefault(name, []).append(measure(model, obj.channel(layer, range(count)), recipe, None)[1])
        advance(1)
    rows = {}
    for name, found in reached.items():
        shares = [np.median(own[best > 0] / best[best > 0]) for own, best in zip(found, reached["plain"], strict=True)]
        dead = [int((own <= 0).sum()) for own in found]
        rows[name] = [
            f"{share:.2f}" + (f", {count} dead" if count else "") for share, count in zip(shares, dead, strict=True)
        ]
    size = " x ".join(map(str, model.canvas.shape))
    return table(f"{Path(path).name}, {size}, 64 steps, 8 filters, relative to plain", layers, rows)


def table(title: str, columns: list[str], rows: Mapping[str, list[str]]) -> str:
    lines = [f"| {title} | {' | '.join(columns)} |", "| --- |" + " --- |" * len(columns)]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(row)} |" for name, row in rows.items())]) + "\n"


def _real(data: Path | None) -> np.ndarray:
    if data is None:
        print("The largest are those of the thousand digits that are shipped; --data takes all 10,000.")
        with np.load(SHIPPED) as arrays:
            digits = arrays["images"]
    else:
        digits, _ = mnist_data.read_digits(data, "test")
    return digits[..., None] / np.float32(255)


def _draw(pictures: dict, ratios: dict, layers: list[str]):
    tiles, captions = [], []
    for layer in layers:
        for unit in range(SHOWN):
            for name in COMPARED:
                tiles.append(images.in_range(pictures[name, layer][unit], 0.0, 1.0))
                captions.append(f"{ratios[name, layer][unit]:.2f}")
    return figures.tiles_figure(np.stack(tiles), captions=captions, columns=len(COMPARED), title=" | ".join(COMPARED))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.compare_recipes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="directory for the results; created if it does not exist"
    )
    parser.add_argument("--data", type=Path, help=f"real digits: {mnist_data.HELP}")
    parser.add_argument("--steps", type=int, default=256, help="steps of every recipe; default %(default)s")
    parser.add_argument(
        "--models",
        nargs="*",
        default=[],
        metavar="FILE",
        help="other Keras files; FILE@SIDE sets the image side in pixels",
    )
    parser.add_argument("--quick", action="store_true", help="use 8 filters of each layer")
    return parser


if __name__ == "__main__":
    cli.run(main)
