"""What does a layer see in a thousand images, and which of it belongs together?

Command:  python -m experiments.atlas --network digits --out out
          python -m experiments.atlas --network photographs --images photographs --out out
Time:     about a minute and about four minutes on 2 cores. Needs `pip install '.[analysis]'`, and for photographs
          `pip install '.[photographs]'`.
Expected: neighbouring cells look alike. Of the photographs, animals, plants, landscapes and made things lie apart; of
          the digits, strokes of one slant and ends of strokes do.

Writes atlas.npz, atlas.png, with --zoom zoom.png, and the page index.html. What is finished stays in ``kept``: the same
command goes on from there. Prints the time and the memory that it took.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from jaxtyping import Integer
from PIL import Image

import jaxviz
from experiments.materials import efficientnet_lite
from jaxviz import analysis, cli
from jaxviz.cli.progress import progress_bar
from jaxviz.files.outputs import staged
from jaxviz.galleries import atlas_page
from jaxviz.reports.photographs import Photographs
from jaxviz.reports.real_images import StoredImages, open_real_images
from jaxviz.values.errors import JaxvizError

DIGITS = Path(__file__).parent.parent / "weights" / "mnist_test_1000.npz"
LAYERS = {"digits": "conv2d_4", "photographs": "block11/expanded"}
SIDES = {"digits": None, "photographs": 128}


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    model, images, _ = material(arguments.network, arguments.images)
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
            grids=[arguments.grid * 2**level for level in range(arguments.zoom + 1)],
            positions=arguments.positions,
            side=SIDES[arguments.network],
            steps=arguments.steps,
            keep=arguments.out / "kept",
            progress=report,
        )
    with staged(arguments.out) as stage:
        made.save(stage / "atlas.npz")
        _picture(made.levels[-1].mosaic()).save(stage / "atlas.png")
        if arguments.zoom:
            _picture(_zoomed(made)).save(stage / "zoom.png")
    atlas_page(made, arguments.out, model=arguments.network)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cells = ", ".join(f"{len(level)} cells on a grid of {level.side} x {level.side}" for level in made.levels)
    print(f"{arguments.out}: {cells}; {len(made.points)} activations of {len(images)} images")
    took, worked = time.perf_counter() - wall, time.process_time() - begin
    print(f"{took:.0f} s, {worked:.0f} s of all cores together, at most {memory:.0f} MB")


def material(
    network: str, images: Path | None
) -> tuple[jaxviz.Model, StoredImages | Photographs, Integer[np.ndarray, " images"] | None]:
    """Returns a network, the images of its atlas, and their classes if their file has them."""
    if network == "digits":
        model = jaxviz.default_model()
        return model, *open_real_images(images or DIGITS, model.canvas)
    if images is None:
        raise JaxvizError("no photographs; give their folder by --images")
    model = efficientnet_lite.load(0).with_class_names("imagenet")
    return model, *open_real_images(images, model.canvas)


def _zoomed(made: analysis.Atlas) -> np.ndarray:
    """Returns the first level, and beside it as many cells of each other one, around the median of the activations."""
    side, parts = made.levels[0].side, []
    middle = np.median(made.points, axis=0)[::-1]
    for level in made.levels:
        _, height, width, channels = level.pictures.shape
        top, left = np.clip(np.round(middle * level.side - side / 2), 0, level.side - side).astype(int)
        sheet = level.mosaic()[top * height : (top + side) * height, left * width : (left + side) * width]
        parts += [np.full((side * height, width // 2, channels), 255, np.uint8), sheet]
    return np.concatenate(parts[1:], axis=1)


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


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
    parser.add_argument("--zoom", type=int, default=0, help="further levels, each of twice as many cells a side")
    parser.add_argument("--positions", type=int, default=16, help="drawn of each image; default %(default)s")
    parser.add_argument("--steps", type=int, help="steps; the recipe's own number when left out")
    return parser


if __name__ == "__main__":
    cli.run(main)
