"""Sweeps by several recipes: each has its own pictures and numbers, whichever call asked for it."""

import shlex

import numpy as np
import pytest
import typer
from conftest import ROOT
from sweep_trees import tree

import jaxviz
from jaxviz import JaxvizError, cli
from jaxviz import objectives as obj

TWO = {"recipe": ("plain-quick", "lucid"), "steps": 2, "layers": ["first", "second"], "chunk": 2}


@pytest.fixture(scope="module")
def real(tiny):
    return np.random.default_rng(0).uniform(size=(12, *tiny.canvas.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def both(tiny, real, tmp_path_factory):
    """A sweep by two recipes, made in one call, and what it reported on the way."""
    told = []
    done = jaxviz.sweep(
        tiny, tmp_path_factory.mktemp("both") / "sweep", images=real, negative=True, progress=told.append, **TWO
    )
    return done, told


def test_each_recipe_has_its_pictures_and_numbers(both, tiny):
    done, told = both
    assert (done.complete, done.done, done.units) == (True, 10, 10)
    assert done.recipes == done.layer("second").recipes == ("plain-quick", "lucid")
    assert done.facts["recipe"] == "plain-quick, lucid"
    layer = done.layer("second")
    for recipe in done.recipes:
        alone = jaxviz.visualize(tiny, obj.channel("second"), recipe, steps=2, chunk=2)
        made = layer.visualization(recipe=recipe)
        np.testing.assert_allclose(made.images, alone.images, atol=1e-6)  # two programs round differently
        assert made.provenance == alone.provenance
        assert [units.tolist() for units, _ in layer.blocks(recipe=recipe, most_bytes=1)] == [[0, 1], [2, 3], [4, 5]]
        np.testing.assert_allclose(layer.report_of(recipe).reached, alone.final_scores, rtol=1e-6)
    np.testing.assert_array_equal(layer.visualization().images, layer.visualization(recipe="plain-quick").images)
    assert (layer.report_of("plain-quick").reached != layer.report_of("lucid").reached).all()
    np.testing.assert_array_equal(layer.report.reached, layer.report_of("plain-quick").reached)
    assert told[-1].total_done == told[-1].total_units == 2 * 2 * 10
    assert {(event.recipe, event.recipes) for event in told} == {("plain-quick", 2), ("lucid", 2)}
    with pytest.raises(JaxvizError, match="recipe 'seed' is not in this sweep; it has plain-quick, lucid"):
        layer.visualization(recipe="seed")


def test_a_recipe_that_is_added_later_leaves_the_same_directory(both, tiny, real, tmp_path):
    first = {**TWO, "recipe": "plain-quick"}
    jaxviz.sweep(tiny, tmp_path, **first)
    assert jaxviz.Sweep.open(tmp_path).recipes == ("plain-quick",)
    jaxviz.sweep(tiny, tmp_path, images=real, negative=True, **{**TWO, "recipe": "lucid"})  # and all of quick
    assert tree(tmp_path) == tree(both[0].directory)


def test_an_interrupted_sweep_by_two_recipes_goes_on(both, tiny, real, tmp_path):
    asked = iter(range(100))
    half = jaxviz.sweep(tiny, tmp_path, images=real, negative=True, stop=lambda: next(asked) > 12, **TWO)
    assert not half.complete
    assert 0 < half.done < 10
    assert half.layer("first").report_of("plain-quick") is not None
    jaxviz.sweep(tiny, tmp_path, images=real, negative=True, **TWO)
    assert tree(tmp_path) == tree(both[0].directory)


def test_recipes_keep_their_own_number_of_steps(tiny, tmp_path):
    jaxviz.sweep(tiny, tmp_path, layers="first", steps=2)
    done = jaxviz.sweep(tiny, tmp_path, layers="first", recipe="seed", steps=3)
    assert {name: facts["steps"] for name, facts in done.manifest.recipes.items()} == {"plain-quick": "2", "seed": "3"}
    assert done.layer("first").visualization(recipe="seed").scores.shape == (4, 3)
    assert done.layer("first").visualization(recipe="plain-quick").scores.shape == (4, 2)


def test_numbers_of_other_real_images_are_measured_again_for_every_recipe(tiny, real, tmp_path):
    two = {**TWO, "layers": "first"}
    jaxviz.sweep(tiny, tmp_path / "one", images=real, **two)
    jaxviz.sweep(tiny, tmp_path / "one", images=real[:5], **two)
    jaxviz.sweep(tiny, tmp_path / "other", images=real[:5], **two)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")
    layer = jaxviz.Sweep.open(tmp_path / "one").layer("first")
    assert {layer.report_of(recipe).facts["real images"] for recipe in layer.recipes} == {"5"}


def test_a_recipe_added_without_real_images_leaves_those_that_are_there(tiny, real, tmp_path, counting):
    jaxviz.sweep(tiny, tmp_path, layers="first", steps=2, images=real)
    done = jaxviz.sweep(tiny, tmp_path, layers="first", steps=2, recipe="seed")
    layer = done.layer("first")
    assert layer.real is not None
    assert np.isfinite(layer.report_of("plain-quick").largest).all()
    assert np.isnan(layer.report_of("seed").largest).all()
    counting.clear()
    before = tree(tmp_path)
    jaxviz.sweep(tiny, tmp_path, layers="first", steps=2, recipe="seed")  # measures nothing again
    assert not counting
    assert tree(tmp_path) == before


def test_a_recipe_of_one_s_own_is_given_again(tiny, tmp_path):
    mine = jaxviz.recipes.find("plain-quick").replace(name="mine", steps=2, views=2)
    jaxviz.sweep(tiny, tmp_path, layers="first", recipe=mine)
    with pytest.raises(JaxvizError, match=r"has pictures by mine, which is no preset; give that recipe too"):
        jaxviz.sweep(tiny, tmp_path, layers="first", recipe="plain-quick", steps=2)
    done = jaxviz.sweep(tiny, tmp_path, layers="first", recipe=("plain-quick", mine), steps=2)
    assert done.recipes == ("mine", "plain-quick")
    assert done.complete


def test_commands_of_several_recipes(mnist, tmp_path):
    file = ROOT / "weights" / "mnist_cnn.hdf5"
    asked = {"layers": "dense_3", "source": file}
    made = jaxviz.sweep(mnist, tmp_path / "s", recipe=("plain-quick", "seed"), steps=1, **asked)
    sweep = f"jaxviz sweep {file} --layer dense_3"
    assert made.command == f"{sweep} --recipe plain-quick --recipe seed --steps 1 --precision float32 --out s"
    made = jaxviz.sweep(mnist, tmp_path / "s", recipe="seed-digits", steps=2, **asked)
    assert made.command.endswith(f"&& {sweep} --recipe seed-digits --steps 2 --precision float32 --out s")
    for command in made.command.split(" && "):
        _, name, *arguments = shlex.split(command)
        typer.main.get_command(cli.app).commands[name].make_context(name, arguments)
    assert made.layer("dense_3").command(7, "seed-digits") == (
        f"jaxviz visualize {file} --objective 'log_odds(7)' --recipe seed-digits --steps 2 "
        "--precision float32 --out pictures"
    )
