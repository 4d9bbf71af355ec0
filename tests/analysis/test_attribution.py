import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.analysis import attribution
from jaxviz.values.errors import JaxvizError

IMAGES = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
FIRST, SECOND = (np.random.default_rng(seed).normal(size=(3, 3)).astype(np.float32) for seed in (1, 2))


def linear(variables, image):
    first = image @ variables["first"]
    return {"first": first, "classes": (first @ variables["second"]).sum((0, 1))}


def bent(variables, image):
    first = image @ variables["first"]
    return {"first": first, "classes": jnp.tanh(0.3 * first @ variables["second"]).sum((0, 1))}


def model_of(function):
    return jaxviz.from_function(function, {"first": jnp.asarray(FIRST), "second": jnp.asarray(SECOND)}, (4, 4, 3))


@pytest.mark.parametrize("method", ["gradient", "integrated"])
def test_of_a_linear_network_it_is_activation_times_weight(method):
    found = attribution(model_of(linear), obj.class_logit(2), IMAGES, "first", method=method, steps=3)
    activations = IMAGES @ FIRST
    np.testing.assert_allclose(found.values, activations * SECOND[:, 2], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.units, (activations * SECOND[:, 2]).sum((1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.maps, activations @ SECOND[:, 2], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.scores, (activations @ SECOND).sum((1, 2))[:, 2], rtol=1e-4)
    np.testing.assert_allclose(found.gaps, 0, atol=1e-4)
    assert found.labels == ("logit:2", "logit:2")


def test_integrated_gradients_are_complete_and_gradients_are_not():
    settings = (model_of(bent), obj.class_logit([0, 2]), IMAGES, "first")
    whole = attribution(*settings, method="integrated", steps=64)
    rise = np.abs(whole.scores - whole.base_scores)
    assert (np.abs(whole.gaps) < 0.01 * rise).all()
    assert (np.abs(attribution(*settings).gaps) > 0.05 * rise).any()


def test_a_baseline_is_where_it_begins():
    baseline = np.full((4, 4, 3), 0.5, np.float32)
    found = attribution(model_of(linear), obj.class_logit(0), IMAGES[:1], "first", baseline=baseline)
    np.testing.assert_allclose(found.values[0], (IMAGES[0] @ FIRST - 0.5) * SECOND[:, 0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.base_scores, 0.5 * 16 * SECOND[:, 0].sum(), rtol=1e-5)


def test_a_function_of_activations_and_one_program_for_all_images():
    traces = 0

    def counted(variables, image):
        nonlocal traces
        traces += 1
        return linear(variables, image)

    model = model_of(counted)
    found = attribution(model, lambda activations: activations["classes"][1], IMAGES, "first")
    np.testing.assert_allclose(found.values, (IMAGES @ FIRST) * SECOND[:, 1], rtol=1e-4, atol=1e-6)
    attribution(model, obj.class_logit(1), IMAGES, "first")
    before = traces
    attribution(model, obj.class_logit([0, 2]), IMAGES[::-1], "first")
    assert traces == before


def test_the_figure_has_a_row_for_each_image():
    found = attribution(model_of(linear), "logit(2)", IMAGES, "first")
    np.testing.assert_array_equal(found.strongest(3)[1], np.argsort(-np.abs(found.units[1])))
    units = np.unique(found.strongest(2))
    pictures = jaxviz.visualize(model_of(linear), obj.channel("first", units), "jaxviz", steps=1)
    figure = found.figure(IMAGES, units, pictures, count=2, names=["a", "b"])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[0::4] == ["a", "b"]
    assert texts[1::4] == [f"{score:.3g}" for score in found.scores]
    best = int(found.strongest(1)[0, 0])
    assert texts[2] == f"{best}: {found.units[0, best]:+.2g}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"images": IMAGES[0]}, r"images of shape \(4, 4, 3\): give \[images, 4, 4, 3\], one or more"),
        ({"images": IMAGES * np.nan}, "images hold 96 values that are NaN or infinite"),
        ({"objective": obj.class_logit([0, 1, 2])}, "3 objectives of 1 images for 2 images; give one objective"),
        ({"method": "saliency"}, "unknown method 'saliency'; there are gradient, integrated"),
        ({"steps": 0}, "steps of 0: give 1 or more"),
        ({"baseline": np.zeros(3)}, r"baseline of shape \(3,\): layer 'first' gives \(4, 4, 3\)"),
        ({"objective": obj.channel("first", 0), "layer": "classes"}, "does not depend on layer 'classes'"),
    ],
)
def test_wrong_use(settings, message):
    given = {"objective": obj.class_logit(0), "images": IMAGES, "layer": "first"} | settings
    with pytest.raises(JaxvizError, match=message):
        attribution(model_of(linear), **given)
