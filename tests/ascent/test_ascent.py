import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from objective_networks import SHAPE, mirror, network

import jaxviz
from jaxviz import objectives as obj
from jaxviz.ascent.views import view
from jaxviz.objectives import fold_key
from jaxviz.parameterizations import NormBall, Pixels, SharedLowRes
from jaxviz.penalties import L1
from jaxviz.recipes import Recipe, Rest
from jaxviz.transforms import Jitter, Noise, Pad, Roll
from jaxviz.values.deferral import Steps, deferred

pytestmark = pytest.mark.usefixtures("hardly_optimized")

KEY = jax.random.key(4)
PLAIN = Recipe(name="plain", parameterization=Pixels(low=-1.0, high=1.0), optimizer=deferred(optax.sgd, 0.5), steps=6)
SHAKEN = PLAIN.replace(transforms=(Pad(1), Jitter(2), Noise(0.1)), optimizer=deferred(optax.adam, 0.05))
CHANNEL = obj.channel("conv", 1)
# Every kind of parameterization, transform and loop that presets have; the others only differ in numbers.
PRESETS_APART = pytest.mark.parametrize("name", ["jaxviz", "seed", "lucid", "maco"])
FIELDS = ("images", "starts", "scores", "final_scores")

run = functools.partial(jaxviz.visualize, network(), key=KEY)


def assert_alike(some, others, places=slice(None), fields=FIELDS):
    for field in fields:
        np.testing.assert_array_equal(getattr(some, field), getattr(others, field)[places])


def test_views_are_averaged_and_penalties_are_left_out_of_the_scores():
    """Compares with a plain Python loop that uses the same keys."""
    recipe = SHAKEN.replace(views=3, penalties=(L1(0.2),), steps=3, optimizer=deferred(optax.sgd, 0.5))
    result = run(CHANNEL, recipe)
    model, objective = network(), CHANNEL.resolve(network()).one()
    draws = fold_key(jax.random.fold_in(KEY, 1), objective)

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def loss(x, step):
        keys = jax.random.split(jax.random.fold_in(draws, step), 3)
        score = sum(model.ask(view(recipe, key, x, step, model.canvas), objective) for key in keys) / 3
        return -score + 0.2 * jnp.abs(x).mean(), score

    x = result.starts[0]
    for step in range(3):
        gradient, score = loss(x, step)
        np.testing.assert_allclose(result.scores[0, step], score, rtol=1e-5, atol=1e-6)
        x = x - 0.5 * gradient
    np.testing.assert_allclose(result.images[0], x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result.final_scores[0], model.ask(x, objective), rtol=1e-4, atol=1e-6)


def test_transforms_never_move_the_image():
    """The maximized point stays at the centre, although each view shows it elsewhere."""
    centre = jnp.zeros((5, 5)).at[2, 2].set(1.0)

    def spot(activations):
        return jnp.sum(activations["same"][..., 0] * centre) - jnp.sum(activations["same"] ** 2) / 2

    recipe = PLAIN.replace(
        parameterization=Pixels(low=0.0, high=0.0), transforms=(Roll(1),), steps=300, optimizer=deferred(optax.sgd, 0.1)
    )
    drawn = jaxviz.visualize(mirror(), spot, recipe).images[0, ..., 0]
    for along in (drawn.sum(0), drawn.sum(1)):
        assert abs(along @ np.arange(5) / along.sum() - 2) < 0.2
    assert np.abs(drawn[[0, -1]]).max() == np.abs(drawn[:, [0, -1]]).max() == 0  # no view looked there
    np.testing.assert_allclose(drawn.sum(), 1, atol=0.1)


def test_restarts():
    """The best restart is kept; the first equals the run without restarts; all are returned."""
    one, three = run(obj.channel("conv"), SHAKEN), run(obj.channel("conv"), SHAKEN, restarts=3)
    assert one.restarts is None
    assert one.restart_scores is None
    assert three.restarts.shape == (4, 3, *SHAPE)
    assert three.restart_scores.shape == (4, 3)
    np.testing.assert_allclose(three.restarts[:, 0], one.images, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(three.restart_scores[:, 0], one.final_scores, rtol=1e-5, atol=1e-6)
    best = three.restart_scores.argmax(1)
    assert len(set(best)) > 1
    np.testing.assert_array_equal(three.images, three.restarts[np.arange(4), best])
    np.testing.assert_array_equal(three.final_scores, three.restart_scores.max(1))
    assert len({image.tobytes() for image in three.restarts.reshape(12, -1)}) == 12
    assert three.provenance["restarts"] == "3"


@pytest.mark.parametrize("objective", [CHANNEL, CHANNEL + obj.diversity("conv", group=2)], ids=["one", "group"])
def test_restarts_are_saved(objective, tmp_path):
    result = run(objective, PLAIN.replace(steps=2, restarts=3))
    result.save(tmp_path / "restarts.npz")
    again = jaxviz.Visualization.load(tmp_path / "restarts.npz")
    assert_alike(again, result, fields=(*FIELDS, "restarts", "restart_scores"))
    assert result.restarts.shape == (len(result), 3, *SHAPE)
    for image, restarts, scores in zip(result.images, result.restarts, result.restart_scores, strict=True):
        np.testing.assert_array_equal(image, restarts[scores.argmax()])


def test_a_restart_that_is_no_number_is_never_the_best():
    """Scores of NaN come from starts whose first pixel is above 0, which is half of them."""

    def fragile(activations):
        same = activations["same"]
        return jnp.where(same[0, 0, 0] > 0, jnp.nan, same.mean())

    result = jaxviz.visualize(mirror(), fragile, PLAIN.replace(restarts=32, optimizer=deferred(optax.sgd, 0.0)))
    bad = np.isnan(result.restart_scores[0])
    assert 0 < bad.sum() < 32
    assert result.final_scores[0] == np.nanmax(result.restart_scores)


def capped(activations, most):
    """A score that rises to a bound and rests there."""
    return jnp.minimum(activations["conv"].mean(), most)


def test_rest():
    """A resting image stays unchanged while others continue; it equals the image of a run with as many steps."""
    bounds = np.array([0.05, 1e9], np.float32)
    recipe = PLAIN.replace(steps=20, rest=Rest(patience=3), optimizer=deferred(optax.sgd, 2.0))
    both = run(obj.function(capped, bounds), recipe)
    alone = run(obj.function(capped, bounds[:1]), recipe)
    whole = run(obj.function(capped, bounds), recipe.replace(rest=None))
    np.testing.assert_allclose(both.images[0], alone.images[0], atol=1e-6)
    np.testing.assert_allclose(both.scores[0], alone.scores[0], atol=1e-6)
    np.testing.assert_allclose(both.images[1], whole.images[1], atol=1e-5)
    assert (np.diff(both.scores[1]) > 0).all()
    rested = both.scores[0]
    assert rested[-1] == np.float32(0.05)
    best = int(np.argmax(rested))
    stopped = run(obj.function(capped, bounds), recipe.replace(rest=None), steps=best + 3)
    np.testing.assert_allclose(stopped.images[0], both.images[0], atol=1e-6)
    np.testing.assert_allclose(rested[: best + 3], stopped.scores[0], atol=1e-6)


def test_a_curve_keeps_its_last():
    """A score that never rises rests as early as allowed; its curve has full length."""
    recipe = PLAIN.replace(steps=9, rest=Rest(patience=2))
    falling = run(
        lambda activations: -jnp.sum(activations["conv"] ** 2), recipe.replace(optimizer=deferred(optax.sgd, 9.0))
    )
    assert falling.scores.shape == (1, 9)
    assert (falling.scores[0, 3:] == falling.scores[0, 2]).all()


def dead():
    """Every unit of the relu is off for any image near 0."""

    def forward(variables, image):
        before = image.reshape(-1, 2) @ variables[:2] - 5.0
        after = jax.nn.relu(before)
        return {"before": before, "relu": after, "out": after.mean(0) @ variables[2:]}

    matrix = jnp.asarray(np.random.default_rng(3).normal(size=(4, 2)), jnp.float32)
    return jaxviz.from_function(forward, matrix, SHAPE)


def test_dead_relus_stay_dead_unless_told_otherwise():
    climb = functools.partial(jaxviz.visualize, dead(), obj.channel("relu"), key=KEY)
    recipe = PLAIN.replace(steps=60, optimizer=deferred(optax.adam, 0.2))
    still = climb(recipe)
    assert still.dead.all()
    np.testing.assert_array_equal(still.images, still.starts)
    before = climb(recipe.replace(target="preactivation"))
    assert (before.scores[:, 0] < 0).all()  # the input of the activation function is maximized
    assert (before.final_scores > 0).all()  # the final score is the activation function's output
    assert not before.dead.any()
    woken = climb(recipe.replace(redirect_steps=40))
    assert (woken.scores[:, 0] == 0).all()
    assert (woken.final_scores > 0).all()
    few = climb(recipe.replace(target="preactivation", steps=2))
    assert (few.final_scores == 0).all()
    assert few.dead.all()  # scores rise but stay below 0, so the units stay inactive


def test_redirection_ends():
    """After the first steps the usual gradient is used, which is zero here."""
    recipe = PLAIN.replace(optimizer=deferred(optax.sgd, 0.1))
    some = jaxviz.visualize(dead(), obj.channel("relu", 0), recipe.replace(redirect_steps=2), key=KEY)
    same = jaxviz.visualize(dead(), obj.channel("relu", 0), recipe.replace(redirect_steps=Steps(), steps=2), key=KEY)
    np.testing.assert_allclose(some.images, same.images, atol=1e-6)
    assert (some.images != some.starts).any()


@pytest.mark.parametrize(
    "optimizer",
    [
        deferred(optax.lbfgs),
        deferred(optax.adam, 0.05),
        deferred(optax.sgd, 0.5),
        deferred(optax.adamw, 0.05, weight_decay=0.01),
        deferred(optax.chain, deferred(optax.clip_by_global_norm, 1.0), deferred(optax.sgd, 0.1, momentum=0.9)),
    ],
    ids=str,
)
def test_optimizers(optimizer):
    """Each score rises, with views too: within a step L-BFGS sees the same view."""
    objective = obj.function(lambda activations: activations["conv"][..., 1].mean() - (activations["conv"] ** 2).mean())
    result = run(objective, PLAIN.replace(optimizer=optimizer, transforms=(Roll(1),)))
    assert result.final_scores[0] > result.scores[0, 0]
    assert np.isfinite(result.images).all()


def test_lbfgs_climbs_a_parabola_in_a_few_steps():
    objective = obj.function(lambda activations: -((activations["same"] - 0.3) ** 2).sum())
    result = jaxviz.visualize(mirror(), objective, PLAIN.replace(optimizer=deferred(optax.lbfgs)))
    np.testing.assert_allclose(result.images, 0.3, atol=1e-4)


def test_groups():
    group = run(obj.channel("conv", [0, 1]) + 2 * obj.diversity("conv", group=2), PLAIN)
    assert len(group) == 4
    assert [label[-2:] for label in group.labels] == ["#0", "#1", "#0", "#1"]
    assert [label.split(" ")[0] for label in group.labels] == ["conv:0", "conv:0", "conv:1", "conv:1"]
    assert group.images.shape == (4, *SHAPE)
    assert group.scores.shape == (4, 6)
    np.testing.assert_array_equal(group.scores[0], group.scores[1])
    assert (group.final_scores > group.scores[:, 0]).all()
    assert np.abs(group.images[0] - group.images[1]).max() > 0.1
    assert np.abs(group.starts[0] - group.starts[1]).max() > 0.1


def test_diversity_makes_images_differ_that_start_nearly_alike():
    def alike(weight):
        objective = obj.channel("conv", 1) + weight * obj.diversity("relu", group=2)
        starts = Pixels(low=0.0, high=0.1)
        result = run(objective, PLAIN.replace(parameterization=starts, steps=30, optimizer=deferred(optax.adam, 0.02)))
        first, second = result.images.reshape(2, -1) - result.images.mean()
        return first @ second / np.linalg.norm(first) / np.linalg.norm(second)

    assert alike(5.0) < alike(0.0) - 0.1


def test_a_group_shares_its_coarse_part():
    recipe = PLAIN.replace(parameterization=SharedLowRes(factor=3), transforms=(Roll(1),), steps=2)
    result = run(obj.channel("conv", 1) + obj.diversity("conv", group=2), recipe)
    assert result.images.shape == (2, *SHAPE)
    assert np.abs(result.images[0] - result.images[1]).max() > 0


def test_a_linear_filter_s_picture_is_its_kernel():
    """Among images of equal norm, the kernel itself maximizes a linear unit."""
    ball = NormBall(inner=Pixels(low=-0.1, high=0.1), radius=1.0)
    result = run(
        obj.neuron("conv", range(4), (1, 2)),
        PLAIN.replace(parameterization=ball, steps=40, optimizer=deferred(optax.sgd, 1.0)),
    )
    kernels = np.asarray(network().variables["conv"])
    for place, image in enumerate(result.images):
        expected = np.zeros(SHAPE)
        expected[1:4, 2:5] = kernels[..., place]
        assert np.sum(image * expected) / np.linalg.norm(expected) / np.linalg.norm(image) > 0.99
    np.testing.assert_allclose(np.linalg.norm(result.images.reshape(4, -1), axis=1), 1, rtol=1e-4)


FULL = Recipe(
    name="full",
    parameterization=Pixels(clip=True),
    optimizer=deferred(optax.adam, deferred(optax.cosine_decay_schedule, 0.1, Steps())),
    steps=4,
    transforms=(Pad(1, 0.5), Jitter(2), Noise(deferred(optax.linear_schedule, 0.1, 0.0, Steps()))),
    views=2,
    penalties=(L1(0.1),),
    target="preactivation",
    redirect_steps=2,
    restarts=2,
    rest=Rest(3),
)


def test_the_whole_recipe_compiles_once(counting):
    def compiled():
        return counting.count("/jax/core/compile/backend_compile_duration")

    run(obj.channel("relu", [0, 1]), FULL)
    before = compiled()
    assert before
    run(obj.channel("relu", [3, 2]), FULL)
    run(obj.channel("relu", 2), FULL)
    run(obj.channel("relu"), FULL, key=jax.random.key(9))
    run(obj.channel("relu", 3), FULL.replace(steps=4))
    assert compiled() == before


def diverse(units):
    return obj.channel("relu", units) + obj.diversity("conv", group=2)


def test_the_whole_recipe_in_batches_and_chunks():
    whole = run(obj.channel("relu"), FULL)
    assert_alike(run(obj.channel("relu", 2), FULL), whole, slice(2, 3), (*FIELDS, "restarts", "restart_scores"))
    parts = run(obj.channel("relu"), FULL, chunk=1)
    # Another width is another compiled program, whose sums run in another order.
    np.testing.assert_allclose(parts.images, whole.images, rtol=1e-3, atol=1e-4)


def test_groups_in_batches():
    recipe = SHAKEN.replace(restarts=2, steps=3)
    whole, one = run(diverse([0, 1, 2, 3]), recipe), run(diverse([2]), recipe)
    assert_alike(one, whole, slice(4, 6), (*FIELDS, "restarts", "restart_scores"))


@PRESETS_APART
def test_batches_chunks_and_keys_of_presets(tiny, name):
    """An image alone equals the image in a batch bit for bit, for any chunk width, and no key is used twice."""
    with jax.debug_key_reuse(True):
        whole = jaxviz.visualize(tiny, obj.channel("second", range(4)), name, steps=2, chunk=4)
        alone = jaxviz.visualize(tiny, obj.channel("second", 2), name, steps=2, chunk=4)
    assert np.isfinite(whole.images).all()
    assert np.isfinite(whole.scores).all()
    assert whole.provenance["recipe"] == name
    assert_alike(alone, whole, slice(2, 3))
    parts = jaxviz.visualize(tiny, obj.channel("second", range(4)), name, steps=2, chunk=1)
    scale = np.abs(whole.images).max()
    np.testing.assert_allclose(parts.images / scale, whole.images / scale, rtol=1e-3, atol=1e-4)


def test_no_key_is_used_twice():
    with jax.debug_key_reuse(True):
        run(obj.channel("relu", [1, 2]), FULL)
        run(diverse([1, 2]), PLAIN.replace(restarts=2, transforms=(Noise(0.1),), steps=2))


@pytest.mark.parametrize("recipe", [PLAIN, SHAKEN, SHAKEN.replace(views=2)])
def test_the_last_score_needs_no_further_copy_of_the_network(recipe):
    traces = []

    def traced(activations):
        traces.append(1)
        return activations["conv"][..., 1].mean()

    run(traced, recipe)
    checked, in_the_program = 1, 1
    assert len(traces) == checked + in_the_program
