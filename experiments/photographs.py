"""What do the units of a network of photographs look for, and does a second network read its classes?

Command:  python -m experiments.photographs --out out       (--steps, --recipe; --classes and --channels for fewer)
Time:     a quarter of an hour on 2 cores. Needs `pip install '.[photographs]'`.
Expected: the second network reads most of the 24 classes first of all thousand.

Draws 24 classes of EfficientNet-Lite0, chosen to be of many kinds before any was drawn, and a wall each of the first
channels of an early, a middle and a late layer. The objective of a class is its log-odds, in which the other classes
count half, see docs/recipes.md. EfficientNet-Lite1, which took no part, reads the pictures of the classes as they are,
brought to its size.

Writes classes.png, early.png, middle.png, late.png, images.npz with the pictures of each, and readings.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import jaxviz
from experiments.materials import efficientnet_lite
from jaxviz import cli, figures
from jaxviz import objectives as obj
from jaxviz.cli.progress import progress_bar
from jaxviz.files.outputs import staged

CLASSES = (
    *("goldfish", "hummingbird", "tree frog", "jellyfish", "tarantula", "monarch butterfly", "zebra", "giant panda"),
    *("pineapple", "strawberry", "daisy", "mushroom", "broccoli", "pizza", "volcano", "lighthouse"),
    *(
        "teapot",
        "typewriter keyboard",
        "grand piano",
        "sports car",
        "balloon",
        "sundial",
        "accordion",
        "honeycomb",
    ),
)
WALLS = {"early": "block2/expanded", "middle": "block5/expanded", "late": "block11/expanded"}
COLUMNS = 8


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    model, second = (efficientnet_lite.load(variant).with_class_names("imagenet") for variant in (0, 1))
    recipe = jaxviz.recipes.find(arguments.recipe) if arguments.recipe else jaxviz.recipes.default_for(model)
    recipe = recipe.replace(steps=arguments.steps or recipe.steps)
    asked: dict[str, obj.Objective] = {"classes": obj.class_log_odds(list(CLASSES[: arguments.classes]), others=0.5)}
    asked |= {name: obj.channel(layer, range(arguments.channels)) for name, layer in WALLS.items()}
    made = {}
    with progress_bar() as bars:
        for name, objective in asked.items():
            count = len(objective.resolve(model).labels())
            report, key = bars.task(name, count, recipe.steps), cli.key_of(arguments.seed)
            made[name] = jaxviz.visualize(model, objective, recipe, key=key, progress=report)
    told = jaxviz.report(model, asked["classes"], made["classes"], recipe=recipe, second=second)
    names = [label.partition(" ")[2] for label in made["classes"].labels]
    captions = [f"{name}, {share:.2f}" for name, share in zip(names, told.second_probability, strict=True)]
    with staged(arguments.out) as stage:
        for name, pictures in made.items():
            titles = captions if name == "classes" else [label.rpartition(":")[2] for label in pictures.labels]
            title = f"recipe {recipe.name}, {recipe.steps} steps" if name == "classes" else WALLS[name]
            shown = figures.tiles_figure(_bytes(pictures.images), captions=titles, columns=COLUMNS, title=title)
            shown.savefig(stage / f"{name}.png")
        arrays: dict = {name: _bytes(pictures.images) for name, pictures in made.items()}
        np.savez_compressed(stage / "images.npz", **arrays)
        readings = [
            {"class": name, "probability": float(share), "rank": int(rank), "read by": read}
            for name, share, rank, read in zip(
                names, told.second_probability, told.second_rank, told.read_by, strict=True
            )
        ]
        (stage / "readings.json").write_text(json.dumps(readings, indent=1) + "\n")
    first = int((told.second_rank == 1).sum())
    print(f"EfficientNet-Lite1 reads {first} of {len(names)} classes first; ", end="")
    print(f"the median probability of the class is {np.median(told.second_probability):.2f}")


def _bytes(images: np.ndarray) -> np.ndarray:
    return (255 * images.clip(0, 1)).round().astype(np.uint8)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.photographs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="directory for the results; created if it does not exist"
    )
    parser.add_argument(
        "--recipe", choices=list(jaxviz.recipes.PRESETS), help="recipe; the default for photographs when left out"
    )
    parser.add_argument("--steps", type=int, help="steps; the recipe's own number when left out")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random draws; default %(default)s")
    parser.add_argument("--classes", type=int, default=len(CLASSES), help="how many classes; default %(default)s")
    parser.add_argument("--channels", type=int, default=32, help="channels of each wall; default %(default)s")
    return parser


if __name__ == "__main__":
    cli.run(main)
