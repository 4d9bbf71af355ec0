import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz
from jaxviz.values.contents import contents, described

FACTOR = 2.0


def scaled(x):
    return FACTOR * x


def outer(x):
    return [scaled(one) for one in x]


def closed(value):
    def inner(x):
        return value * x

    return inner


class View:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, key, image):
        return FACTOR * self.factor * image


def test_the_same_code_with_the_same_values_is_the_same():
    assert contents(closed(2)) == contents(closed(2))
    assert contents(closed(2)) != contents(closed(3))
    assert len({contents(closed(one)) for one in (1, True, 1.0, "1")}) == 4
    assert contents(closed(np.arange(3))) == contents(closed(np.arange(3)))
    assert contents(closed(np.arange(3))) != contents(closed(np.arange(4)))
    assert contents(lambda x: x + 1) != contents(lambda x: x + 2)
    assert contents(View(1)) == contents(View(1)) != contents(View(2))
    assert hash(contents(closed([1, {2: {3}}])))
    assert described(contents(closed(2))) == described(contents(closed(2))) != described(contents(closed(3)))


def test_a_variable_of_the_module_is_read(monkeypatch):
    functions = [scaled, outer, functools.partial(scaled), jax.jit(scaled), closed(scaled), View(1)]
    before = [contents(one) for one in functions]
    assert all(before)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert all(contents(one) != old for one, old in zip(functions, before, strict=True))


def test_what_jaxviz_and_the_libraries_have_is_not_of_your_own():
    assert contents(*jaxviz.recipes.PRESETS.values()) == ()
    assert contents(jnp.tanh, jax.nn.relu, jaxviz.transforms.Jitter(2), 3) == ()


def test_a_function_that_reads_itself():
    def again(x):
        return again(x - 1) if x > 0 else deep

    deep = []
    deep.append(deep)
    assert contents(again) == contents(again)


@pytest.mark.parametrize("part", ["objective", "view", "penalty"])
def test_a_changed_variable_makes_another_picture(part):
    """As in a notebook, where a cell with a number runs again and the function's does not."""
    number = 3
    recipe, objective = jaxviz.recipes.PRESETS["plain"].replace(steps=2), jaxviz.objectives.channel("conv2d_2", [3])
    if part == "objective":
        objective = lambda activations: activations["conv2d_2"][..., number].mean()  # noqa: E731
    elif part == "view":
        recipe = recipe.replace(transforms=(lambda key, image: image / number,))
    else:
        recipe = recipe.replace(penalties=(lambda image: number * image.sum(),))

    def made():
        return jaxviz.visualize(jaxviz.default_model(), objective, recipe).images

    first = made()
    number = 7
    assert not np.array_equal(first, made())
    number = 3
    np.testing.assert_array_equal(made(), first)


def test_kept_chunks_of_another_function_are_refused(tmp_path):
    def made(channel):
        score = lambda activations: activations["conv2d_1"][..., channel].mean()  # noqa: E731
        return jaxviz.visualize(jaxviz.default_model(), score, "plain", steps=1, keep=tmp_path).images

    first = made(3)
    np.testing.assert_array_equal(made(3), first)
    with pytest.raises(jaxviz.JaxvizError, match="objectives"):
        made(7)
