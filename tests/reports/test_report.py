"""Reports: numbers worked out by hand, on networks whose layers are the image itself."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_networks import SHAPE, mirror, mirror_channels_first, network

import jaxviz
from jaxviz import figures
from jaxviz import objectives as obj
from jaxviz.ascent import chunks
from jaxviz.reports import findings, measurements
from jaxviz.reports.findings import STATUSES
from jaxviz.values.errors import JaxvizError

PLAIN = jaxviz.Recipe(
    name="plain",
    parameterization=jaxviz.parameterizations.RangePixels(),
    optimizer=jaxviz.recipes.PRESETS["jaxviz"].optimizer,
    steps=4,
)


@dataclasses.dataclass(frozen=True)
class Dim:
    """A transform that is the same each time."""

    share: float

    def __call__(self, key, image):
        return self.share * image


def flat(*rows, shape=(5, 5, 3)):
    """Images that are of one colour."""
    return np.broadcast_to(np.array(rows, np.float32)[:, None, None], (len(rows), *shape)).copy()


def made(model, images, labels, **changes):
    """A visualization of given images; each image changed and its score rose to 1."""
    count = len(images)
    values = {
        "images": images,
        "starts": np.full_like(images, -1),
        "scores": np.linspace(0.5, 1, 4 * count, dtype=np.float32).reshape(count, 4),
        "final_scores": np.ones(count, np.float32),
        "labels": tuple(labels),
        "canvas": model.canvas,
        "provenance": {"recipe": "plain"},
    }
    return jaxviz.Visualization(**{**values, **changes})


def _classify(variables, image):
    logits = variables * image.mean((0, 1))
    return {"logits": logits, "classes": jax.nn.softmax(logits)}


@functools.cache
def classifier(scale=1.0):
    """Three classes; the logit of each is the mean of its colour."""
    return jaxviz.from_function(_classify, jnp.float32(scale), (2, 2, 3), logits="logits")


PICTURES = flat([0.5, 0.2, 0.1], [0.3, 0.6, 0.9])
REAL = flat([0.2, 0.1, 0.0], [0.4, 0.5, 0.0], [0.0, 0.3, 0.0], [0.2, 0.3, 0.0])
CHANNELS = ("same:0", "same:1")


def reported(**given):
    model = mirror()
    return jaxviz.report(model, obj.channel("same", [0, 1]), made(model, PICTURES, CHANNELS), **given)


def test_the_image_as_it_is_alone():
    found = reported()
    np.testing.assert_allclose(found.reached, [0.5, 0.6], rtol=1e-6)
    # 0.5 beats both others; 0.6 beats 0.3 and not 0.9.
    np.testing.assert_allclose(found.selectivity, [1, 0.5])
    assert found.status == ("alive", "alive")
    assert found.labels == CHANNELS
    np.testing.assert_allclose(found.survival, [1, 1], rtol=1e-5)  # an image of one colour is the same in each view
    np.testing.assert_array_equal(found.ends, [0, 0])
    known = {"labels", "status", "dead", "reached", "selectivity", "survival", "ends", "judges", "facts"}
    unknown = set(vars(found)) - known
    assert all(np.isnan(getattr(found, name)).all() for name in unknown)
    assert np.isnan(found.ratio).all()


def test_against_real_images():
    found = reported(images=REAL, labels=np.array([7, 9, 9, 7]))
    np.testing.assert_allclose(found.largest, [0.4, 0.5], rtol=1e-6)
    # Linear between the two largest of four: 0.997 of the way from the third to the fourth.
    np.testing.assert_allclose(found.percentile, [0.2 + 0.2 * 0.997, 0.3 + 0.2 * 0.997], rtol=1e-5)
    np.testing.assert_allclose(found.ratio, [1.25, 1.2], rtol=1e-6)
    # Means 0.2, 0.3, 0 and deviations sqrt(0.02), sqrt(0.02), 0: of the first image z = 2.1, -0.7, inf; of the second
    # 0.7, 2.1, inf.
    np.testing.assert_allclose(found.selectivity, [0.5, 0.5])
    # Both classes mean 0.2 in the first channel, which prefers none; in the second 0.2 and 0.4.
    np.testing.assert_array_equal(found.preferred, [np.nan, 9])
    assert found.facts == {"recipe": "plain", "real images": "4"}


def test_a_unit_that_never_changes_is_excited_only_where_it_changes():
    still = np.zeros((1, 3)), np.array([[0.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    np.testing.assert_array_equal(findings.selectivity(still[0], np.array([0]), still[1]), [0.5])  # 0 is not below 0
    np.testing.assert_array_equal(findings.selectivity(np.array([[1.0, 2.0, 0.0]]), np.array([0]), still[1]), [1.0])
    assert np.isnan(findings.selectivity(np.array([[np.nan, 2.0]]), np.array([0]), None))
    assert np.isnan(findings.selectivity(np.array([[1.0]]), np.array([0]), None))


def test_other_objectives_by_vmap():
    model = mirror()
    pictures = made(model, PICTURES, ["same·direction 0", "same·direction 1"])
    found = jaxviz.report(model, obj.direction("same", [[1, 1, 0], [0, 0, 2]]), pictures, images=REAL)
    np.testing.assert_allclose(found.reached, [0.7, 1.8], rtol=1e-6)
    np.testing.assert_allclose(found.largest, [0.9, 0.0], rtol=1e-6)
    assert np.isnan(found.selectivity).all()
    assert np.isnan(found.ratio[1])
    assert found.status == ("alive", "never active on the data")

    def brightest(activations):
        return activations["same"].max()

    found = jaxviz.report(model, brightest, made(model, PICTURES[:1], ["brightest"]), images=REAL)
    np.testing.assert_allclose([found.reached, found.largest], [[0.5], [0.5]], rtol=1e-6)


def test_a_neuron_is_compared_with_the_channels_of_its_layer():
    model, image = mirror(), flat([0.2, 0.5, 0.9])
    image[0, 2, 2] = (4.0, 0.0, 0.0)  # means of 0.352, 0.48, 0.864
    found = jaxviz.report(model, obj.neuron("same", 0), made(model, image, ["same:0@2,2"]), images=REAL)
    assert found.reached == 4.0
    assert found.largest == np.float32(0.4)
    assert found.selectivity == 0.0  # z of 1.07, 1.27 and inf


def test_before_the_activation():
    model = network()
    objective = obj.channel("relu", [0, 3]).before_activation(model)
    images = np.random.default_rng(0).random((2, *SHAPE)).astype(np.float32)
    found = jaxviz.report(model, objective, made(model, images, objective.labels()), images=images)
    conv = np.asarray(model(images)["conv"]).mean((1, 2))
    np.testing.assert_allclose(found.reached, conv[[0, 1], [0, 3]], rtol=1e-4)
    np.testing.assert_allclose(found.largest, conv[:, [0, 3]].max(0), rtol=1e-4)
    assert not np.isnan(found.selectivity).any()


def test_views_are_drawn_by_the_recipe():
    dim = PLAIN.replace(transforms=(Dim(0.5),))
    found = reported(recipe=dim, views=3)
    np.testing.assert_allclose(found.with_transforms, found.reached / 2, rtol=1e-6)
    assert found.facts["views"] == "3 of each image, by the transforms of plain"
    assert np.isnan(reported(recipe=PLAIN).with_transforms).all()
    # Of a flat image noise of mean 0 leaves about the same, but not quite.
    noisy = reported(recipe=PLAIN.replace(transforms=(jaxviz.transforms.Noise(0.1),)))
    assert 0 < np.abs(noisy.with_transforms - noisy.reached).max() < 0.02


def test_the_recipe_is_known_where_the_visualization_names_a_preset(monkeypatch):
    dim = PLAIN.replace(transforms=(Dim(0.5),))
    monkeypatch.setitem(jaxviz.recipes.PRESETS, "plain", dim)
    model = mirror()
    told = {"recipe": "plain", "transforms": str(dim.transforms), "units": "range", "steps": "2"}
    for provenance, known in ((told, True), ({**told, "transforms": "()"}, False)):
        pictures = made(model, PICTURES, CHANNELS, provenance=provenance)
        found = jaxviz.report(model, obj.channel("same", [0, 1]), pictures)
        assert np.isnan(found.with_transforms).all() != known


def test_each_status():
    labels = [f"same:{count}" for count in range(8)]
    images = np.zeros((8, 5, 5, 3), np.float32)
    starts = images - 1
    starts[1] = images[1]
    images[7, 0, 0, 0] = np.nan  # with a score that is finite all along
    scores = np.ones((8, 3), np.float32)
    scores[2] = 0
    scores[4, 2] = scores[6] = np.nan
    final = np.array([1, 1, 0, 0, np.nan, 1, -np.inf, 1], np.float32)
    shown = made(mirror(), images, labels, starts=starts, scores=scores, final_scores=final)
    on_data = np.ones((2, 8), np.float32)
    on_data[:, 5] = (1e-7, -1e-7)
    broken = "not a number"
    expected = ["alive", "dead at the start", "dead at the start", "died on the way", broken, "alive", broken, broken]
    assert findings.statuses(shown, None) == tuple(expected)
    expected[5] = "never active on the data"
    assert findings.statuses(shown, on_data) == tuple(expected)
    assert set(expected) == set(STATUSES)


def test_the_step_at_which_nan_begins_is_reported():
    shown = made(mirror(), PICTURES, CHANNELS)
    assert not any(column.heading == "NaN from" for column in reported().columns())
    shown = dataclasses.replace(
        shown,
        scores=np.array([[1, 2, np.nan], [1, 1, 1]], np.float32),
        final_scores=np.array([np.nan, 1], np.float32),
    )
    found = jaxviz.report(mirror(), obj.channel("same", [0, 1]), shown)
    assert found.status == ("not a number", "alive")
    assert not found.dead.any()
    np.testing.assert_array_equal(found.nan_from, [2, np.nan])
    assert jaxviz.Report.from_json(found.to_json()).nan_from.tolist()[0] == 2
    assert json.loads(found.to_json())["nan_from"] == [2.0, None]
    column = next(column for column in found.columns() if column.heading == "NaN from")
    assert column.cells == ["2", "-"]
    assert repr(found) == "Report(2 units: 1 alive, 1 not a number)"


def test_agreement_between_restarts():
    slope = np.linspace(-1, 1, 75, dtype=np.float32).reshape(5, 5, 3)
    square = slope**2
    restarts = np.stack([[slope, slope + 2, 3 * slope], [slope, -slope, slope], [slope, square, square], [square] * 3])
    restarts[3, 1:] = 0.5
    scores = np.array([[1, 3, 2], [0, 0, 0], [-1, 1, 0], [1, np.nan, 2]], np.float32)
    np.testing.assert_allclose(findings.agreement(restarts, 4), [1, -1 / 3, 1 / 3, np.nan], atol=1e-6)
    np.testing.assert_array_equal(findings.spread(scores, 4), [2, 0, 2, np.nan])
    model = mirror()
    shown = made(model, restarts[:3, 0], ["same:0", "same:1", "same:2"])
    shown = dataclasses.replace(shown, restarts=restarts[:3], restart_scores=scores[:3])
    np.testing.assert_allclose(
        jaxviz.report(model, obj.channel("same"), shown).agreement, [1, -1 / 3, 1 / 3], atol=1e-6
    )
    assert np.isnan(findings.agreement(restarts[:, :1], 4)).all()


@pytest.mark.parametrize("layout", ["channels last", "channels first", "another range", "another name"])
def test_transfer(layout):
    second, asked = mirror(), None
    if layout == "channels first":
        second = mirror_channels_first()
    if layout == "another range":
        second = second.with_preprocessing("0-255")
    if layout == "another name":
        second = jaxviz.from_function(lambda variables, image: {"other": image * variables}, jnp.float32(2), (5, 5, 3))
        asked = obj.channel("other", [0, 1])
    found = reported(
        images=PICTURES[:, ::-1] * np.float32([[[[0.5]]], [[[1.5]]]]), second=second, second_objective=asked
    )
    # 0.5 is above 0.25 and 0.45; 0.6 above 0.1 and not above 0.9.
    np.testing.assert_array_equal(found.transfer, [1, 0.5])


def test_classes():
    model = classifier()
    pictures = flat([3, 0, 0], [2, 1, 0], [0, 1, 2], shape=(2, 2, 3))
    judges = {"brightest": lambda images: images.mean((1, 2)).argmax(1), "zero": lambda images: [0] * len(images)}
    for objective in (obj.class_logit(), obj.class_log_odds(), obj.class_probability(), obj.channel("logits")):
        shown = made(model, pictures, objective.resolve(model).labels())
        found = jaxviz.report(model, objective, shown, judges=judges, second=classifier(10.0))
        np.testing.assert_array_equal(found.intended, [0, 1, 2])
        np.testing.assert_array_equal(found.rank, [1, 2, 1])
        np.testing.assert_allclose(found.probability, np.diagonal(jax.nn.softmax(pictures.mean((1, 2)))))
        np.testing.assert_allclose(found.second_probability, [1, np.exp(-10), 1], atol=1e-4)
        np.testing.assert_array_equal(found.judges["brightest"], [0, 0, 2])
        np.testing.assert_array_equal(found.judges["zero"], [0, 0, 0])
        np.testing.assert_allclose(found.selectivity, [1, 0.5, 1])
        assert np.isnan(found.transfer).all()
        assert "the class that brightest reads: as asked for in 2 of 3" in found.table()


def test_a_group_of_images():
    model, objective = mirror(), obj.interpolation(obj.channel("same", 0), obj.channel("same", 1), group=2)
    label = objective.resolve(model).labels()[0]
    shown = made(model, PICTURES, [f"{label}#0", f"{label}#1"])
    found = jaxviz.report(
        model, objective, shown, images=REAL, second=model, recipe=PLAIN.replace(transforms=(Dim(2),))
    )
    np.testing.assert_allclose(found.reached, [1.1, 1.1], rtol=1e-6)
    np.testing.assert_allclose(found.with_transforms, [2.2, 2.2], rtol=1e-6)
    assert np.isnan([found.largest, found.selectivity, found.transfer]).all()


def test_an_image_with_an_opacity_is_seen_over_grey():
    model = mirror()
    clear = np.concatenate([PICTURES, np.full((2, 5, 5, 1), 0.5, np.float32)], axis=-1)
    found = jaxviz.report(model, obj.channel("same", [0, 1]), made(model, clear, CHANNELS))
    np.testing.assert_allclose(found.reached, [0.5, 0.55], rtol=1e-6)  # 0.25 and 0.3, and half of 0.5
    np.testing.assert_allclose(found.selectivity, [1, 0.5])


def test_chunks_change_nothing_and_compile_once(monkeypatch, counting):
    images = np.random.default_rng(0).random((7, 5, 5, 3)).astype(np.float32)
    objective = obj.channel("same").resolve(mirror())
    whole = measurements.score_each(mirror(), objective, images)
    np.testing.assert_allclose(whole, images.mean((1, 2)), rtol=1e-5)
    monkeypatch.setattr(chunks, "plan", lambda *_: chunks.Plan(width=3, mesh=None, workers=2))
    np.testing.assert_allclose(measurements.score_each(mirror(), objective, images), whole, rtol=1e-6)
    counting.clear()
    measurements.score_each(mirror(), obj.channel("same", [2, 0, 1]).resolve(mirror()), images[:5])
    assert counting == []


@pytest.mark.parametrize(
    ("scale", "told"), [(1.0, ("both networks", "neither network")), (-1.0, ("its own network alone",) * 2)]
)
def test_which_network_reads_a_class(scale, told):
    """The second network takes images of another size; the second picture is of a class that another one beats."""
    shape = (8, 8, 3)
    second = jaxviz.from_function(_classify, jnp.float32(scale), shape, logits="logits")
    pictures = flat([0.5, 0.2, 0.1], [0.3, 0.2, 0.1] if scale > 0 else [0.3, 0.6, 0.1], shape=(2, 2, 3))
    objective = obj.class_logit([0, 1])
    shown = made(classifier(), pictures, ("logit:0", "logit:1"))
    found = jaxviz.report(classifier(), objective, shown, second=second)
    assert found.read_by == told
    assert json.loads(found.to_json())["read_by"] == list(told)
    assert "read by" in found.table()


def test_the_table_is_aligned_and_leaves_nothing_out():
    text = reported(images=REAL).table()
    head, first, second, empty, *captions = text.splitlines()
    named = "status reached survives largest 99.9 % ratio selective at ends spectrum"
    assert head.split() == named.split()
    *cells, distance = first.split()
    assert cells == ["same:0", "alive", "0.5", "1", "0.4", "0.3994", "1.25", "0.5", "0"]
    assert float(distance) < 1e-5  # one colour each, they have no spectrum
    assert len(head) == len(first) == len(second)
    assert empty == ""
    assert captions[5] == "ratio      reached / largest"
    assert captions[-1] == "real images: 4"


def test_json_round_trip(tmp_path):
    found = reported(images=REAL, judges={"one": lambda images: np.ones(len(images), int)})
    found.save(tmp_path / "report.json")
    again = jaxviz.Report.load(tmp_path / "report.json")
    for field in dataclasses.fields(found):
        np.testing.assert_equal(getattr(again, field.name), getattr(found, field.name))
    told = json.loads(found.to_json())
    assert told["transfer"] == [None, None]
    assert told["judges"] == {"one": [1.0, 1.0]}
    np.testing.assert_allclose(told["ratio"], found.ratio)


@pytest.mark.parametrize("change", [{"status": ["alive", "asleep"]}, {"reached": [1.0]}, {"labels": ["a"]}])
def test_statuses_and_lengths_are_checked(change):
    whole = json.loads(reported(images=REAL).to_json())
    jaxviz.Report.from_json(json.dumps(whole))
    with pytest.raises(JaxvizError, match="no report as to_json writes it"):
        jaxviz.Report.from_json(json.dumps(whole | change))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ratio": 1, "labels": "ab", "status": 3}'])
def test_other_files_are_no_reports(tmp_path, text):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(JaxvizError, match="no report as to_json writes it"):
        jaxviz.Report.load(tmp_path / "other.json")
    with pytest.raises(JaxvizError, match="cannot be read as a report"):
        jaxviz.Report.load(tmp_path / "missing.json")


def test_the_figure_has_a_bar_for_each_unit():
    real = REAL.copy()
    real[..., 1] = 0
    found = reported(images=real)
    figure = figures.report(found)
    [axes] = figure.axes
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], [1.25, 0], rtol=1e-6)
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["alive: 1", "never active on the data: 1"]
    assert axes.get_title("left") == "same"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1"]
    alone = figures.report(reported(), title="mine").axes[0]
    assert (alone.get_ylabel(), alone.get_title("left")) == ("reached", "mine")


def test_of_real_ascents():
    model, objective = network(), obj.channel("relu")
    pictures = jaxviz.visualize(model, objective, steps=6, restarts=2)
    found = jaxviz.report(model, objective, pictures, images=pictures.starts)
    np.testing.assert_allclose(found.reached, pictures.final_scores, rtol=1e-4, atol=1e-6)
    relu = np.asarray(model(pictures.starts)["relu"]).mean((1, 2))
    np.testing.assert_allclose(found.largest, relu.max(0), rtol=1e-4)
    assert not np.isnan([found.selectivity, found.agreement, found.spread]).any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"views": 0}, "views of 0: give 1 or more"),
        ({"images": REAL[0]}, r"real images of shape \(5, 5, 3\): this model takes \[images, 5, 5, 3\]"),
        ({"images": REAL[:0]}, "real images of shape"),
        ({"images": REAL, "labels": np.zeros(3, int)}, r"labels of shape \(3,\) and int64"),
        ({"images": REAL, "labels": np.zeros(4)}, "give a whole number for each real image"),
        ({"judges": {"odd": lambda images: images}}, "judge 'odd' gives float32 of shape .2, 5, 5, 3. for 2 images"),
        ({"recipe": "none"}, "unknown recipe 'none'"),
        ({"second": network()}, "unknown layer 'same'"),
        (
            {"second": jaxviz.default_model(), "second_objective": obj.class_logit([0, 1])},
            r"a second model of images \(28, 28, 1\) for images \(5, 5, 3\); give one of such images",
        ),
        (
            {"second": mirror(), "second_objective": obj.channel("same")},
            "3 objectives of the second model for 2 images",
        ),
    ],
)
def test_refusals(given, message):
    with pytest.raises(JaxvizError, match=message):
        reported(**given)


def test_another_objective_or_model_is_refused():
    shown = made(mirror(), PICTURES, CHANNELS)
    with pytest.raises(JaxvizError, match="image 1 of the visualization shows same:1, and the objective is same:2"):
        jaxviz.report(mirror(), obj.channel("same", [0, 2]), shown)
    with pytest.raises(JaxvizError, match="an objective of 3 images for a visualization of 2"):
        jaxviz.report(mirror(), obj.channel("same"), shown)
    with pytest.raises(JaxvizError, match="give the model that it was made for"):
        jaxviz.report(mirror_channels_first(), obj.channel("same", [0, 1]), shown)
