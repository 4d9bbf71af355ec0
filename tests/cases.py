"""Tables of cases that several test files run over."""

import numpy as np
from objective_networks import SHAPE, network

from jaxviz import objectives as obj
from jaxviz.parameterizations import (
    CPPN,
    Alpha,
    Centred,
    Clip,
    Colours,
    FixedMagnitude,
    Fourier,
    NormBall,
    Pixels,
    Pyramid,
    RangePixels,
    Separate,
    SharedLowRes,
    SmoothPixels,
    several,
)

RNG = np.random.default_rng(7)
IMAGES = RNG.random((4, *SHAPE)).astype(np.float32)
VECTORS = RNG.normal(size=(4, 4)).astype(np.float32)


def contrast(activations, weights):
    return activations["dense"] @ weights


# name -> two batches that differ only in their numbers.
CASES = {
    "accentuation": [
        obj.accentuation(obj.channel("conv", [0, 1]), "conv", IMAGES[0], weight=0.5),
        obj.accentuation(obj.channel("conv", [2, 3]), "conv", IMAGES[1], weight=2),
    ],
    "activation_difference": [obj.activation_difference("conv", IMAGES[at : at + 2]) for at in (0, 2)],
    "alignment": [obj.alignment("conv", group=3, decay=decay) for decay in ([2.0, 3.0], [1.0, 4.0])],
    "caricature": [obj.caricature("relu", IMAGES[at : at + 2], power=at) for at in (0, 2)],
    "channel": [obj.channel("conv", at) for at in ([0, 1], [2, 3])],
    "class_log_odds": [obj.class_log_odds(at) for at in ([0, 1], [2, 0])],
    "class_log_odds, others": [obj.class_log_odds(at, others=other) for at, other in (([0, 1], 0.5), ([2, 0], 0.25))],
    "class_logit": [obj.class_logit(at) for at in ([0, 1], [2, 0])],
    "class_probability": [obj.class_probability(at) for at in ([0, 1], [2, 0])],
    "deepdream": [obj.deepdream("relu"), obj.deepdream("relu")],
    "direction": [obj.direction("conv", VECTORS[at : at + 2], (1, at), power=at) for at in (0, 2)],
    "diversity": [obj.diversity("conv", group=3), obj.diversity("conv", group=3)],
    "function": [obj.function(contrast, VECTORS[at : at + 2, :3]) for at in (0, 2)],
    "interpolation": [obj.interpolation(obj.channel("conv", [0, 1]), obj.neuron("relu", at), group=3) for at in (2, 3)],
    "inversion": [obj.inversion("conv", IMAGES[at : at + 2]) for at in (0, 2)],
    "layer_mean": [obj.layer_mean("conv"), obj.layer_mean("conv")],
    "local_group": [obj.local_group("conv", VECTORS[at : at + 2], (1 + at, 2), window=(2, 3)) for at in (0, 2)],
    "matched": [obj.matched(["conv", "dense"], IMAGES[None, at : at + 2], weights=[1, at + 1]) for at in (0, 2)],
    "neuron": [obj.neuron("conv", at, [(0, at), (1, 3)]) for at in (0, 2)],
    "pairs": [obj.pairs(obj.channel("conv", [0, at]), -obj.neuron("conv", [1, at])) for at in (2, 3)],
    "tensor_direction": [obj.tensor_direction("dense", VECTORS[at : at + 2, :3], power=at) for at in (0, 2)],
    "weighted_channels": [obj.weighted_channels("conv", VECTORS[at : at + 2]) for at in (0, 2)],
    "many terms": [
        sum(weight * obj.neuron("conv", [0, 1], (at, 1)) for weight in range(1, 12)) + obj.layer_mean("conv")
        for at in (0, 2)
    ],
    "before activation": [obj.channel("relu", at).before_activation(network()) for at in ([0, 1], [2, 3])],
    "a scaled sum": [at * (obj.channel("conv", [0, 1]) - obj.diversity("conv", group=2) / 3 + 1) for at in (2, 3)],
}

# Parameterizations with settings other than their defaults.
EXAMPLES = [
    Alpha(),
    Centred(inner=RangePixels()),
    CPPN(hidden=6, layers=2),
    FixedMagnitude(),
    FixedMagnitude(spread=None),
    FixedMagnitude(spectrum="photographs"),
    Fourier(),
    Fourier(decay=0, colours=None, squash=Clip()),
    NormBall(radius=2),
    NormBall(inner=RangePixels(), radius=1.0, norm=np.inf, about=0.5),
    Pixels(low=0.0, high=1.0),
    Pixels(low=-9.0, high=9.0, clip=True),
    Pixels(clip=True, shares=True),
    Pyramid(),
    RangePixels(),
    RangePixels(colours=Colours()),
    Separate(Fourier(), 2),
    SharedLowRes(),
    SmoothPixels(blur=0.5),
    several(SharedLowRes(own=Pyramid(levels=2), factor=2), 3),
]
