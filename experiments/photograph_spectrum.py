"""How does the magnitude of the spectrum of photographs fall off, in each decorrelated colour?

Command:  python -m experiments.photograph_spectrum --out jaxviz/parameterizations/photographs.json
Time:     a few seconds.
Needs:    pip install -e '.[photographs]'
Expected: 28 squares; exponents -1.30, -1.44, -1.31: as frequency ** -1.3, and alike in the three colours.

The result is what `FixedMagnitude(spectrum="photographs")`, and so the recipe `maco`, uses. It is measured on seven
photographs that scikit-image and scikit-learn bring with them: an astronaut, a cat, a cup of coffee, a rocket, a
motorcycle, a temple and a flower. Each is resized to a shorter side of 256 pixels, as networks of photographs take
them, and cut into squares of 224 pixels. These are faded to their mean at the edges, since the jump from one edge to
the opposite one would count as detail. These photographs are colourful: held against 250 others, of ImageNet's
classes, the first colour (brightness) is within a fifth of theirs at each frequency. The other two are 1.3 to 2 times
as strong, and more so above 0.3 cycles a pixel, where JPEG files keep no colour.
"""

import argparse
import itertools
import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxviz import cli
from jaxviz.parameterizations import Colours
from jaxviz.parameterizations.spectra import frequencies

SHORTER, SIDE, SQUARES = 256, 224, 4
NAMES = ("astronaut", "chelsea", "coffee", "rocket")


def photographs() -> list[np.ndarray]:
    """Returns the photographs, each ``[height, width, 3]`` uint8."""
    from skimage import data
    from sklearn.datasets import load_sample_images

    return [*(getattr(data, name)() for name in NAMES), data.stereo_motorcycle()[0], *load_sample_images().images]


def squares(photograph: np.ndarray) -> np.ndarray:
    """Returns squares ``[squares, SIDE, SIDE, 3]`` of a resized photograph, evenly spaced over its longer side."""
    image = Image.fromarray(photograph)
    scale = SHORTER / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    pixels = np.asarray(image, np.float32) / 255
    across = np.linspace(0, pixels.shape[1] - SIDE, SQUARES).astype(int)
    down = np.linspace(0, pixels.shape[0] - SIDE, SQUARES).astype(int)
    return np.stack([pixels[y : y + SIDE, x : x + SIDE] for y, x in zip(down, across, strict=True)])


def magnitudes(images: np.ndarray) -> np.ndarray:
    """Returns the mean magnitudes ``[*frequencies, 3]`` of decorrelated images, faded to their mean at the edges."""
    values = np.asarray(Colours().decorrelate(jnp.asarray(images)))
    fade = np.hanning(SIDE + 2)[1:-1]
    window = np.outer(fade, fade)[..., None]
    values = (values - values.mean(axis=(1, 2), keepdims=True)) * window
    return np.abs(np.fft.rfft2(values, axes=(1, 2))).mean(axis=0)


def profile(magnitude: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns frequencies ``[count]`` in cycles a pixel, evenly spaced in their logarithm, and means about them."""
    frequency = frequencies((SIDE, SIDE))
    bounds = np.geomspace(1 / SIDE, frequency.max() * 1.0001, count + 1)
    rings = [(frequency >= low) & (frequency < high) for low, high in itertools.pairwise(bounds)]
    # Where two bounds have no frequency of the grid between them, the ring is left out.
    found = [ring for ring in rings if ring.any()]
    middles = np.array([np.exp(np.log(frequency[ring]).mean()) for ring in found])
    means = np.stack([np.exp(np.log(magnitude[ring]).mean(axis=0)) for ring in found])
    return middles, means


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.photograph_spectrum",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the JSON file to write")
    parser.add_argument("--rings", type=int, default=32, help="how many frequencies; default %(default)s")
    arguments = parser.parse_args(argv)
    images = np.concatenate([squares(photograph) for photograph in photographs()])
    middles, means = profile(magnitudes(images), arguments.rings)
    means = means / means[0, 0]
    slopes = np.polyfit(np.log(middles), np.log(means), 1)[0]
    told = {
        "frequency": [float(f"{value:.4g}") for value in middles],
        "magnitude": [[float(f"{value:.4g}") for value in row] for row in means],
    }
    arguments.out.write_text(json.dumps(told, indent=1) + "\n")
    print(f"{len(images)} squares; exponents {', '.join(f'{slope:.2f}' for slope in slopes)}")
    print(
        "of the first colour, at the median frequency:", (means[len(means) // 2] / means[len(means) // 2, 0]).round(3)
    )


if __name__ == "__main__":
    cli.run(main)
