import functools

import jax
import numpy as np
import optax
import pytest
from objective_networks import network

import jaxviz
from jaxviz import JaxvizError
from jaxviz import objectives as obj
from jaxviz.parameterizations import Pixels
from jaxviz.recipes import Recipe, Rest
from jaxviz.transforms import Jitter, Noise
from jaxviz.values.deferral import deferred

pytestmark = pytest.mark.usefixtures("hardly_optimized")

PLAIN = Recipe(name="plain", parameterization=Pixels(low=-1.0, high=1.0), optimizer=deferred(optax.adam, 0.05), steps=7)
SHAKEN = PLAIN.replace(transforms=(Jitter(2), Noise(0.1)), views=2, target="preactivation", redirect_steps=3)
CASES = {
    "plain": (obj.channel("relu"), PLAIN),
    "shaken": (obj.channel("relu"), SHAKEN),
    "groups": (obj.channel("relu", [0, 2]) + obj.diversity("conv", group=2), PLAIN.replace(restarts=2)),
    "rest": (obj.channel("relu"), PLAIN.replace(rest=Rest(1))),
}
FIELDS = ("images", "starts", "scores", "final_scores", "restarts", "restart_scores", "frames")

run = functools.partial(jaxviz.visualize, network(), key=jax.random.key(4))


@pytest.mark.parametrize(("objective", "recipe"), CASES.values(), ids=CASES)
def test_who_is_watched_climbs_the_same(objective, recipe):
    seen: list[jaxviz.Visualization] = []
    settings = {"recipe": recipe, "frames": 3, "chunk": 2}
    alone = run(objective, **settings)
    watched = run(objective, **settings, watch=seen.append, watch_every=3)
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(watched, field), getattr(alone, field))
    assert {part.scores.shape[1] for part in seen} == {3, 6, 7}
    last = jaxviz.Visualization.concatenate([part for part in seen if part.scores.shape[1] == 7])
    assert last.labels == alone.labels
    np.testing.assert_array_equal(last.images, alone.images)
    np.testing.assert_array_equal(last.final_scores, alone.final_scores)


def test_what_is_seen_on_the_way_is_the_way():
    seen: list[jaxviz.Visualization] = []
    whole = run(obj.channel("relu"), PLAIN, frames=8, watch=seen.append, watch_every=2)
    for part in seen:
        steps, rows = part.scores.shape[1], [whole.labels.index(label) for label in part.labels]
        np.testing.assert_array_equal(part.images, whole.frames[rows, steps])
        np.testing.assert_array_equal(part.scores, whole.scores[rows, :steps])


def test_what_rests_is_shown_as_it_rests():
    seen: list[jaxviz.Visualization] = []
    recipe = PLAIN.replace(steps=12, rest=Rest(2, tolerance=10.0))
    whole = run(obj.channel("relu", 1), recipe, watch=seen.append, watch_every=5)
    for part in seen[1:]:
        np.testing.assert_array_equal(part.images, whole.images)
    np.testing.assert_array_equal(seen[0].scores, whole.scores[:, :5])


def test_watching_compiles_once_however_often_it_looks(counting):
    def compiled():
        return counting.count("/jax/core/compile/backend_compile_duration")

    def look(every):
        run(obj.channel("relu"), PLAIN, watch=lambda part: None, watch_every=every)

    look(3)
    before = compiled()
    assert before
    for every in (1, 2, 5, 7, 100):
        look(every)
    assert compiled() == before


def test_nothing_is_compiled_for_watching_where_nobody_watches(monkeypatch):
    monkeypatch.setattr("jaxviz.ascent.programs.compile_stages", lambda *_: pytest.fail("compiled in stages"))
    run(obj.channel("relu"), PLAIN)
    run(obj.channel("relu"), PLAIN, watch=lambda part: None)


def test_chunks_at_work_at_once_are_shown_together_and_kept_when_they_are_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxviz.ascent.chunks._cores", lambda: 2)
    shown, counts = [], []
    settings = {"recipe": PLAIN, "chunk": 1, "keep": tmp_path, "watch_every": 4, "progress": counts.append}

    def watch(part):
        shown.append((part.labels, part.scores.shape[1], len(list(tmp_path.glob("chunk-*")))))
        if len(shown) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(obj.channel("relu"), watch=watch, **settings)
    first, second = ("relu:0", "relu:1"), ("relu:2", "relu:3")
    assert shown == [(first, 4, 0), (first, 7, 2), (second, 4, 2)]
    whole = run(obj.channel("relu"), watch=lambda part: shown.append(part.labels), **settings)
    assert shown[3:] == [second, second]
    assert counts == [1, 1, 2, 1, 1]
    np.testing.assert_array_equal(whole.images, run(obj.channel("relu"), PLAIN, chunk=1).images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"watch": "x.png"}, "watch='x.png': give a function of a Visualization, such as lambda seen: "),
        ({"watch_every": 16}, "watch_every=16 without watch=; give the function that is called, too"),
        ({"watch": print, "watch_every": 0}, "watch_every=0: give a number of steps, 1 or more"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(JaxvizError) as refusal:
        run(obj.channel("relu"), PLAIN, **arguments)
    assert str(refusal.value).startswith(message)
