"""What does a layer see in a thousand images, and which of it belongs together?

Command:  python -m experiments.atlas --network digits --out out
          python -m experiments.atlas --network photographs --images photographs --out out
Time:     a minute, and a quarter of an hour, of 2 cores. Needs `pip install '.[analysis]'`, and for photographs
          `pip install '.[photographs]'`.
Expected: neighbouring cells look alike. Of the photographs, animals, plants, landscapes and made things lie apart; of
          the digits, strokes of one slant and ends of strokes do.

Writes atlas.npz, atlas.png and the page index.html. What is finished stays in ``kept``: the same command goes on from
there. Prints the time and the memory that it took.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

import jaxviz
from experiments.materials import efficientnet_lite
from jaxviz import analysis, cli
from jaxviz.cli.progress import progress_bar
from jaxviz.reports.real_images import read_real_images

DIGITS = Path(__file__).parent.parent / "weights" / "mnist_test_1000.npz"
LAYERS = {"digits": "conv2d_4", "photographs": "block11/expanded"}
SIDES = {"digits": None, "photographs": 128}


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    model, images = _material(arguments)
    layer = arguments.layer or LAYERS[arguments.network]
    begin, wall = time.process_time(), time.perf_counter()
    with progress_bar() as bars:
        bar = bars.task(layer, 0)

        def report(done: int, total: int) -> None:
            bar.pace.total = total
            bar(done - bar.pace.done)

        made = analysis.atlas(
            model,
            layer,
            images,
            grids=[arguments.grid],
            positions=arguments.positions,
            side=SIDES[arguments.network],
            steps=arguments.steps,
            keep=arguments.out / "kept",
            progress=report,
        )
    made.save(arguments.out / "atlas.npz")
    [level] = made.levels
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(level)} cells of {level.side} x {level.side}, {len(made.points)} activations of {len(images)} images")
    print(
        f"{time.perf_counter() - wall:.0f} s, {time.process_time() - begin:.0f} s of all cores, at most {memory:.0f} MB"
    )


def _material(arguments: argparse.Namespace) -> tuple[jaxviz.Model, np.ndarray | analysis.Photographs]:
    if arguments.network == "digits":
        model = jaxviz.default_model()
        return model, read_real_images(arguments.images or DIGITS, model.canvas)[0]
    model = efficientnet_lite.load(0).with_class_names("imagenet")
    return model, analysis.Photographs(arguments.images, model.canvas)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.atlas",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--network", choices=list(LAYERS), default="digits", help="which; default %(default)s")
    parser.add_argument("--images", type=Path, help="a folder of photographs; for digits a .npz file")
    parser.add_argument("--out", type=Path, required=True, help="directory for the results; created if need be")
    parser.add_argument("--layer", help="the layer; one that was chosen for the network when left out")
    parser.add_argument("--grid", type=int, default=20, help="cells along each side; default %(default)s")
    parser.add_argument("--positions", type=int, default=16, help="drawn of each image; default %(default)s")
    parser.add_argument("--steps", type=int, help="steps; the recipe's own number when left out")
    return parser


if __name__ == "__main__":
    cli.run(main)
