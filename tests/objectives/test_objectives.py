import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz import objectives as obj
from jaxviz.values.errors import JaxvizError


@pytest.fixture
def image(tiny):
    return jnp.asarray(np.random.default_rng(5).random(tiny.canvas.shape), jnp.float32)


def score(model, image, objective):
    return model.ask(image, objective.resolve(model).one())


@pytest.mark.parametrize("layer", ["first", "norm", "rectified", "pool", "second"])
def test_channel_is_the_mean_of_the_whole_layer_s(tiny, image, layer):
    whole = tiny(image[None])[layer][0]
    for index in range(tiny.layer(layer).channels):
        expected = whole[..., index].mean()
        np.testing.assert_allclose(score(tiny, image, obj.channel(layer, index)), expected, rtol=1e-5, atol=1e-6)


def test_gradient_of_one_channel_is_that_of_the_whole_layer_s(tiny, image):
    sliced = jax.grad(lambda x: score(tiny, x, obj.channel("second", 4)))(image)
    whole = jax.grad(lambda x: tiny.ask(x, lambda a: a["second"][..., 4].mean()))(image)
    np.testing.assert_allclose(sliced, whole, rtol=1e-4, atol=1e-7)


def test_one_channel_costs_one_channel(tiny):
    """The compiled gradient of one of 6 filters holds no output of all 6."""

    def text(objective):
        return jax.jit(jax.grad(lambda x: tiny.ask(x, objective))).lower(jnp.zeros(tiny.canvas.shape)).as_text()

    assert "tensor<3x3x6xf32>" in text(lambda activations: activations["second"][..., 4].mean())
    assert "tensor<3x3x6xf32>" not in text(obj.channel("second", 4).resolve(tiny).one())


def test_class_scores(tiny, image):
    probabilities = tiny(image[None])["classes"][0]
    logits = tiny.ask(image, lambda a: a["classes/preactivation"])
    for index in range(3):
        np.testing.assert_allclose(score(tiny, image, obj.class_probability(index)), probabilities[index], rtol=1e-5)
        np.testing.assert_allclose(score(tiny, image, obj.class_logit(index)), logits[index], rtol=1e-5, atol=1e-6)
        odds = np.log(probabilities[index] / (1 - probabilities[index]))
        np.testing.assert_allclose(score(tiny, image, obj.class_log_odds(index)), odds, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(jax.nn.softmax(logits), probabilities, rtol=1e-5)


def test_algebra_is_exact(tiny, image):
    a, b = obj.channel("second", 1), obj.channel("first", 2)
    of_a, of_b = score(tiny, image, a), score(tiny, image, b)
    np.testing.assert_allclose(score(tiny, image, a + b), of_a + of_b, rtol=1e-6)
    np.testing.assert_allclose(score(tiny, image, a - b), of_a - of_b, rtol=1e-6)
    np.testing.assert_allclose(score(tiny, image, 2 * a - 0.5 * b), 2 * of_a - 0.5 * of_b, rtol=1e-6)
    np.testing.assert_allclose(score(tiny, image, a - (b - a)), 2 * of_a - of_b, rtol=1e-6)
    np.testing.assert_allclose(score(tiny, image, -(a + b) * 3), -3 * (of_a + of_b), rtol=1e-6)


def test_algebra_refuses_other_things():
    a = obj.channel("second", 1)
    for nonsense in (lambda: a + "1", lambda: a * a, lambda: a / a, lambda: "2" * a, lambda: None - a):
        with pytest.raises(TypeError):
            nonsense()


def test_labels(tiny):
    assert obj.channel("second").resolve(tiny).labels() == [f"second:{index}" for index in range(6)]
    assert obj.class_probability(range(2)).labels() == ["class:0", "class:1"]
    assert obj.class_logit(1).labels() == ["logit:1"]
    assert obj.class_log_odds([1, 2]).labels() == ["odds:1", "odds:2"]
    both = (obj.channel("second", [3, 4]) - 0.5 * obj.channel("first", 1)).resolve(tiny)
    assert both.labels() == ["second:3 - 0.5*first:1", "second:4 - 0.5*first:1"]


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (obj.channel("secnd"), "unknown layer 'secnd' (did you mean 'second'?); this model has first, norm, "),
        (obj.channel("second", 6), "channel of 'second' 6 is out of range; there are 0 to 5"),
        (obj.channel("second", [0, -1, 9]), "channel of 'second' -1, 9 is out of range; there are 0 to 5"),
        (obj.channel("second", 2**32 + 3), "channel of 'second' 4294967299 is out of range; there are 0 to 5"),
        (obj.function(lambda a: jnp.int32(3)), "gives int32, which has no gradient"),
        (obj.channel("flat"), "layer 'flat' (Flatten) has no channels to visualize"),
        (obj.class_logit(3), "class 3 is out of range; there are 0 to 2"),
        (obj.function(lambda a: a["second"]), "the objective <lambda> gives (3, 3, 6), not one number"),
        (obj.function(lambda a: a["nowhere"].mean()), "unknown layer 'nowhere'; this model has first, norm"),
    ],
)
def test_refusals(tiny, objective, message):
    with pytest.raises(JaxvizError) as refusal:
        objective.resolve(tiny)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("index", [[], [0.5], [[1]], ["a"]])
def test_indices_that_are_none(index):
    with pytest.raises(JaxvizError, match="indices"):
        obj.channel("second", np.array(index))


def test_weights_in_an_array(tiny, image):
    batch = (np.array([1.0, 2.0]) * obj.channel("second", 1)).resolve(tiny)
    assert batch.labels() == ["1*second:1", "2*second:1"]


def test_terms_that_do_not_match():
    with pytest.raises(JaxvizError, match="terms of 2, 3 objectives"):
        (obj.channel("a", [1, 2]) + obj.channel("a", [1, 2, 3])).labels()


def test_keys_are_folded_from_layer_and_index():
    key = jax.random.key(0)

    def folded(objective):
        return jax.random.key_data(obj.fold_key(key, objective)).tolist()

    assert folded(obj.channel("a", 1)) == folded(obj.channel("a", 1))
    others = [obj.channel("a", 2), obj.channel("b", 1), 2.0 * obj.channel("a", 1), obj.class_logit(1)]
    assert all(folded(other) != folded(obj.channel("a", 1)) for other in others)
