import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz import optimizers
from jaxviz.parameterizations import Clip, Colours, FixedMagnitude, Fourier, Free, Pixels, Sigmoid
from jaxviz.penalties import L1, TotalVariation
from jaxviz.recipes import PRESETS, Recipe, Rest, find
from jaxviz.transforms import Jitter, Noise, Pad, RandomResizedCrop, Roll, Rotate, Scale, Sometimes, chain
from jaxviz.values.deferral import Steps, deferred
from jaxviz.values.errors import JaxvizError

EVERY = pytest.mark.parametrize("name", PRESETS)
OURS = {"jaxviz", "plain", "photographs", "signals", "quick", "strokes"}
OURS |= {f"{name}-quick" for name in ("plain", "photographs", "signals", "maco")}
_TURNED = dict.fromkeys(("jaxviz", "quick", "strokes", "photographs", "photographs-quick"), "Affine")
FLAT_ONLY = {"lucid": "Rotate", "tf-keras-vis": "Rotate", **_TURNED}  # they rotate the image
MINE = Recipe(name="mine", parameterization=Pixels(), optimizer=deferred(optax.sgd, 0.1), steps=3)
BACKEND = "/jax/core/compile/backend_compile_duration"

# The published values; a field that is not named has the default of Recipe.
PUBLISHED = {
    "seed": {
        "parameterization": Pixels(low=0.0, high=255.0, clip=False),
        "optimizer": deferred(optimizers.normalized_ascent, deferred(optax.constant_schedule, 1.0)),
        "steps": 256,
        "units": "pixels",
    },
    "seed-digits": {
        "parameterization": Pixels(low=0.0, high=0.0, clip=False),
        "optimizer": deferred(optimizers.normalized_ascent, optimizers.vary_step),
        "steps": 4096,
        "units": "pixels",
    },
    "lucid": {
        "parameterization": Fourier(sd=0.01, decay=1.0, colours=Colours(), squash=Sigmoid()),
        "optimizer": deferred(optax.adam, 0.05),
        "steps": 512,
        "transforms": (
            Pad(12, fill=0.5),
            Jitter(8),
            Scale(0.9, 1.1, fill=None),
            Sometimes(Rotate(10, fill=None), 20 / 26),
            Jitter(4),
        ),
        "redirect_steps": 16,
    },
    "vital": {
        "parameterization": Pixels(low=None, high=None, clip=True, shares=True),
        "optimizer": deferred(
            optax.adam,
            deferred(optimizers.warm_cosine, 0.225, Steps(0.05), Steps()),
            b1=0.5,
            b2=0.9,
        ),
        "steps": 2000,
        "transforms": (Roll(30),),
    },
    "maco": {
        "parameterization": FixedMagnitude(spectrum="photographs", spread=1.0),
        "optimizer": deferred(optax.adam, 1.0, nesterov=True),
        "steps": 256,
        "views": 32,
        "transforms": (
            RandomResizedCrop(
                deferred(optax.linear_schedule, 0.5, 0.05, Steps()),
                deferred(optax.linear_schedule, 0.5, 0.05, Steps()),
                deviation=0.05,
                centre=0.15,
                fill=0.5,
                shape=None,
            ),
            Noise(normal=0.08 / 2, uniform=0.08 / 2),
        ),
    },
    "tf-keras-vis": {
        "parameterization": Pixels(low=None, high=None, clip=False),
        "optimizer": deferred(optax.rmsprop, 1.0, decay=0.999, eps=1e-7),
        "steps": 200,
        "transforms": (Roll(4), Rotate(1, fill=None)),
        "penalties": (TotalVariation(1.0, beta=1.0), L1(0.3, about=0.0)),
        "units": "pixels",
    },
    "keras-io": {
        "parameterization": Pixels(low=-0.125, high=0.125, clip=False),
        "optimizer": deferred(optimizers.l2_normalized_ascent, 10.0),
        "steps": 30,
        "units": "pixels",
    },
}


def test_our_own_stand_beside_the_published():
    assert set(PRESETS) - set(PUBLISHED) == OURS
    assert next(iter(PRESETS)) == "jaxviz"


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_defaults(name):
    assert PRESETS[name] == Recipe(name=name, **PUBLISHED[name])


def test_the_sequence_of_colours_and_optimizers_that_presets_rely_on():
    """Defaults of others that would change a preset if they changed."""
    values = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    np.testing.assert_allclose(Colours().matrix, values / np.sqrt((values**2).sum(0).max()), rtol=1e-12)
    gradient = jnp.array([3.0, -4.0])

    def first_step(name):
        optimizer = PRESETS[name].optimizer.build(10)
        return optimizer.update(gradient, optimizer.init(gradient), gradient)[0]

    np.testing.assert_allclose(first_step("lucid"), [-0.05, 0.05], rtol=1e-4)
    np.testing.assert_allclose(first_step("keras-io"), [-6, 8], rtol=1e-5)
    np.testing.assert_allclose(first_step("seed"), -gradient / np.sqrt(12.5), rtol=1e-4)
    np.testing.assert_allclose(first_step("seed-digits"), -gradient / np.sqrt(12.5) / 100, rtol=1e-4)
    # Keras's RMSprop: lr g / sqrt(0.001 g^2 + 1e-7).
    np.testing.assert_allclose(first_step("tf-keras-vis"), [-31.62, 31.62], rtol=1e-3)
    # Dozat's Nadam: (0.9 m / (1 - 0.9^2) + 0.1 g / (1 - 0.9)) / |g|, m = 0.1 g.
    np.testing.assert_allclose(first_step("maco"), [-1.4737, 1.4737], rtol=1e-3)


def dots(shape):
    matrix = jnp.array([[1.0, -1.0], [0.5, 2.0]])
    return jaxviz.from_function(lambda matrix, image: {"dots": jnp.tanh(image @ matrix)}, matrix, shape)


@EVERY
@pytest.mark.parametrize("shape", [(30, 2), (16, 15, 14, 2)], ids=["1-D", "3-D"])
def test_other_ranks(name, shape):
    """Traced, not run: only shapes are checked."""
    if name in FLAT_ONLY:
        message = f"{FLAT_ONLY[name]} takes images of 2 spatial axes and channels; this one is "
        with pytest.raises(JaxvizError, match=message):
            jaxviz.visualize(dots(shape), obj.channel("dots"), name, steps=2)
        return
    result = jaxviz.visualize(dots(shape), obj.channel("dots", 0), find(name).replace(views=1), steps=2)
    assert result.images.shape == (1, *shape)
    assert np.isfinite(result.scores).all()


def test_equal_recipes_compile_once(tiny, counting):
    def made():
        return Recipe(
            name="mine",
            parameterization=Fourier(decay=0.5, squash=Clip()),
            optimizer=deferred(optax.adam, deferred(optax.cosine_decay_schedule, 0.1, Steps())),
            steps=3,
            transforms=(Noise(deferred(optax.linear_schedule, 0.1, 0.0, Steps())),),
            penalties=(L1(0.5, about=np.full((12, 12, 2), 0.5, np.float32)),),
            rest=Rest(2),
        )

    assert made() == made()
    assert hash(made()) == hash(made())
    jaxviz.visualize(tiny, obj.channel("second", [0, 1]), made())
    compiled = counting.count(BACKEND)
    assert compiled
    jaxviz.visualize(tiny, obj.channel("second", [2, 3]), made())
    assert counting.count(BACKEND) == compiled


class Drawing:
    def init(self, key, canvas):
        return jax.random.uniform(key, canvas.shape)

    def render(self, parameters, canvas):
        return parameters


@dataclasses.dataclass
class Listing(Drawing, Free):
    names: list

    def invert(self, image, canvas):
        return image


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps of 0: give 1 or more, a whole number below 1,073,741,824"),
        ({"steps": 1 << 30}, "steps of 1073741824: give 1 or more"),
        ({"views": 0}, "views of 0: give 1 or more"),
        ({"restarts": 0}, "restarts of 0: give 1 or more"),
        ({"restarts": True}, "restarts of True: give 1 or more"),
        ({"redirect_steps": -1}, "redirect_steps of -1: give 0 or more"),
        ({"target": "logit"}, "unknown target 'logit'; there are activation, preactivation"),
        ({"units": "bytes"}, "unknown units 'bytes'; there are range, pixels"),
        ({"optimizer": optax.identity()}, r"give a deferred one, such as deferred\(optax.adam, 0.05\)"),
        ({"transforms": Jitter(1)}, r"transforms Jitter\(pixels=1\): give several of them, \(Jitter\(pixels=1\),\)"),
        ({"penalties": L1(1)}, "penalties .* give several of them"),
        ({"parameterization": "fourier"}, r"^parameterization 'fourier': give one, such as jaxviz.*\.Fourier\(\)"),
        ({"parameterization": Fourier}, r"^parameterization Fourier is a class; give an instance of it, Fourier\(…\)"),
        (
            {"parameterization": Drawing()},
            r"^parameterization Drawing has no method invert\(image, canvas\), proj",
        ),
        (
            {"parameterization": Listing([])},
            r"^parameterization Listing has no hash \(.*\); make it a frozen dataclass",
        ),
        ({"transforms": (lambda image: image,)}, "^transform <lambda>: give a function of a key and an image"),
        ({"transforms": (chain(Sometimes(abs)),)}, "^transform abs: give a function of a key and an image"),
        ({"transforms": (Jitter,)}, r"^transform Jitter is a class; give an instance of it, Jitter\(…\)"),
        ({"transforms": ("jitter",)}, "^transform 'jitter': give a function of a key and an image"),
        ({"penalties": (lambda key, image: 0.0,)}, "^penalty <lambda>: give a function of an image"),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(JaxvizError, match=message):
        unchecked(**changes)


def unchecked(**changes):
    """Builds a recipe without type checks, as outside the tests."""
    recipe = object.__new__(Recipe)
    for name, value in (vars(MINE) | changes).items():
        object.__setattr__(recipe, name, value)
    recipe.__post_init__()
    return recipe


@pytest.mark.parametrize("settings", [{"patience": 0}, {"tolerance": -0.1}])
def test_rests_that_are_refused(settings):
    with pytest.raises(JaxvizError, match="give a patience of 1 or more and a tolerance of 0 or more"):
        Rest(**settings)


def test_replaced():
    more = unchecked(steps=5, transforms=[Jitter(1)], redirect_steps=Steps(0.4))
    assert (more.steps, more.transforms, more.redirected) == (5, (Jitter(1),), 2)
    assert (MINE.steps, MINE.redirected) == (3, 0)
    assert MINE.replace(redirect_steps=Steps()).redirected == 3
    assert hash(more) == hash(dataclasses.replace(more))


def test_names():
    assert find("lucid") is PRESETS["lucid"]
    assert find(MINE) is MINE
    with pytest.raises(
        JaxvizError, match=r"^unknown recipe 'x'; there are jaxviz, quick, seed, seed-digits, lucid, maco"
    ):
        find("x")
    assert len({recipe.name for recipe in PRESETS.values()}) == len(PRESETS)
    assert all(name == recipe.name for name, recipe in PRESETS.items())


@EVERY
def test_every_preset_can_be_written_down(name):
    """A result's description of its recipe differs between two recipes."""
    texts = [str(getattr(PRESETS[name], field.name)) for field in dataclasses.fields(Recipe)]
    assert not any(" at 0x" in text for text in texts)


def test_keys_are_typed():
    with pytest.raises(JaxvizError, match=r"give one that jax.random.key\(0\) makes"):
        jaxviz.visualize(dots((4, 2)), obj.channel("dots"), key=jax.random.PRNGKey(0))
