"""Which recipe's pictures help to predict their units, and which does a second network read?

Command:  python -m experiments.interpretability --data mnist.npz --out out           digits
          python -m experiments.interpretability --photographs FOLDER --out out       photographs
Time:     half an hour for digits and two hours for photographs on 2 cores; --channels, --classes (0 for none), --steps
          and --recipes for less. Photographs need `pip install '.[photographs]'`.
Expected: the tables of docs/recipes.md, where the defaults explain as much as any other recipe or more.

For each layer some units are drawn at random by a seed, and the pictures of each recipe, of so many steps each, are
measured: the share of pairs of real images that the observer tells right by the picture (0.5 is guessing), beside what
other units' pictures and the unit's best real image reach; activation against the 99.9th percentile of real images;
distance of spectrum and edge density from those of real images. Of classes: how many the second network reads first;
on photographs for logits, and for log-odds in which the other classes count half.

The recipe vital does not maximise a unit: it matches the features of the ten real images that activate the unit most.
They are also among those that the observer tells apart, which flatters it.

On digits the observer is a network of another architecture, trained here on the digits of --data, or a Keras file
(--observer). On photographs it is EfficientNet-Lite1, and the explained network EfficientNet-Lite0.

Writes tables.md and numbers.json.
"""

import argparse
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import jaxviz
from experiments.materials import mnist_data
from experiments.materials.photographs import HELP, read_photographs
from jaxviz import cli
from jaxviz import objectives as obj
from jaxviz.cli.progress import progress_bar
from jaxviz.files.outputs import staged
from jaxviz.networks.precision import PRECISIONS
from jaxviz.reports import Observer, appearance, measurements

DIGIT_LAYERS = ("conv2d_2", "conv2d_3", "conv2d_4", "dense_1")
PHOTOGRAPH_LAYERS = ("block2/expanded", "block5/expanded", "block11/expanded")
OBSERVED = ("block2", "block5", "block8", "block11", "block14", "block16")
ENDS = ("block2", "block4", "block7", "block10", "block14", "block15")  # of stages of EfficientNet-Lite0
MATCHED = {"digits": ("conv2d_1", *DIGIT_LAYERS, "dense_2"), "photographs": ENDS}  # for the recipe vital
SEED, CLASSES = 2026, 50
MATCHED_IMAGES = 10  # of each unit
HEADINGS = ("recipe", "explains", "other units", "best image", "above 99.9 %", "survives", "spectrum", "edges")
CLASS_HEADINGS = (*HEADINGS, "read first", "median p")


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    if (arguments.data is None) == (arguments.photographs is None):
        raise SystemExit(f"give either --data ({mnist_data.HELP}) or --photographs ({HELP})")
    setting = _digits(arguments) if arguments.data else _photographs(arguments)
    model, observer, real, layers = setting
    asked: dict[str, obj.Objective] = {}
    if arguments.channels:
        asked = {layer: obj.channel(layer, _channels(model, layer, arguments)) for layer in layers}
    if arguments.classes:
        classes = drawn(model.layer(model.output).channels or 0, arguments.classes, arguments.seed)
        if arguments.data:
            asked["classes"] = obj.class_log_odds(classes)
        else:
            asked |= {"classes, logit": obj.class_logit(classes)}
            asked |= {"classes, others 0.5": obj.class_log_odds(classes, others=0.5)}
    rows: dict[str, dict[str, dict[str, float]]] = {name: {} for name in asked}
    with progress_bar() as bars:
        advance = bars.task("recipes", len(arguments.recipes) * len(asked))
        for recipe in arguments.recipes:
            for name, objective in asked.items():
                rows[name][recipe] = measure(
                    model, objective, recipe, arguments.steps, real, observer, arguments.precision
                )
                print(name, recipe, rows[name][recipe], flush=True)
                advance(1)
    text = "\n".join(_table(name, found) for name, found in rows.items())
    with staged(arguments.out) as stage:
        (stage / "tables.md").write_text(text)
        (stage / "numbers.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(text)


def measure(
    model: jaxviz.Model,
    objective: obj.Objective,
    recipe: str,
    steps: int | None,
    real: np.ndarray,
    observer: Observer,
    precision: str | None = None,
) -> dict[str, float]:
    """Draws the pictures of one recipe and returns the means and medians of their numbers."""
    chosen = jaxviz.recipes.find(recipe)
    chosen = chosen.replace(steps=steps or chosen.steps, views=min(chosen.views, 4))
    if recipe == "vital":
        made = _matched(model, objective, chosen, real, precision)
    else:
        made = jaxviz.visualize(model, objective, chosen, precision=precision)
    reader = observer.model if made.labels[0].startswith(("logit", "odds")) else None
    told = jaxviz.report(model, objective, made, recipe=chosen, images=real, observer=observer, second=reader)
    inside = made.images.clip(model.canvas.low, model.canvas.high)
    edges = np.abs(
        appearance.edge_density(inside, model.canvas) - np.median(appearance.edge_density(real, model.canvas))
    )
    found = {
        "explains": np.nanmean(told.interpretability),
        "error": np.nanstd(told.interpretability) / np.sqrt(len(told)),
        "other units": np.nanmean(told.chance),
        "best image": np.nanmean(told.ceiling),
        "above 99.9 %": np.mean(told.reached >= told.percentile),
        "survives": np.nanmedian(told.survival),
        "spectrum": np.nanmedian(told.spectrum),
        "edges": np.nanmedian(edges),
        "dead": np.mean(told.dead),
    }
    if reader is not None:
        found |= {"read first": np.sum(told.second_rank == 1), "median p": np.median(told.second_probability)}
    return {name: round(float(value), 4) for name, value in found.items()}


def _matched(
    model: jaxviz.Model, objective: obj.Objective, recipe: jaxviz.Recipe, real: np.ndarray, precision: str | None
) -> jaxviz.Visualization:
    """Draws pictures that match the real images that activate each unit most, under the units' names."""
    units = objective.resolve(model)
    best = np.argsort(-measurements.score_each(model, units, real), axis=0)[:MATCHED_IMAGES].T
    layers = MATCHED["digits" if model.canvas.shape[-1] == 1 else "photographs"]
    made = jaxviz.visualize(model, obj.matched(layers, real[best]), recipe, precision=precision)
    return dataclasses.replace(made, labels=tuple(units.labels()))


def _digits(arguments: argparse.Namespace) -> tuple[jaxviz.Model, Observer, np.ndarray, tuple[str, ...]]:
    from experiments.materials.small_digit_networks import trained

    digits, _ = mnist_data.read_digits(arguments.data, "test")
    real = digits[: arguments.images, ..., None] / np.float32(255)
    if arguments.observer:
        return jaxviz.default_model(), Observer(jaxviz.keras.load(arguments.observer), grid=4), real, DIGIT_LAYERS
    observer = trained(*mnist_data.read_digits(arguments.data, "train"), epochs=arguments.epochs)
    return jaxviz.default_model(), Observer(observer, grid=4), real, DIGIT_LAYERS


def _photographs(arguments: argparse.Namespace) -> tuple[jaxviz.Model, Observer, np.ndarray, tuple[str, ...]]:
    from experiments.materials import efficientnet_lite

    model, second = (efficientnet_lite.load(variant) for variant in (0, 1))
    real, _ = read_photographs(arguments.photographs, efficientnet_lite.SIZES[0])
    return model, Observer(second, OBSERVED), real, PHOTOGRAPH_LAYERS


def _channels(model: jaxviz.Model, layer: str, arguments: argparse.Namespace) -> list[int]:
    return drawn(model.layer(layer).channels or 0, arguments.channels, arguments.seed)


def drawn(count: int, most: int, seed: int) -> list[int]:
    """Draws so many of a number of units or classes, in order."""
    return sorted(np.random.default_rng(seed).choice(count, min(most, count), replace=False).tolist())


def _table(title: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    headings = CLASS_HEADINGS if title.startswith("classes") else HEADINGS
    lines = [f"| {title}: {' | '.join(headings)} |", "| --- |" + " --- |" * (len(headings) - 1)]
    for recipe, found in rows.items():
        cells = [f"{found[name]:.3g}" for name in headings[1:]]
        cells[0] = f"{found['explains']:.3f} ± {found['error']:.3f}"
        dead = f", {found['dead']:.0%} dead" if found["dead"] else ""
        lines.append(f"| {recipe}{dead} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.interpretability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="directory for the results; created if it does not exist"
    )
    parser.add_argument("--data", type=Path, help=f"digits: {mnist_data.HELP}")
    parser.add_argument("--photographs", type=Path, help=HELP)
    parser.add_argument("--observer", type=Path, help="Keras file of a network of digits that observes")
    parser.add_argument(
        "--recipes",
        nargs="+",
        choices=list(jaxviz.recipes.PRESETS),
        default=["jaxviz", "photographs", "lucid", "tf-keras-vis"],
        help="recipes to compare; default %(default)s",
    )
    parser.add_argument(
        "--steps", type=int, default=128, help="steps of every recipe, 0 for its own number; default %(default)s"
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="of the network in the ascent; by default that of the device"
    )
    parser.add_argument("--channels", type=int, default=32, help="units of each layer; default %(default)s")
    parser.add_argument("--classes", type=int, default=CLASSES, help="classes; default %(default)s")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the units and classes; default %(default)s")
    parser.add_argument("--images", type=int, default=10000, help="digits that are compared; default %(default)s")
    parser.add_argument("--epochs", type=int, default=3, help="epochs of the digits' observer; default %(default)s")
    return parser


if __name__ == "__main__":
    cli.run(main)
