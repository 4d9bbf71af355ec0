"""How fast are other libraries on networks of photographs? Engines for the benchmark, each in its own process.

Command:  python -m experiments.benchmark --only lite0      (which starts these engines)
Expected: no result of its own.

EfficientNet-Lite0 makes class pictures by the recipe `lucid`: a Fourier image, Adam, and at each step a shift, a scale
and a turn. The engine of PyTorch, written by hand, does so in one resampling. ResNet50 makes channels of its third
stage by a normalized gradient, as the other engines of the benchmark do. The weights do not matter for the time. On
EfficientNet-Lite0 the engine of PyTorch uses a GPU if PyTorch sees one, with its own defaults: TF32 in convolutions.
"""

import math
import os

import numpy as np

from experiments.materials.peers import ENGINES as PEERS
from experiments.materials.peers import EPSILON, Engine, Run, Work, main

_SIDE, _PAD, _RATE = 224, 12, 0.05
_BLOCKS = ((3, 64, 1), (4, 128, 2), (6, 256, 2))  # of ResNet50's first three stages: how many, channels, stride


def _jaxviz_lucid(work: Work) -> Run:
    import jaxviz
    from experiments.materials import efficientnet_lite
    from jaxviz import objectives as obj

    model, recipe = efficientnet_lite.load(0), jaxviz.recipes.PRESETS["lucid"].replace(steps=work.steps)
    objective = obj.class_logit(range(work.units))

    def run(seed: int) -> np.ndarray:
        import jax

        return jaxviz.visualize(model, objective, recipe, key=jax.random.key(seed), chunk=work.chunk).images

    return run


def _torch_lucid(work: Work) -> Run:
    import torch
    from torch.nn import functional

    from experiments.torch_lite0 import module

    torch.set_num_threads(os.cpu_count() or 1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = module().to(device)
    torch.set_default_device(device)
    units = torch.arange(work.units)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    frequencies = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None, :])
    scale = torch.tensor((_SIDE / np.maximum(frequencies, 1 / _SIDE) / _SIDE).astype(np.float32))
    decorrelation = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])

    def image_of(spectrum):
        pixels = torch.fft.irfft2(torch.view_as_complex(spectrum) * scale, s=(_SIDE, _SIDE), norm="ortho")
        return torch.sigmoid(torch.einsum("ij,njhw->nihw", decorrelation, pixels))

    def seen(image):
        padded = functional.pad(image, [_PAD] * 4, value=0.5)
        count = len(image)
        zoom, turn = 1 / (0.9 + 0.2 * torch.rand(count)), math.radians(10) * (2 * torch.rand(count) - 1)
        shift = (12 * torch.rand(count, 2) - 6) / padded.shape[-1] * 2
        cosine, sine = zoom * torch.cos(turn), zoom * torch.sin(turn)
        rows = [torch.stack([cosine, -sine, shift[:, 0]], -1), torch.stack([sine, cosine, shift[:, 1]], -1)]
        grid = functional.affine_grid(torch.stack(rows, 1), [count, 3, _SIDE, _SIDE], align_corners=False)
        return functional.grid_sample(padded, grid * _SIDE / padded.shape[-1], align_corners=False)

    def run(seed: int) -> np.ndarray:
        torch.manual_seed(seed)
        spectrum = (0.01 * torch.randn(work.units, 3, *scale.shape, 2)).requires_grad_(True)
        optimizer = torch.optim.Adam([spectrum], lr=_RATE)
        for _ in range(work.steps):
            optimizer.zero_grad()
            logits = network((255 * seen(image_of(spectrum)) - 127) / 128)
            (-logits[units, units].sum()).backward()
            optimizer.step()
        return image_of(spectrum).detach().permute(0, 2, 3, 1).cpu().numpy()

    return run


def _torch_resnet50(work: Work, memory_format: str) -> Run:
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    layout = getattr(torch, memory_format)
    network, units = _resnet50().eval().requires_grad_(False).to(memory_format=layout), torch.arange(work.units)

    def run(seed: int) -> np.ndarray:
        images = torch.from_numpy(work.starts(seed)).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        for size in work.sizes().tolist():
            images.requires_grad_(True)
            [gradient] = torch.autograd.grad(network(images).mean(dim=(2, 3))[units, units].sum(), images)
            rms = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
            images = images.detach() + size * gradient / (rms + EPSILON)
        return images.permute(0, 2, 3, 1).numpy()

    return run


def _resnet50():
    """Returns ResNet50 to the end of its third stage. He et al., 2016, https://arxiv.org/abs/1512.03385"""
    import torch
    from torch import nn

    def convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs))

    class Block(nn.Module):
        def __init__(self, inputs: int, inside: int, stride: int):
            super().__init__()
            # The stride stands at the first convolution, as in Keras's network and the paper.
            narrow = (convolution(inputs, inside, 1, stride), nn.ReLU(), convolution(inside, inside, 3), nn.ReLU())
            self.way = nn.Sequential(*narrow, convolution(inside, 4 * inside, 1))
            self.by = nn.Identity() if inputs == 4 * inside else convolution(inputs, 4 * inside, 1, stride)

        def forward(self, x):
            return torch.relu(self.way(x) + self.by(x))

    layers = [convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for count, inside, stride in _BLOCKS:
        for place in range(count):
            layers.append(Block(inputs, inside, 1 if place else stride))
            inputs = 4 * inside
    return nn.Sequential(*layers)


ENGINES = {
    engine.name: engine
    for engine in (
        Engine(name="jaxviz, lucid", needs=("jaxviz", "jax", "torch"), prepare=_jaxviz_lucid),
        Engine(name="torch, lucid", needs=("torch", "efficientnet_lite_pytorch"), prepare=_torch_lucid),
        PEERS["jaxviz"],
        PEERS["TensorFlow, batched"],
        Engine(
            name="torch, ResNet50, channels last",
            needs=("torch",),
            prepare=lambda work: _torch_resnet50(work, "channels_last"),
        ),
        Engine(
            name="torch, ResNet50, contiguous",
            needs=("torch",),
            prepare=lambda work: _torch_resnet50(work, "contiguous_format"),
        ),
    )
}

if __name__ == "__main__":
    main(engines=ENGINES)
