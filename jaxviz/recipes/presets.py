"""Presets: the published recipes, and our own, by name.

If a published default has another unit than ours, the line says how it was converted. Settings that belong to the
objective are not here: the Keras example leaves a border of 2 pixels out of a filter's mean.
"""

import difflib

import optax

from jaxviz.parameterizations import Centred, FixedMagnitude, Fourier, Pixels, SmoothPixels
from jaxviz.penalties import L1, Border, Midtones, TotalVariation
from jaxviz.recipes import optimizers
from jaxviz.recipes.recipe import Recipe
from jaxviz.transforms import Affine, Jitter, Noise, Pad, RandomResizedCrop, Roll, Rotate, Scale, Sometimes
from jaxviz.values.contents import contents
from jaxviz.values.deferral import Steps, deferred
from jaxviz.values.errors import JaxvizError

__all__ = ["PRESETS", "find"]

# For drawings: small images of one channel on a dark ground, such as digits. Found by search on the MNIST network
# (docs/recipes.md): by how well pictures of units let another network tell the digits that excite a unit from those
# that do not, and by whether classifiers read those of classes. The ground stays dark where views do not agree on the
# gradient: there the steps cancel, and weight decay pulls back.
JAXVIZ = Recipe(
    name="jaxviz",
    parameterization=Centred(inner=SmoothPixels(blur=0.7, noise=0.3, level=0.12)),
    optimizer=deferred(optax.adamw, deferred(optax.cosine_decay_schedule, 0.4, Steps(), 0.05), weight_decay=0.1),
    steps=128,
    views=2,
    transforms=(Affine(degrees=12, low=0.85, high=1.15, shear=8, pixels=2, fill=0.0),),
    redirect_steps=Steps(),
    redirect="nearest",
)
# For whole networks: one view a step.
QUICK = JAXVIZ.replace(name="quick", views=1)

# For small images that are no drawings, of any number of channels and axes. Of pixels and Fourier spectra, blurs, first
# noises and step sizes, what excites the MNIST network most inside the valid range, with no filter dead
# (experiments/compare_recipes.py, docs/recipes.md). The blur, half a pixel, takes away speckle that no filter asks for.
PLAIN = Recipe(
    name="plain",
    parameterization=SmoothPixels(blur=0.5, noise=1.0),
    optimizer=deferred(optax.adam, deferred(optax.cosine_decay_schedule, 0.5, Steps(), 0.05)),
    steps=256,
    redirect_steps=Steps(),
)
# Half the steps reach 0.97 of what all reach.
PLAIN_QUICK = PLAIN.replace(name="plain-quick", steps=128)

# For photographs, found by search on EfficientNet-Lite0 (docs/recipes.md): by how well pictures of channels let another
# network tell the photographs that excite a channel from those that do not, by whether it reads those of classes, and
# by how calm they are. Weight decay takes away what the views do not agree on.
PHOTOGRAPHS = Recipe(
    name="photographs",
    parameterization=Fourier(sd=0.01, decay=1.25),
    optimizer=deferred(optax.adamw, deferred(optax.cosine_decay_schedule, 0.05, Steps(), 0.1), weight_decay=0.15),
    steps=128,
    transforms=(Affine(degrees=15, low=0.7, high=1.2, shear=5, pixels=16, fill=0.5),),
    redirect_steps=16,
)
# Half the steps, which are longer.
PHOTOGRAPHS_QUICK = PHOTOGRAPHS.replace(
    name="photographs-quick",
    optimizer=deferred(optax.adamw, deferred(optax.cosine_decay_schedule, 0.07, Steps(), 0.1), weight_decay=0.2),
    steps=64,
)

# The same for other numbers of spatial axes, which cannot be turned or sheared.
SIGNALS = PHOTOGRAPHS.replace(name="signals", transforms=(Pad(8), Jitter(16), Scale(0.7, 1.2)))
SIGNALS_QUICK = PHOTOGRAPHS_QUICK.replace(name="signals-quick", transforms=SIGNALS.transforms)

# Robinson 2018, after Chollet's Keras blog of 2016: see optimizers.py.
SEED = Recipe(
    name="seed",
    parameterization=Pixels(low=0.0, high=255.0),
    optimizer=deferred(optimizers.normalized_ascent, deferred(optax.constant_schedule, 1.0)),
    steps=256,
    units="pixels",
)

SEED_DIGITS = Recipe(
    name="seed-digits",
    parameterization=Pixels(low=0.0, high=0.0),
    optimizer=deferred(optimizers.normalized_ascent, optimizers.vary_step),
    steps=4096,
    units="pixels",
)

# Lucid 0.3.10, `render_vis`, https://github.com/tensorflow/lucid; Olah et al., "Feature Visualization", Distill 2017,
# https://distill.pub/2017/feature-visualization. Of its angles 21 lie between -10 and 10, five are 0.
# Its view grows by 12 pixels; ours is cut to the middle of the size that the network takes.
LUCID = Recipe(
    name="lucid",
    parameterization=Fourier(sd=0.01, decay=1.0),
    optimizer=deferred(optax.adam, 0.05),
    steps=512,
    transforms=(Pad(12, fill=0.5), Jitter(8), Scale(0.9, 1.1), Sometimes(Rotate(10), 20 / 26), Jitter(4)),
    redirect_steps=16,
)

# Fel et al., "Unlocking Feature Visualization for Deeper Networks with MAgnitude Constrained Optimization", NeurIPS
# 2023, https://arxiv.org/abs/2306.06805, and xplique 2's code: 32 crops a step whose side falls from a half to a
# twentieth. Its noise of 0.08 counts on values from -1 to 1, twice our range. The authors' magnitudes are the mean of
# ImageNet's; ours are the mean of seven free photographs (experiments/photograph_spectrum.py), and
# `magnitude_of(images)` makes those of others. A step runs the network 32 times.
MACO = Recipe(
    name="maco",
    parameterization=FixedMagnitude(spectrum="photographs"),
    optimizer=deferred(optax.adam, 1.0, nesterov=True),
    steps=256,
    views=32,
    transforms=(
        RandomResizedCrop(
            deferred(optax.linear_schedule, 0.5, 0.05, Steps()),
            deferred(optax.linear_schedule, 0.5, 0.05, Steps()),
            deviation=0.05,
            centre=0.15,
            fill=0.5,
        ),
        Noise(normal=0.04, uniform=0.04),
    ),
)

# The same with an eighth of the views, for a CPU.
MACO_QUICK = MACO.replace(name="maco-quick", views=4)

# tf-keras-vis 0.8.8, `ActivationMaximization`, https://github.com/keisen/tf-keras-vis: everything in the units of the
# input. It shifts and turns the image itself; ours shifts and turns the view.
TF_KERAS_VIS = Recipe(
    name="tf-keras-vis",
    parameterization=Pixels(),
    optimizer=deferred(optax.rmsprop, 1.0, decay=0.999, eps=1e-7),
    steps=200,
    transforms=(Roll(4), Rotate(1)),
    penalties=(TotalVariation(1.0), L1(0.3)),
    units="pixels",
)

# Keras's own example, "Visualizing what convnets learn", Chollet 2020,
# https://keras.io/examples/vision/visualizing_what_convnets_learn: for a network of values from -1 to 1.
KERAS_IO = Recipe(
    name="keras-io",
    parameterization=Pixels(low=-0.125, high=0.125),
    optimizer=deferred(optimizers.l2_normalized_ascent, 10.0),
    steps=30,
    units="pixels",
)

# Görgün, Schiele and Fischer, "VITAL", ICCV 2025, https://arxiv.org/abs/2503.22399, and its code for class neurons of a
# ResNet-50; for the objective `matched`. There, 1 in the network's units is 0.225 of the range, and the first image is
# normal about grey with that deviation, where ours is uniform over the range; the rate rises for 100 of 2000 steps.
VITAL = Recipe(
    name="vital",
    parameterization=Pixels(clip=True, shares=True),
    optimizer=deferred(
        optax.adam,
        deferred(optimizers.warm_cosine, 0.225, Steps(0.05), Steps()),
        b1=0.5,
        b2=0.9,
    ),
    steps=2000,
    transforms=(Roll(30),),
)

# Bright strokes on a dark ground, for digits and letters; use it with `class_log_odds`. Found by trying, see
# experiments/perfect_digits.py: penalties that grow over the first half, so that the shape is found before it is
# cleaned; a blur no finer than a pen; views that a reader would still read.
_GROWN = Steps(0.5)
STROKES = Recipe(
    name="strokes",
    parameterization=Centred(inner=SmoothPixels(blur=1.0, noise=0.1)),
    optimizer=deferred(optax.adam, deferred(optax.cosine_decay_schedule, 0.2, Steps(), 0.05)),
    steps=192,
    views=8,
    transforms=(Affine(degrees=12, low=0.85, high=1.15, shear=8, pixels=3, fill=0.0), Noise(normal=0.1)),
    penalties=(
        L1(deferred(optax.linear_schedule, 0.0, 50.0, _GROWN)),
        TotalVariation(deferred(optax.linear_schedule, 0.0, 30.0, _GROWN)),
        Midtones(deferred(optax.linear_schedule, 0.0, 20.0, _GROWN)),
        Border(deferred(optax.linear_schedule, 0.0, 10.0, _GROWN), width=4),
    ),
)

_PUBLISHED = (SEED, SEED_DIGITS, LUCID, MACO, TF_KERAS_VIS, KERAS_IO, VITAL)
_OURS = (PLAIN, PLAIN_QUICK, MACO_QUICK, STROKES, PHOTOGRAPHS, PHOTOGRAPHS_QUICK, SIGNALS, SIGNALS_QUICK)
PRESETS = {recipe.name: recipe for recipe in (JAXVIZ, QUICK, *_PUBLISHED, *_OURS)}
"""The published recipes, and our own, by name."""


def find(recipe: "str | Recipe") -> Recipe:
    """Returns a recipe by its name; a recipe is returned unchanged, but for what functions of your own in it read now.

    Raises:
      JaxvizError: there is no such preset; the message lists all presets.
    """
    if isinstance(recipe, Recipe):
        parts = (recipe.parameterization, recipe.optimizer, recipe.transforms, recipe.penalties)
        read = contents(*parts)
        return recipe if read == recipe.contents else recipe.replace(contents=read)
    if not isinstance(recipe, str) or recipe not in PRESETS:
        close = difflib.get_close_matches(str(recipe), PRESETS, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise JaxvizError(f"unknown recipe {recipe!r}{hint}; there are {', '.join(PRESETS)}")
    return PRESETS[recipe]
