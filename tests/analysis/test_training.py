import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.analysis import correspondences, history
from jaxviz.values.errors import JaxvizError


def network(variables, image):
    return {"units": jnp.tanh(image @ variables)}


def model(seed=0):
    return jaxviz.from_function(network, jax.random.normal(jax.random.key(seed), (2, 5)), (6, 6, 2))


def test_each_state_begins_where_the_one_before_ended():
    states = [model(0), model(1), model(2)]
    found = history(states, obj.channel("units", [1, 4]), "jaxviz", names=["early", "middle", "late"], steps=4)
    assert found.names == ("early", "middle", "late")
    assert found.images.shape == (3, 2, 6, 6, 2)
    assert found.scores.shape == (3, 2)
    by_hand = jaxviz.visualize(states[1], obj.channel("units", [1, 4]), "jaxviz", start=found.images[0], steps=4)
    np.testing.assert_array_equal(found.images[1], by_hand.images)
    film = found.film()
    np.testing.assert_array_equal(film.frames[1], found.images[:, 1])
    np.testing.assert_array_equal(film.images, found.images[2])


def test_a_strip_has_all_states_of_each_unit():
    found = history([model(0), model(1)], "units:1,4", "jaxviz", names=["early", "late"], steps=1)
    figure = found.figure()
    assert [text.get_text() for text in figure.axes[0].texts] == ["units:1", "early", "late", "units:4", "", ""]
    (frames,) = figure.axes[0].collections
    assert len(frames.get_paths()) == 4  # the names stand alone
    (sheet,) = figure.axes[0].images
    assert not sheet.get_array()[:, :6].any()


def test_a_state_that_stays_the_same_goes_on_rising():
    found = history([model(), model()], obj.channel("units", 2), "jaxviz", steps=6)
    assert found.scores[1, 0] >= found.scores[0, 0]


def test_equal_states_from_one_start_have_equal_pictures():
    found = history([model(0), model(1), model(0)], obj.channel("units", 2), "jaxviz", chained=False, steps=4)
    np.testing.assert_array_equal(found.images[0], found.images[2])
    assert not np.array_equal(found.images[0], found.images[1])


@pytest.mark.parametrize(
    ("states", "names", "message"),
    [
        ([], None, "0 names for 0 states; give one state or more, and a name for each"),
        ([0], ["a", "b"], "2 names for 1 states; give one state or more, and a name for each"),
        ([0, jaxviz.default_model], None, r"states with images of \(6, 6, 2\) and \(28, 28, 1\); give states of one"),
    ],
)
def test_wrong_states(states, names, message):
    made = [model() if state == 0 else state() for state in states]
    with pytest.raises(JaxvizError, match=message):
        history(made, obj.channel("units", 0), names=names, steps=1)


def test_units_that_were_shuffled_are_found_again():
    images = np.random.default_rng(0).normal(size=(3, 6, 6, 2)).astype(np.float32)
    order = np.array([3, 0, 4, 1, 2])
    shuffled = model().replace(variables=model().variables[:, order])
    found = correspondences(model(), shuffled, "units", images)
    np.testing.assert_array_equal(order[found.units], np.arange(5))
    np.testing.assert_allclose(found.correlations, 1.0, atol=1e-5)
    best = found.strongest(2)
    pictures = [
        jaxviz.visualize(state, obj.channel("units", some), "jaxviz", steps=1)
        for state, some in ((model(), best), (shuffled, found.units[best]))
    ]
    texts = [text.get_text() for text in found.figure(best, *pictures).axes[0].texts]
    assert texts == [text for unit in best for text in (str(unit), f"{found.units[unit]}, r 1.00")]
    silent = model().replace(variables=model().variables.at[:, 2].set(0.0))
    assert correspondences(silent, shuffled, ("units", "units"), images).correlations[2] == 0
