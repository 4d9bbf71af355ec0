"""Parts of a recipe that a user wrote: those that are wrong are refused in one line that names them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from objective_networks import SHAPE, mirror_channels_first, network

import jaxviz
from jaxviz import JaxvizError
from jaxviz import objectives as obj
from jaxviz.parameterizations import Alpha, Free, Pixels
from jaxviz.recipes import Recipe
from jaxviz.transforms import Flip, Jitter, OverBackground, Sometimes
from jaxviz.values.deferral import deferred
from jaxviz.values.errors import OwnFunctionError

pytestmark = pytest.mark.usefixtures("hardly_optimized")

PLAIN = Recipe(name="plain", parameterization=Pixels(), optimizer=deferred(optax.sgd, 0.1), steps=2)
DIVERSE = obj.channel("relu", 0) - 0.1 * obj.diversity("relu", group=2)


@dataclasses.dataclass(frozen=True)
class Own(Free):
    """Pixels of the user's own, which render what ``change`` makes of them."""

    change: object = staticmethod(lambda image: image)

    def init(self, key, canvas):
        return jax.random.uniform(key, canvas.shape)

    def render(self, parameters, canvas):
        return self.change(parameters)

    def invert(self, image, canvas):
        return image


class Shrinking(Own):
    def project(self, parameters, canvas):
        return parameters[:3]


def refusal(recipe, objective=None, model=None, **arguments):
    with pytest.raises(JaxvizError) as refused:
        jaxviz.visualize(model or network(), objective or obj.channel("relu", 0), recipe, **arguments)
    assert "\n" not in str(refused.value)
    return refused.value


@pytest.mark.parametrize(
    ("change", "given"),
    [
        (lambda image: image[:3], "3 x 6 x 2"),
        (lambda image: image[..., :1], "6 x 6 x 1"),
        (lambda image: jnp.concatenate([image, image], -1), "6 x 6 x 4"),
        (lambda image: image[None], "1 x 6 x 6 x 2"),
        (lambda image: image.mean(), "one number"),
    ],
)
def test_an_image_of_another_shape_is_refused(change, given):
    told = str(refusal(PLAIN.replace(parameterization=Own(change))))
    assert told == f"the parameterization Own renders {given}; this network's canvas takes 6 x 6 x 2"


def test_of_a_group_and_with_channels_first():
    halved = PLAIN.replace(parameterization=Own(lambda image: image[:3]))
    assert str(refusal(halved, DIVERSE)) == (
        "the parameterization Own renders 2 x 3 x 6 x 2; this network's canvas takes 2 x 6 x 6 x 2"
    )
    told = str(refusal(halved, obj.channel("same", 0), mirror_channels_first()))
    assert told == "the parameterization Own renders 3 x 5 x 3; this network's canvas takes 5 x 5 x 3"
    assert "Own renders 3 x 6 x 2" in str(refusal(halved, start=np.zeros(SHAPE)))


@pytest.mark.filterwarnings("ignore:.*left the range:jaxviz.JaxvizWarning")
def test_what_is_right_is_taken():
    """An image of its own making, alone and in a group; one with opacity; views that change the size."""
    for objective, images in ((obj.channel("relu", 0), 1), (DIVERSE, 2)):
        own = PLAIN.replace(parameterization=Own(), transforms=(lambda key, image: image[1:],))
        assert jaxviz.visualize(network(), objective, own).images.shape == (images, *SHAPE)
    clear = PLAIN.replace(parameterization=Alpha(), transforms=(Jitter(1), OverBackground(), Jitter(1)))
    assert jaxviz.visualize(network(), obj.channel("relu", 0), clear).images.shape == (1, 6, 6, 3)


def test_other_parts_of_a_parameterization():
    assert "renders NoneType, not an array" in str(refusal(PLAIN.replace(parameterization=Own(lambda image: None))))
    counts = Own(lambda image: image.astype(jnp.int32))
    assert "renders int32, which has no gradient" in str(refusal(PLAIN.replace(parameterization=counts)))
    told = str(refusal(PLAIN.replace(parameterization=Shrinking())))
    assert told == (
        "the parameterization Shrinking projects parameters of shapes (6, 6, 2) to (3, 6, 2); keep their shapes"
    )


def deeper(key, image):
    return jnp.concatenate([image, jnp.ones_like(image[..., :1])], -1)


@pytest.mark.parametrize(
    ("view", "told"),
    [
        (deeper, "the transform deeper gives 6 x 6 x 3 of an image of 6 x 6 x 2; it may change the size, but not the"),
        (lambda key, image: None, "the transform <lambda> gives NoneType, not an array"),
        (lambda key, image: image[..., 0], "gives 6 x 6 of an image of 6 x 6 x 2"),
        (lambda key, image: image[..., :1], "gives 6 x 6 x 1 of an image of 6 x 6 x 2"),
        (lambda key, image: image[:0], "gives 0 x 6 x 2 of an image of 6 x 6 x 2"),
        (lambda key, image: image > 0, "gives bool, which has no gradient; give floating point numbers"),
    ],
)
def test_a_view_keeps_axes_and_channels(view, told):
    assert told in str(refusal(PLAIN.replace(transforms=(Flip(), view))))


def test_opacity_is_the_parameterization_s_to_give():
    """A view may put an image over a background, once."""
    twice = PLAIN.replace(parameterization=Alpha(), transforms=(OverBackground(), deeper))
    assert "the transform deeper gives 6 x 6 x 3 of an image of 6 x 6 x 2" in str(refusal(twice))


def branching(key, image):
    return image if image.mean() > 0 else -image


def failing(image):
    raise KeyError("mine")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"transforms": (branching,)},
            "the transform branching fails in branching, line 126 of test_parts.py, `return",
        ),
        (
            {"transforms": (branching,)},
            "cannot decide by pixels, which have no values yet while",
        ),
        ({"transforms": (Sometimes(branching),)}, "the transform Sometimes fails in branching, line 126"),
        ({"penalties": (failing,)}, "the penalty failing fails in failing, line 130 of test_parts.py, `raise"),
        ({"penalties": (failing,)}, "KeyError: 'mine'"),
        ({"penalties": (lambda image: image,)}, "the penalty <lambda> gives (6, 6, 2), not one number; take a mean"),
        ({"penalties": (lambda image: None,)}, "the penalty <lambda> gives NoneType, not an array"),
        ({"parameterization": Own(failing)}, "the parameterization Own fails in failing, line 130 of test_parts.py"),
    ],
)
@pytest.mark.parametrize("objective", [obj.channel("relu", 0), DIVERSE], ids=["one", "group"])
def test_what_fails_names_its_line(changes, told, objective):
    error = refusal(PLAIN.replace(**changes), objective)
    assert told in str(error)
    assert isinstance(error, OwnFunctionError) == ("fails" in str(error))


@pytest.mark.filterwarnings("ignore:.*left the range:jaxviz.JaxvizWarning")
def test_a_penalty_may_be_a_python_number():
    free = PLAIN.replace(penalties=(lambda image: 0.0,))
    same = [jaxviz.visualize(network(), obj.channel("relu", 0), recipe) for recipe in (PLAIN, free)]
    np.testing.assert_array_equal(same[0].images, same[1].images)
