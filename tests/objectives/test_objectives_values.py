"""Values computed by hand: on captum's network, whose activations of ones are 1.3, and on the image itself."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_networks import mirror, mirror_channels_first, network, points

import jaxviz
from jaxviz import objectives as obj
from jaxviz.objectives import measures
from jaxviz.values.errors import JaxvizError

ONES = jnp.ones((4, 4, 3))
IMAGE = jnp.asarray(np.random.default_rng(2).random((5, 5, 3)), jnp.float32)
AT = np.asarray(IMAGE)
CHANNEL = obj.channel("conv", 0)


def value(objective, image=ONES, model=None):
    model = model or points()
    return model.ask(image, objective.resolve(model).one())


def of_image(objective):
    return value(objective, IMAGE, mirror())


def of_group(objective, images, model=None):
    model = model or points()
    one = objective.resolve(model).one()
    return one.combine(jax.vmap(lambda image: model.ask(image, one.read))(images))


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (CHANNEL, 1.3),
        (obj.neuron("conv", 0), 1.3),
        (obj.layer_mean("conv"), 1.3),
        (obj.deepdream("conv"), 1.3**2),
        (obj.direction("conv", [1.0, 1.0]), 2.6),
        (obj.direction("conv", [1.0, 1.0], "centre"), 2.6),
        (obj.direction("conv", [1.0, -1.0], power=2), 0.0),
        (obj.tensor_direction("conv", np.ones((4, 4, 2))), 2.6),
        (obj.weighted_channels("conv", [1.0, 1.0]), 2.6),
        (obj.weighted_channels("conv", {1: 3.0}), 3.9),
        (obj.local_group("conv"), 1.3),
        (obj.local_group("conv", [1.0, 1.0]), 2.6),
        (obj.inversion("conv", ONES), 0.0),
        (-CHANNEL, -1.3),
        (CHANNEL + CHANNEL, 2.6),
        (CHANNEL - CHANNEL, 0.0),
        (CHANNEL + CHANNEL + 1, 3.6),
        (CHANNEL - CHANNEL - 1, -1.0),
        (1 - CHANNEL, -0.3),
        (1 + CHANNEL, 2.3),
        (CHANNEL * 10, 13.0),
        (10 * CHANNEL, 13.0),
        (CHANNEL / 10, 0.13),
        (-(CHANNEL + 1) * 2 / 4, -1.15),
        (sum([CHANNEL] * 400), 520.0),
        (sum([obj.neuron("conv", 0)] * 20) - 5 * CHANNEL, 19.5),
        (sum(([obj.function(lambda a: a["conv"].mean())] * 20), start=CHANNEL), 27.3),
    ],
)
def test_on_captum_s_network(objective, expected):
    np.testing.assert_allclose(value(objective), expected, rtol=1e-5, atol=1e-6)


def test_over_groups_on_captum_s_network():
    two = jnp.ones((2, 4, 4, 3))
    np.testing.assert_allclose(of_group(obj.diversity("conv", group=2), two), -1, rtol=1e-5)
    np.testing.assert_allclose(of_group(obj.alignment("conv", group=2), two), 0, atol=1e-6)
    np.testing.assert_allclose(of_group(obj.interpolation(CHANNEL, CHANNEL, group=2), two), 2.6, rtol=1e-6)
    both = 2 * obj.diversity("conv", group=2) + CHANNEL  # the channel is the mean over the images
    np.testing.assert_allclose(of_group(both, two * jnp.array([1, 2])[:, None, None, None]), -2 + 1.45, rtol=1e-5)


def test_groups_by_hand():
    model = mirror()
    images = jnp.asarray(np.random.default_rng(3).random((4, 5, 5, 3)), jnp.float32)
    x = np.asarray(images)
    flat = x.reshape(4, 25, 3)
    grams = np.einsum("npc,npd->ncd", flat, flat).reshape(4, 9)
    grams /= np.linalg.norm(grams, axis=1, keepdims=True)
    expected = -np.mean([grams[i] @ grams[j] for i in range(4) for j in range(4) if i != j])
    np.testing.assert_allclose(of_group(obj.diversity("same", group=4), images, model), expected, rtol=1e-5)
    distance = {d: sum(np.mean((x[i] - x[i + d]) ** 2) for i in range(4 - d)) for d in (1, 2, 3)}
    expected = -sum(distance[d] / 3.0**d for d in distance)
    np.testing.assert_allclose(of_group(obj.alignment("same", group=4, decay=3), images, model), expected, rtol=1e-5)
    ends = obj.interpolation(obj.channel("same", 0), obj.neuron("same", 1, (2, 3)), group=4)
    t = np.linspace(0, 1, 4)
    expected = ((1 - t) * x[..., 0].mean((1, 2)) + t * x[:, 2, 3, 1]).sum()
    np.testing.assert_allclose(of_group(ends, images, model), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (obj.neuron("same", 1), AT[2, 2, 1]),
        (obj.neuron("same", 2, (0, 4)), AT[0, 4, 2]),
        (obj.direction("same", [1, 0, -2], (4, 1)), AT[4, 1] @ [1, 0, -2]),
        (obj.weighted_channels("same", [1, 0, -2]), AT.mean((0, 1)) @ [1, 0, -2]),
        (obj.local_group("same"), AT[1:4, 1:4].mean()),
        (obj.local_group("same", [1, 0, -2], (1, 3), window=(2, 3)), (AT[0:2, 2:5] @ [1, 0, -2]).mean()),
        (obj.local_group("same", AT[:2, :1], (1, 0), window=(2, 1)), (AT[:2, :1] ** 2).sum(-1).mean()),
        (obj.activation_difference("same", 0 * IMAGE), AT.mean()),
        (obj.activation_difference("same", 0 * IMAGE, order=2), np.sqrt((AT**2).mean())),
        (obj.activation_difference("same", 0 * IMAGE, order=float("inf")), AT.max()),
        (obj.inversion("same", 2 * IMAGE), -0.25),
        (obj.inversion("same", 0 * IMAGE - 1), -((AT + 1) ** 2).sum() / 75),
        (obj.caricature("same", 2 * IMAGE), 2 * (AT**2).mean()),
        (obj.accentuation(obj.channel("same", 0), "same", 2 * IMAGE, weight=8), AT[..., 0].mean() - 2),
    ],
)
def test_by_hand(objective, expected):
    np.testing.assert_allclose(of_image(objective), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("power", [1.0, 2.0, 3.5])
def test_the_power_of_the_cosine(power):
    vector, eps = np.array([1.0, 0.0, -2.0]), 1e-4
    dots = AT @ vector
    cosines = dots / (np.linalg.norm(AT, axis=-1) + eps) / (np.sqrt(5) + eps)
    expected = (dots * np.maximum(cosines, 0.1) ** power).mean()
    np.testing.assert_allclose(of_image(obj.direction("same", vector, power=power)), expected, rtol=1e-4)
    whole = np.broadcast_to(vector, AT.shape)
    np.testing.assert_allclose(of_image(obj.tensor_direction("same", whole, power=power)), expected, rtol=1e-4)
    other = AT[::-1].copy()
    cosine = (AT * other).sum() / (np.linalg.norm(AT) + eps) / (np.linalg.norm(other) + eps)
    expected = (AT * other).mean() * cosine**power
    np.testing.assert_allclose(of_image(obj.caricature("same", other, power=power)), expected, rtol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda turn: obj.neuron("same", 1, (0, 4)),
        lambda turn: obj.direction("same", [1, 0, -2], (4, 1), power=1),
        lambda turn: obj.direction("same", [1, 0, -2]),
        lambda turn: obj.tensor_direction("same", turn(AT[::-1]), power=2),
        lambda turn: obj.weighted_channels("same", [1, 0, -2]),
        lambda turn: obj.local_group("same", [1, 0, -2], (1, 3), window=(2, 3)),
        lambda turn: sum([obj.neuron("same", 1, (0, at % 5)) for at in range(12)]),
        lambda turn: obj.caricature("same", turn(AT[::-1]), power=1),
    ],
)
def test_channels_first(make):
    expected = value(make(lambda x: x), IMAGE, mirror())
    turned = value(make(lambda x: np.moveaxis(x, -1, 0)), jnp.moveaxis(IMAGE, -1, 0), mirror_channels_first())
    np.testing.assert_allclose(turned, expected, rtol=1e-5)


def test_measures_at_zero():
    zero = jnp.zeros((3, 4))
    for measure in (measures.norm, lambda x: measures.cosine(x, x + 1), lambda x: measures.gram(x).sum()):
        assert np.isfinite(jax.grad(measure)(zero)).all()
    assert measures.cosine(zero, zero) == 0
    np.testing.assert_allclose(measures.cosine(zero + 2, zero + 5), 1, rtol=1e-4)


@pytest.mark.parametrize("kind", ["one filter", "all filters", "neurons", "directions", "a batch"])
def test_a_sum_of_4096_compiles_in_seconds(kind):
    model, count = network(), 4096
    rng = np.random.default_rng(4)
    image = jnp.asarray(rng.random((6, 6, 2)), jnp.float32)
    conv = np.asarray(model.ask(image, lambda a: a["conv"]))
    weights = rng.normal(size=count).astype(np.float32)
    rows, columns, filters = rng.integers(0, 4, (3, count))
    vectors = rng.normal(size=(count, 4)).astype(np.float32)
    means = conv.mean((0, 1))
    terms, expected = {
        "one filter": lambda: ([obj.channel("conv", 1)] * count, means[1] * weights.sum()),
        "all filters": lambda: ([obj.channel("conv", at) for at in filters], means[filters] @ weights),
        "neurons": lambda: (
            [obj.neuron("conv", *at) for at in zip(filters, zip(rows, columns, strict=True), strict=True)],
            conv[rows, columns, filters] @ weights,
        ),
        "directions": lambda: ([obj.direction("conv", each) for each in vectors], (vectors @ means) @ weights),
        "a batch": lambda: ([obj.channel("conv", [at, 2]) for at in filters], means[filters] @ weights),
    }[kind]()
    objective = sum(weight * term for weight, term in zip(weights, terms, strict=True)).resolve(model)
    assert len(jax.tree.leaves(objective)) < 10
    begin = time.monotonic()
    found = jax.jit(lambda image: jax.value_and_grad(lambda x: model.ask(x, objective.one()))(image))(image)
    assert time.monotonic() - begin < 10
    np.testing.assert_allclose(found[0], expected, rtol=1e-3, atol=1e-2)  # 4096 terms of either sign
    assert np.isfinite(found[1]).all()
    assert len(objective.labels()) == (2 if kind == "a batch" else 1)


def test_labels_of_long_sums():
    long = [sum(obj.channel("conv", at % 2 if at != odd else 0) for at in range(20)) for odd in (7, 9)]
    [one], [other] = (each.resolve(points()).labels() for each in long)
    assert one.startswith("conv:0 + … + conv:1 (20 terms, ")
    assert one != other
    assert (2 * long[0].resolve(points())).labels() == [f"2*({one})"]


def test_labels():
    model = network()

    def labels(objective):
        return objective.resolve(model).labels()

    matrix = np.eye(4)[:2]
    assert labels(obj.neuron("conv", 3)) == ["conv:3@2,2"]
    assert obj.neuron("conv", 3).labels() == ["conv:3@centre"]
    assert labels(obj.neuron("dense"))[1:] == ["dense:1", "dense:2"]
    assert labels(obj.neuron("conv", [1, 2], (0, 3))) == ["conv:1@0,3", "conv:2@0,3"]
    assert labels(obj.direction("conv", matrix)) == ["conv·direction 0", "conv·direction 1"]
    assert labels(obj.direction("conv", matrix[0], [(0, 0), (1, 2)])) == ["conv·direction@0,0", "conv·direction@1,2"]
    assert labels(obj.direction("conv", matrix[0], power=[1, 2])) == ["conv·direction·cos^1", "conv·direction·cos^2"]
    assert labels(obj.tensor_direction("dense", matrix[:, :3])) == ["dense·tensor 0", "dense·tensor 1"]
    assert labels(obj.local_group("conv", matrix)) == ["conv·3x3 0@2,2", "conv·3x3 1@2,2"]
    assert labels(obj.channel("conv", 1) - 1) == ["conv:1 - 1"]
    assert labels(obj.channel("conv", 1) / 4) == ["0.25*conv:1"]
    assert labels(obj.alignment("conv", group=2, decay=[2, 3])) == [
        "conv·alignment of 2 decay 2",
        "conv·alignment of 2 decay 3",
    ]


def test_pairs():
    model = network()
    crossed = obj.pairs(obj.channel("conv", [0, 1, 3]), -obj.direction("conv", np.eye(4)[:2])).resolve(model)
    assert crossed.labels() == [f"conv:{a} - 1*conv·direction {b}" for a in (0, 1, 3) for b in (0, 1)]
    image = jnp.asarray(np.random.default_rng(4).random((6, 6, 2)), jnp.float32)
    means = np.asarray(model.ask(image, lambda a: a["conv"].mean((0, 1))))
    found = [model.ask(image, crossed.one(place)) for place in range(6)]
    expected = [means[a] - means[b] for a in (0, 1, 3) for b in (0, 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    every = jaxviz.visualize(model, obj.pairs(obj.channel("conv"), obj.channel("conv")), "seed", steps=1)
    assert len(every) == 16
    assert every.labels[:2] == ("conv:0 + conv:0", "conv:0 + conv:1")
    assert len((2 * obj.pairs(obj.channel("conv"), obj.class_logit())).resolve(model).labels()) == 12


def test_a_batch_equals_one_by_one():
    model = network()
    matrix = np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32)
    every = jaxviz.visualize(model, obj.direction("conv", matrix, power=1), "seed", steps=3)
    for row in range(3):
        one = jaxviz.visualize(model, obj.direction("conv", matrix[row], power=1), "seed", steps=3)
        np.testing.assert_allclose(one.images[0], every.images[row], rtol=1e-4, atol=1e-3)


def test_keys_tell_arrays_apart():
    def folded(vector):
        one = obj.direction("conv", np.asarray(vector, np.float32)).resolve(network()).one()
        return jax.random.key_data(obj.fold_key(jax.random.key(0), one)).tolist()

    vectors = [[1, 2, 3, 4], [2, 1, 3, 4], [4, 3, 2, 1], [0, 0, 0, 0], [-0.0, 0, 0, 0], [1, 2, 3, 4 + 1e-6]]
    assert len({tuple(folded(vector)) for vector in vectors}) == len(vectors)
    assert folded(vectors[0]) == folded(vectors[0])


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda: obj.neuron("conv", 9), "channel of 'conv' 9 is out of range; there are 0 to 3"),
        (lambda: obj.neuron("conv", 0, (4, 0)), "position (4, 0) is out of range; 'conv' has 4 x 4 positions"),
        (lambda: obj.neuron("conv", 0, (-1, 0)), "position (-1, 0) is out of range; 'conv' has 4 x 4 positions"),
        (
            lambda: obj.neuron("conv", 0, (2,)),
            "position (2,) of 'conv': give 'centre', 2 whole numbers, or several such",
        ),
        (lambda: obj.neuron("conv", 0, "top"), "position 'top' of 'conv': give 'centre', 2 whole numbers, or several"),
        (lambda: obj.neuron("conv", 0, (0.5, 1)), "position (0.5, 1) of 'conv': give 'centre', 2 whole numbers"),
        (lambda: obj.neuron("dense", 0, (1, 1)), "position (1, 1): layer 'dense' (dot_general) has none; leave it out"),
        (lambda: obj.neuron("conv", [0, 1, 2], [(1, 1), (2, 2)]), "terms of 3, 2 objectives"),
        (lambda: obj.local_group("conv", window=(5, 1)), "a window of 5 x 1: 'conv' has 4 x 4 positions"),
        (lambda: obj.local_group("conv", window=(2,)), "a window of 2: 'conv' has 4 x 4 positions"),
        (lambda: obj.local_group("dense"), "a window of 3 x 3: 'dense' has no positions"),
        (
            lambda: obj.local_group("conv", position=(0, 2)),
            "position (0, 2) with a window of 3 x 3 is out of range; 'conv' has 4 x 4 positions",
        ),
        (
            lambda: obj.local_group("conv", [1, 2]),
            "the weights of a group in 'conv' has the shape (2,); give (4,) or [n, 4] or (3, 3, 4) or [n, 3, 3, 4]",
        ),
        (lambda: obj.direction("conv", [1, 2]), "the direction in 'conv' has the shape (2,); give (4,) or [n, 4]"),
        (lambda: obj.direction("conv", [1, 2, 3, np.nan]), "the direction in 'conv' holds 1 values that are NaN"),
        (lambda: obj.direction("conv", "up"), "the direction in 'conv': give an array of numbers"),
        (lambda: obj.direction("conv", np.eye(4), power=-1), "a power of -1: give 0 or more"),
        (lambda: obj.direction("conv", np.eye(4), power=[1, 2]), "terms of 4, 2 objectives"),
        (lambda: obj.tensor_direction("conv", np.ones(4)), "has the shape (4,); give (4, 4, 4) or [n, 4, 4, 4]"),
        (lambda: obj.weighted_channels("conv", {7: 1.0}), "channel of 'conv' 7 is out of range; there are 0 to 3"),
        (lambda: obj.weighted_channels("conv", [1.0]), "the weights of the channels of 'conv' has the shape (1,)"),
        (lambda: obj.inversion("conv", np.ones((3, 3))), "the reference image has the shape (3, 3); give (6, 6, 2)"),
        (lambda: obj.caricature("conv", np.full((6, 6, 2), np.inf)), "the reference image holds 72 values that are"),
        (lambda: obj.caricature("conv", np.ones((6, 6, 2)), power=-2), "a power of -2: give 0 or more"),
        (lambda: obj.activation_difference("conv", ONES, order=3), "a norm of order 3: give 1, 2 or float('inf')"),
        (lambda: obj.diversity("conv", group=1), "a group of 1 images: give 2 or more"),
        (lambda: obj.alignment("conv", group=2, decay=0.5), "a decay of 0.5: give 1 or more"),
        (
            lambda: obj.diversity("conv", group=2) + obj.diversity("conv", group=3),
            "a sum over groups of 2 and 3 images; give one size",
        ),
        (
            lambda: obj.interpolation(obj.channel("conv", 0), obj.diversity("conv", group=2), group=2),
            "conv:0 → conv·diversity of 2 of 2: its ends must be objectives of one image",
        ),
        (lambda: obj.channel("conv", 0) / 0, "an objective divided by 0; give numbers other than 0"),
        (lambda: obj.channel("conv", 0) * np.nan, "a weight of nan: give a finite number"),
        (lambda: obj.channel("conv", 0) + np.ones((2, 2)), "a constant of "),
        (
            lambda: obj.function(lambda a, p: a["conv"].mean(), {"a": np.ones(2), "b": np.ones(3)}),
            "parameters of shapes (2,), (3,); give each a leading axis, of one length",
        ),
        (lambda: obj.function(lambda a, p: a["conv"].mean(), 2.0), "parameters of shapes (); give each a leading axis"),
        (lambda: obj.pairs(obj.channel("conv"), obj.channel("nowhere")), "unknown layer 'nowhere'"),
    ],
)
def test_refusals(objective, message):
    with pytest.raises(JaxvizError) as refusal:
        objective().resolve(network())
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_group_is_not_called_with_one_image():
    with pytest.raises(JaxvizError, match="conv·diversity of 2 is an objective of 2 images; read each and combine"):
        value(obj.diversity("conv", group=2))


def test_a_reference_is_of_its_model():
    resolved = obj.inversion("conv", np.ones((6, 6, 2))).resolve(network())
    with pytest.raises(JaxvizError, match="the reference is resolved for a layer of shape"):
        resolved.resolve(points())


def logits_network(activation, count):
    def forward(variables, image):
        logits = image[0, 0] @ variables
        return {"logits": logits, "classes": activation(logits)}

    return jaxviz.from_function(forward, jnp.eye(count), (1, 1, count), output="classes", logits="logits")


def test_log_odds_of_a_class():
    """``log(p / (1 - p))`` of a softmax, where the probability itself is 1 too; of a sigmoid, its logit."""
    model, logits = logits_network(jax.nn.softmax, 3), np.array([0.5, -1.0, 2.0])
    for index, p in enumerate(np.exp(logits) / np.exp(logits).sum()):
        odds = value(obj.class_log_odds(index), jnp.asarray(logits, jnp.float32)[None, None], model)
        np.testing.assert_allclose(odds, np.log(p / (1 - p)), rtol=1e-5)
    sure = jnp.array([80.0, 0.0, 0.0])[None, None]
    assert value(obj.class_probability(0), sure, model) == 1
    np.testing.assert_allclose(value(obj.class_log_odds(0), sure, model), 80 - np.log(2), rtol=1e-6)
    one = obj.class_log_odds(0).resolve(model).one()
    slope = jax.grad(lambda image: model.ask(image, one))(sure)[0, 0]
    np.testing.assert_allclose(slope, [1, -0.5, -0.5], atol=1e-6)
    alone = logits_network(jax.nn.sigmoid, 1)
    assert value(obj.class_log_odds(0), jnp.full((1, 1, 1), -3.0), alone) == -3
    assert len(obj.class_log_odds().resolve(model).labels()) == 3


def test_log_odds_between_the_logit_and_the_log_odds():
    """The factor of the other classes: half of it is half the logit and half the log-odds, values and gradients."""
    model, image = logits_network(jax.nn.softmax, 3), jnp.array([0.5, -1.0, 2.0])[None, None]

    def told(one):
        return jax.value_and_grad(lambda image: model.ask(image, one))(image)

    half = obj.class_log_odds([0, 2], others=0.5).resolve(model)
    summed = (0.5 * obj.class_logit([0, 2]) + 0.5 * obj.class_log_odds([0, 2])).resolve(model)
    for place in (0, 1):
        found, slope = told(half.one(place))
        wanted, wanted_slope = told(summed.one(place))
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
        np.testing.assert_allclose(slope, wanted_slope, rtol=1e-6)
    assert value(obj.class_log_odds(1, others=0.0), image, model) == -1
    with pytest.raises(JaxvizError, match=r"others of -1: give 0 or more"):
        obj.class_log_odds(1, others=-1.0)


# matched


def test_matched_is_the_distance_of_sorted_values_to_the_mean_of_the_images():
    images = np.random.default_rng(4).random((3, 5, 5, 3)).astype(np.float32)
    sorted_mean = np.mean([np.sort(image.reshape(25, 3), axis=0) for image in images], axis=0)
    expected = -np.mean((np.sort(AT.reshape(25, 3), axis=0) - sorted_mean) ** 2)
    np.testing.assert_allclose(of_image(obj.matched("same", images)), expected, rtol=1e-6)
    np.testing.assert_allclose(of_image(obj.matched("same", images, weights=3.0)), 3 * expected, rtol=1e-6)
    model = mirror_channels_first()
    first = obj.matched("same", np.moveaxis(images, -1, 1))
    np.testing.assert_allclose(value(first, jnp.moveaxis(IMAGE, -1, 0), model), expected, rtol=1e-6)


def test_matched_cares_for_how_often_and_not_for_where():
    shuffled = AT.reshape(25, 3)[np.random.default_rng(5).permutation(25)].reshape(5, 5, 3)
    np.testing.assert_allclose(of_image(obj.matched("same", shuffled[None])), 0.0, atol=1e-12)
    assert of_image(obj.matched("same", 0 * AT[None])) < -0.1


def test_matched_pulls_each_value_to_the_one_of_its_rank():
    objective = obj.matched("same", np.full((1, 5, 5, 3), 0.5, np.float32)).resolve(mirror()).one()
    gradient = jax.grad(lambda image: mirror().ask(image, objective))(IMAGE)
    np.testing.assert_allclose(gradient, -2 * (AT - 0.5) / AT.size, rtol=1e-5)


def test_matched_sums_layers_and_each_of_a_batch_has_its_images():
    model = network()
    images = np.random.default_rng(6).random((2, 3, 6, 6, 2)).astype(np.float32)
    both = obj.matched(["conv", "dense"], images, weights=[2.0, 0.5]).resolve(model)
    assert both.labels() == ["2 layers·matched 0", "2 layers·matched 1"]
    image = jnp.asarray(images[0, 0])
    for place in range(2):
        alone = [obj.matched(name, images[place]).resolve(model).one() for name in ("conv", "dense")]
        expected = 2.0 * model.ask(image, alone[0]) + 0.5 * model.ask(image, alone[1])
        np.testing.assert_allclose(model.ask(image, both.one(place)), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: obj.matched([], AT), "no layers to match; give the name of one or more"),
        (lambda: obj.matched(["a", "b"], AT, weights=[1.0]), "1 weights for 2 layers; give one for each"),
        (
            lambda: obj.matched("conv", np.ones((6, 6, 2))).resolve(network()),
            "images of shape (6, 6, 2): give [images, 6, 6, 2], or several such [n, images, 6, 6, 2]",
        ),
        (
            lambda: obj.matched("conv", np.ones((1, 6, 6, 2))).resolve(network()).resolve(points()),
            "the objective is resolved for a layer of 16 positions and 4 channels, and 'conv' has 16 and 2; "
            "make it again for this model",
        ),
    ],
)
def test_wrong_matches_are_refused(make, message):
    with pytest.raises(JaxvizError) as caught:
        make()
    assert str(caught.value) == message
