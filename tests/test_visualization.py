import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.ascent.ascent import ascend
from jaxviz.parameterizations import Pixels
from jaxviz.recipes import PRESETS, Recipe
from jaxviz.values.deferral import deferred
from jaxviz.values.errors import JaxvizError, JaxvizWarning

pytestmark = pytest.mark.usefixtures("hardly_optimized")


# The views of some take long, and those of photographs, at 64 pixels or more, move an image of 12 pixels out of sight.
NOT_FOR_TINY_IMAGES = {"maco", "maco-quick", "strokes", "photographs", "photographs-quick", "signals"}


@pytest.mark.filterwarnings("ignore:.*left the range:jaxviz.JaxvizWarning")  # as tf-keras-vis does
@pytest.mark.parametrize("recipe", sorted(PRESETS.keys() - NOT_FOR_TINY_IMAGES))
def test_shapes_and_rising_scores(tiny, recipe):
    result = jaxviz.visualize(tiny, obj.channel("second"), recipe, steps=30)
    assert result.images.shape == result.starts.shape == (6, 12, 12, 2)
    assert result.scores.shape == (6, 30)
    assert result.final_scores.shape == (6,)
    assert result.images.dtype == result.scores.dtype == np.float32
    moved = ~result.dead
    assert moved.sum() >= 3
    assert (result.final_scores >= result.scores[:, 0])[moved].all()


@pytest.mark.parametrize("recipe", ["jaxviz", "seed"])  # of every preset, on a smaller network, in test_ascent.py
def test_one_alone_equals_one_among_all(mnist, recipe):
    every = jaxviz.visualize(mnist, obj.channel("conv2d_3"), recipe, steps=12)
    alone = jaxviz.visualize(mnist, obj.channel("conv2d_3", 17), recipe, steps=12)
    some = jaxviz.visualize(mnist, obj.channel("conv2d_3", [40, 17, 2]), recipe, steps=12)
    assert alone.labels == ("conv2d_3:17",)
    np.testing.assert_array_equal(alone.images[0], every.images[17])
    np.testing.assert_array_equal(alone.scores[0], every.scores[17])
    np.testing.assert_array_equal(some.images[1], every.images[17])


@pytest.mark.parametrize("chunk", [1, 4, 7])
def test_chunks_do_not_change_the_images(tiny, chunk):
    whole = jaxviz.visualize(tiny, obj.channel("second"), chunk=6, steps=10)
    parts = jaxviz.visualize(tiny, obj.channel("second"), chunk=chunk, steps=10)
    # Another width is another compiled program, whose sums run in another order.
    np.testing.assert_allclose(parts.images, whole.images, rtol=1e-4, atol=1e-5)


def test_progress_counts_every_picture_once(tiny):
    seen = []
    jaxviz.visualize(tiny, obj.channel("second"), chunk=4, steps=2, progress=seen.append)
    assert seen == [4, 2]


def test_batch_equals_a_python_loop(tiny):
    """The same ascent as a plain loop over filters and steps."""
    result = jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=5)
    score = jax.jit(jax.value_and_grad(tiny.ask))
    for index in range(6):
        x = result.starts[index]
        objective = obj.channel("second", index).resolve(tiny).one()
        for step in range(5):
            value, gradient = score(x, objective)
            np.testing.assert_allclose(result.scores[index, step], value, rtol=1e-4, atol=1e-6)
            x = x + gradient / (jnp.sqrt(jnp.mean(gradient**2)) + 1e-5)
        np.testing.assert_allclose(result.images[index], x, rtol=1e-4, atol=1e-3)


@pytest.fixture
def compilations():
    """A list that grows each time XLA compiles."""
    events: list[str] = []
    on = [True]

    def listen(event, _seconds, **_):
        if on and "backend_compile" in event:
            events.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield events
    on.clear()


def test_one_trace_a_layer(counted, compilations):
    model, calls = counted
    other = model.replace(variables=jax.tree.map(lambda w: w + 0.01, model.variables))
    jaxviz.visualize(model, obj.channel("second", [0, 1]), steps=3)
    traced, compiled = len(calls), len(compilations)
    assert traced > 0
    assert compiled > 0
    jaxviz.visualize(model, obj.channel("second", [0, 1]), steps=3)
    jaxviz.visualize(model, obj.channel("second", [5, 2]), steps=3)
    jaxviz.visualize(model, obj.channel("second", 3), steps=3)
    jaxviz.visualize(model, obj.channel("second"), steps=3)
    jaxviz.visualize(model, obj.channel("second"), steps=3, key=jax.random.key(7))
    jaxviz.visualize(other, obj.channel("second"), steps=3)
    jaxviz.visualize(model, obj.channel("second"), PRESETS["plain"].replace(steps=3))
    assert len(calls) == traced
    assert len(compilations) == compiled
    jaxviz.visualize(model, obj.channel("first"), steps=3)
    assert len(calls) > traced  # checks that the counter works


def test_a_file_loaded_again_compiles_nothing(mnist, compilations):
    jaxviz.visualize(mnist, obj.channel("conv2d_1"), steps=3)
    again = jaxviz.default_model()
    compiled = len(compilations)
    assert compiled > 0
    jaxviz.visualize(again, obj.channel("conv2d_1"), steps=3)
    assert len(compilations) == compiled


def test_compound_objectives_compile_once_whatever_their_number(tiny, compilations):
    jaxviz.visualize(tiny, obj.channel("second", 1) - 0.5 * obj.channel("first", 2), steps=4)
    compiled = len(compilations)
    jaxviz.visualize(tiny, obj.channel("second", [1, 2, 3]) - 0.7 * obj.channel("first", 0), steps=4)
    assert len(compilations) == compiled


def test_keys(tiny):
    first = jaxviz.visualize(tiny, obj.channel("second"), steps=2)
    again = jaxviz.visualize(tiny, obj.channel("second"), steps=2, key=jax.random.key(0))
    other = jaxviz.visualize(tiny, obj.channel("second"), steps=2, key=jax.random.key(1))
    np.testing.assert_array_equal(first.images, again.images)
    assert (first.starts != other.starts).any(axis=(1, 2, 3)).all()
    assert len({image.tobytes() for image in first.starts}) == 6  # each filter starts from its own noise


def test_no_key_is_used_twice(tiny):
    with jax.debug_key_reuse(True):
        jaxviz.visualize(tiny, obj.channel("second", [0, 1]), steps=2, key=jax.random.key(3))


def test_explicit_starts(tiny):
    start = np.full(tiny.canvas.shape, 0.25, np.float32)
    for given in (start, np.stack([start] * 6)):
        result = jaxviz.visualize(tiny, obj.channel("second"), "seed", start=given, steps=2)
        np.testing.assert_array_equal(result.starts, np.stack([start] * 6))
    inside = jaxviz.visualize(tiny, obj.channel("second"), "jaxviz", start=start, steps=2)
    np.testing.assert_allclose(inside.starts, np.stack([start] * 6), rtol=1e-5)


def test_seed_starts(tiny):
    starts = jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=1).starts
    assert 0 <= starts.min() < 5
    assert 250 < starts.max() < 255
    assert (jaxviz.visualize(tiny, obj.class_probability(), "seed-digits", steps=1).starts == 0).all()


def test_default_recipe_stays_in_range(tiny):
    images = jaxviz.visualize(tiny, obj.class_logit(), steps=300).images
    assert 0 <= images.min() < 0.2
    assert 0.8 < images.max() <= 1


def test_a_compound_objective_and_a_function(tiny):
    mixed = jaxviz.visualize(tiny, obj.channel("second", 3) - 0.5 * obj.channel("first", 1), steps=4)
    mine = jaxviz.visualize(
        tiny,
        lambda activations: activations["second"][..., 3].mean() - 0.5 * activations["first"][..., 1].mean(),
        steps=4,
    )
    assert len(mixed) == len(mine) == 1
    assert mixed.final_scores[0] > mixed.scores[0, 0]
    assert mine.final_scores[0] > mine.scores[0, 0]


def test_a_batch_of_compound_objectives(tiny):
    pairs = jaxviz.visualize(tiny, obj.channel("second", [3, 4, 5]) - 0.5 * obj.channel("first", 1), "seed", steps=4)
    one = jaxviz.visualize(tiny, obj.channel("second", 4) - 0.5 * obj.channel("first", 1), "seed", steps=4)
    assert pairs.images.shape == (3, 12, 12, 2)
    np.testing.assert_allclose(pairs.images[1], one.images[0], rtol=1e-4, atol=1e-3)


def test_dead_units_are_listed(tiny):
    dead = tiny.replace(
        variables=jax.tree.map(lambda w: w, tiny.variables)
        | {"batch_stats": {"norm": {"mean": jnp.full(4, 1e6), "var": jnp.ones(4)}}}
    )
    result = jaxviz.visualize(dead, obj.channel("rectified"), "seed", steps=3)
    scale = np.asarray(tiny.variables["params"]["norm"]["scale"])
    np.testing.assert_array_equal(result.dead, scale > 0)  # a mean far above silences the units of positive scale
    assert result.dead_labels == tuple(f"rectified:{index}" for index in range(4) if scale[index] > 0)
    np.testing.assert_array_equal(result.images[result.dead], result.starts[result.dead])


def test_a_unit_driven_to_silence_is_no_dead_one(tiny):
    result = jaxviz.visualize(tiny, -obj.channel("rectified"), "seed", steps=80)
    silenced = result.final_scores == 0
    assert silenced.any()
    assert not result.dead[silenced & (result.scores[:, 0] < 0)].any()


@pytest.mark.parametrize("restarts", [1, 2])
def test_nan_is_no_death_and_is_warned_of_once(tiny, restarts):
    with pytest.warns(jaxviz.JaxvizWarning) as warned:
        start = jaxviz.visualize(
            tiny, lambda activations: activations["first"].mean() * jnp.nan, "seed", steps=3, restarts=restarts
        )
    assert [str(one.message) for one in warned] == [
        "the score is NaN or infinite for 1 of 1 images: <lambda> from step 0; look for 0/0, a root or logarithm of 0, "
        "or an overflow in the objective, the weights or the starting image"
    ]
    assert (start.nan_from.tolist(), start.not_a_number.tolist(), start.dead.tolist()) == ([0], [True], [False])
    assert repr(start).endswith("0 dead, 1 not a number)")


def test_the_step_at_which_nan_begins(tiny):
    def rising(activations):
        score = activations["second"][..., 0].mean()
        return score + 1e-6 * jnp.sqrt(limit - score)

    whole = jaxviz.visualize(tiny, obj.channel("second", 0), "seed", steps=12)
    limit = float(whole.scores[0, 6] + whole.scores[0, 7]) / 2
    assert (np.diff(whole.scores[0]) > 0).all()
    with pytest.warns(jaxviz.JaxvizWarning, match="rising from step 7"):
        result = jaxviz.visualize(tiny, rising, "seed", steps=12, start=whole.starts[0])
    assert result.nan_from.tolist() == [7]
    assert whole.nan_from.tolist() == [-1]
    assert not whole.not_a_number.any()


def test_nan_of_the_last_image_alone_and_of_finite_scores(tiny):
    result = jaxviz.visualize(tiny, obj.channel("second", [0, 1, 2, 3]), steps=5)
    result.scores[1, 2] = np.inf  # and finite again
    result.final_scores[2] = np.inf
    result.images[3, 0, 0, 0] = np.nan
    assert result.nan_from.tolist() == [-1, -1, 5, 5]
    assert result.not_a_number.tolist() == [False, False, True, True]
    assert not result.dead.any()
    with pytest.warns(jaxviz.JaxvizWarning, match=r"for 2 of 4 images: second:2 from step 5, second:3 from step 5;"):
        result.warn_of_nan()


def test_any_optax_optimizer(tiny):
    recipe = jaxviz.Recipe(
        name="mine",
        parameterization=Pixels(low=0.0, high=1.0),
        optimizer=jaxviz.deferred(optax.sgd, jaxviz.deferred(optax.cosine_decay_schedule, 0.1, 20), momentum=0.9),
        steps=20,
    )
    result = jaxviz.visualize(tiny, obj.class_logit(), recipe)
    assert (result.final_scores > result.scores[:, 0]).all()


def test_save_and_load(tiny, tmp_path):
    result = jaxviz.visualize(tiny, obj.channel("second"), steps=2)
    result.save(tmp_path / "new" / "second.npz")
    again = jaxviz.Visualization.load(tmp_path / "new" / "second.npz")
    for field in dataclasses.fields(result):
        np.testing.assert_array_equal(getattr(result, field.name), getattr(again, field.name))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["second.npz"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"facts": np.array("no JSON")}, "its facts are not such as save writes"),
        ({"facts": np.array("[]")}, "its facts are not such as save writes"),
        ({"facts": np.array('{"labels": ["second:0"]}')}, "its facts are not such as save writes"),
        ({"scores": np.zeros((1, 2))}, "6 labels for scores of shape (1, 2)"),
        ({"final_scores": np.zeros(())}, "6 labels for final_scores of shape ()"),
        ({"scores": np.zeros(6)}, "6 labels for scores of shape (6,)"),
        ({"images": np.zeros((6, 3, 3))}, "images of float64 and shape (6, 3, 3), for images of shape (12, 12, 2)"),
        ({"starts": np.full((6, 12, 12, 2), "a")}, "starts of <U1 and shape (6, 12, 12, 2), for images of shape"),
    ],
)
def test_other_files_are_no_visualizations(tiny, tmp_path, change, message):
    jaxviz.visualize(tiny, obj.channel("second"), steps=2).save(tmp_path / "second.npz")
    with np.load(tmp_path / "second.npz") as saved:
        np.savez(tmp_path / "other.npz", **dict(saved) | change)
    with pytest.raises(JaxvizError, match=re.escape(f"other.npz is no saved visualization: {message}")):
        jaxviz.Visualization.load(tmp_path / "other.npz")


def test_a_failed_save_leaves_nothing(tiny, tmp_path, monkeypatch):
    result = jaxviz.visualize(tiny, obj.channel("second"), steps=2)
    monkeypatch.setattr(np, "savez_compressed", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        result.save(tmp_path / "second.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"key": jax.random.split(jax.random.key(0))}, "give one that jax.random.key(0) makes"),
        ({"key": jnp.zeros(2, jnp.uint32)}, "give one that jax.random.key(0) makes"),
        ({"steps": 1 << 40}, "steps of 1099511627776: give 1 or more"),
        ({"steps": 0}, "steps of 0: give 1 or more"),
        ({"steps": -3}, "steps of -3: give 1 or more"),
        ({"chunk": 0}, "chunk of 0: give 1 or more"),
        ({"recipe": "lucent"}, "unknown recipe 'lucent'; there are jaxviz, quick, seed, seed-digits"),
        ({"start": np.zeros((3, 3))}, "start of shape (3, 3): this model takes images of shape (12, 12, 2)"),
        ({"start": np.zeros((4, 12, 12, 2))}, "4 starting images for 6 objectives; give one, or one for each"),
        ({"start": np.full((12, 12, 2), np.nan)}, "start holds 288 values that are NaN or infinite"),
    ],
)
def test_refusals(tiny, arguments, message):
    with pytest.raises(JaxvizError) as refusal:
        jaxviz.visualize(tiny, obj.channel("second"), **arguments)
    assert message in str(refusal.value)


def test_images_of_another_shape_are_refused(tiny):
    with pytest.raises(JaxvizError, match=r"images of shape \(12, 12, 2\): this model takes \[batch, 12, 12, 2\]"):
        tiny(np.zeros((12, 12, 2)))


def test_ascend_one_image(tiny):
    recipe = PRESETS["seed"].replace(steps=4)
    one = ascend(tiny, obj.channel("second", 2).resolve(tiny).one(), jax.random.key(0), None, recipe=recipe)
    batch = jaxviz.visualize(tiny, obj.channel("second"), recipe)
    np.testing.assert_allclose(one.image, batch.images[2], rtol=1e-4, atol=1e-3)


def test_parts_of_a_result(tiny):
    every = jaxviz.visualize(tiny, "second", "seed", steps=2, restarts=2, frames=3)
    one = every[3]
    assert one.labels == every["second:3"].labels == every[-3].labels == ("second:3",)
    for field in ("images", "starts", "scores", "final_scores", "restarts", "restart_scores", "frames"):
        np.testing.assert_array_equal(getattr(one, field), getattr(every, field)[3:4])
        np.testing.assert_array_equal(getattr(every["second:3"], field), getattr(one, field))
    assert every[1:3].labels == every[[1, 2]].labels == every[["second:1", "second:2"]].labels == every.labels[1:3]
    assert every[np.arange(6) % 2 == 0].labels == every[::2].labels
    assert [part.labels for part in every] == [(label,) for label in every.labels]
    assert "second:3" in every
    assert "second:9" not in every
    assert repr(every[:0]) == "Visualization(of no image)"
    assert (one.canvas, one.provenance) == (every.canvas, every.provenance)


@pytest.mark.parametrize(
    ("which", "kind", "message"),
    [
        ("second:9", KeyError, "no image of 'second:9'; the nearest of 6 labels are second:5, second:4"),
        (6, IndexError, "image 6 of 6"),
        ([0, -7], IndexError, "image -7 of 6"),
        (np.ones(5, bool), IndexError, "give a number, a label, a slice, several of them, or a mask"),
        ([0.5], IndexError, "image [0.5]: give a number, a label"),
    ],
)
def test_parts_that_are_not_there(tiny, which, kind, message):
    every = jaxviz.visualize(tiny, "second", "seed", steps=2)
    with pytest.raises(JaxvizError) as refusal:
        every[which]
    assert isinstance(refusal.value, kind)
    assert message in str(refusal.value)


def test_labels_of_a_function_s_batch(tiny):
    def weighted(activations, weight):
        return activations["second"].mean() * weight

    weights, names = np.float32([1, 2]), ["once", "twice"]
    start = np.full((12, 12, 2), 0.5, np.float32)
    result = jaxviz.visualize(tiny, obj.function(weighted, weights, labels=names), "seed", steps=2, start=start)
    assert result.labels == ("once", "twice")
    assert result["twice"].scores[0, 0] == pytest.approx(2 * result["once"].scores[0, 0], rel=1e-5)
    with pytest.raises(JaxvizError, match="3 labels for 2 objectives of weighted; give one for each"):
        obj.function(weighted, weights, labels=["a", "b", "c"]).resolve(tiny)
    with pytest.raises(JaxvizError, match="labels 'ab': give a text for each of the batch"):
        obj.function(weighted, weights, labels="ab")


def drifting(low=None):
    """A recipe whose pixels are driven out of the range within a few steps."""
    return Recipe(
        name="drifting",
        parameterization=Pixels(low=low, high=None if low is None else 1.0),
        optimizer=deferred(optax.sgd, 1e4),
        steps=3,
    )


def test_images_that_leave_the_range_are_told_of_once_with_the_share():
    model = jaxviz.default_model()
    with pytest.warns(JaxvizWarning, match=r"^2 of 2 images left the range of 0 to 1, with up to \d+%") as caught:
        result = jaxviz.visualize(model, jaxviz.objectives.channel("conv2d_1", [3, 7]), drifting())
    assert len(caught) == 1
    outside = ((result.images < 0) | (result.images > 1)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(result.out_of_range, outside, atol=0.01)
    assert outside.min() > 0.3
    assert re.search(r", up to \d+% of values out of range\)$", repr(result))


def test_a_recipe_with_values_of_its_own_is_not_warned_of_and_what_stays_inside_says_nothing():
    model = jaxviz.default_model()
    result = jaxviz.visualize(model, jaxviz.objectives.channel("conv2d_1", 3), drifting(low=0.0))
    assert "out of range" in repr(result)
    inside = jaxviz.visualize(model, jaxviz.objectives.channel("conv2d_1", 3), "jaxviz", steps=3)
    assert inside.out_of_range.tolist() == [0.0]
    assert "out of range" not in repr(inside)
