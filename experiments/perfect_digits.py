"""Can classifiers that took no part in making a network's digits read these digits?

Command:  python -m experiments.perfect_digits --out digits
          … --data mnist.npz --networks DIRECTORY --seed 0 1 2 3 4      all judges, and fifty digits
Time:     a minute; a quarter of an hour with --data, to train the judges. Needs `pip install '.[test]'`.
Expected: every judge reads at least 9 of 10 digits as intended; those trained here read 2 to 6 of the article's.

The digits are made from the weights alone. The judges are k nearest neighbours, a support vector machine and a
perceptron, and the networks of other people's Keras files. The first three are trained on the 60,000 raw digits of
--data, or without --data on the thousand shipped test digits. For comparison, the judges also read the digits of the
2018 article, de-averaged as in the article.

Writes digits.png, judges.json, and images.npz with `digits` [10, 28, 28, 1] in 0..1 (of the first
seed; `digits/SEED` for each).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import jaxviz
from experiments.materials import mnist_data
from experiments.materials.digit_judges import CLASSIFIERS, Judge, networks, trained
from jaxviz import cli, figures, images
from jaxviz import objectives as obj
from jaxviz.cli.progress import progress_bar
from jaxviz.files.outputs import staged
from jaxviz.keras.default import default_path

SHIPPED = Path(__file__).parent.parent / "weights" / "mnist_test_1000.npz"
OF_THE_SEED = "the seed"


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    model = jaxviz.keras.load(arguments.weights or default_path())
    made: dict[str, np.ndarray] = {}
    with progress_bar() as bars:
        for seed in arguments.seed:
            key, report = cli.key_of(seed), bars.task(f"digits of seed {seed}", 10)
            climbed = jaxviz.visualize(model, _objective(arguments.recipe), arguments.recipe, key=key, progress=report)
            made[f"digits/{seed}"] = np.clip(climbed.images, 0, 1)
        climbed = jaxviz.visualize(
            model,
            obj.class_probability(),
            "seed-digits",
            steps=arguments.seed_steps,
            progress=bars.task(OF_THE_SEED, 10),
        )
        made[OF_THE_SEED] = np.stack([images.deaverage(digit) for digit in climbed.images]) / 255
    judges = _judges(arguments, model)
    read = {name: {of: judge(digits) for of, digits in made.items()} for name, judge in judges.items()}
    first = made[f"digits/{arguments.seed[0]}"]
    with staged(arguments.out) as stage:
        whole: dict = {name: digits.astype(np.float32) for name, digits in {"digits": first, **made}.items()}
        np.savez_compressed(stage / "images.npz", **whole)
        _draw(made, stage / "digits.png")
        readings = {name: {of: np.asarray(row).tolist() for of, row in rows.items()} for name, rows in read.items()}
        (stage / "judges.json").write_text(json.dumps(readings, indent=1) + "\n")
    Console().print(_table(read, list(made)))


def _objective(recipe: str) -> obj.Objective:
    """Returns the objective: log-odds, or the probability for recipes without penalties, as published."""
    return obj.class_log_odds() if jaxviz.recipes.find(recipe).penalties else obj.class_probability()


def _judges(arguments: argparse.Namespace, model: jaxviz.Model) -> dict[str, Judge]:
    """Trains and opens all judges; the network itself is the first, for comparison."""
    if arguments.data:
        digits, labels = mnist_data.read_digits(arguments.data, "train")
    else:
        with np.load(SHIPPED) as arrays:
            digits, labels = arrays["images"], arrays["labels"]
        print("Judges are trained on the thousand digits that are shipped; --data takes all 60,000.")
    judges: dict[str, Judge] = {"the network itself": lambda shown: np.asarray(model(shown)[model.output]).argmax(1)}
    with progress_bar() as bars:
        report = bars.task("training judges", len(CLASSIFIERS))
        for name in CLASSIFIERS:
            judges[name] = trained(name, digits, labels)
            report(1)
    return judges | (networks(arguments.networks) if arguments.networks else {})


def _draw(made: dict[str, np.ndarray], path: Path) -> None:
    tiles = images.in_range(np.concatenate(list(made.values())), 0.0, 1.0)
    captions = [f"{digit}, {of.removeprefix('digits/')}" for of in made for digit in range(10)]
    figures.tiles_figure(tiles, captions=captions, columns=10, title="").savefig(path)


def _table(read: dict[str, dict[str, np.ndarray]], rows: list[str]) -> Table:
    table = Table(title="Digits read as intended, of ten")
    table.add_column("judge")
    for of in rows:
        table.add_column(of.replace("digits/", "seed "), justify="right")
    for name, readings in read.items():
        table.add_row(name, *(str(int((readings[of] == np.arange(10)).sum())) for of in rows))
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.perfect_digits",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="directory for the results; created if it does not exist"
    )
    parser.add_argument(
        "--recipe", default="strokes", choices=list(jaxviz.recipes.PRESETS), help="recipe; default %(default)s"
    )
    parser.add_argument(
        "--seed", type=int, nargs="+", default=[0], help="seeds of the random draws; ten digits for each"
    )
    parser.add_argument("--weights", type=Path, help="Keras file of another network; default: the shipped one")
    parser.add_argument("--data", type=Path, help=f"digits to train judges on: {mnist_data.HELP}")
    parser.add_argument("--networks", type=Path, help="folder of Keras files; its MNIST networks are judges too")
    parser.add_argument("--seed-steps", type=int, default=4096, help="steps for the article's digits")
    return parser


if __name__ == "__main__":
    cli.run(main)
