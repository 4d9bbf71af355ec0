"""Notebook displays: self-contained, escaped HTML of limited size."""

import base64
import dataclasses
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from visualizations import visualization

import jaxviz
from jaxviz import images
from jaxviz.networks.layer import Canvas
from jaxviz.pictures.markup import curve, element
from jaxviz.pictures.notebooks import html
from jaxviz.reports.report import Report
from jaxviz.values.errors import JaxvizError

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>:7'


class Reader(HTMLParser):
    """Elements and text of well-formed HTML; every element that begins must end."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self._open = [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"img", "meta"}:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


def pixels(source):
    head, data = source.split(",", 1)
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def report(labels, **changes):
    count = len(labels)
    nothing = {field.name: np.full(count, np.nan) for field in dataclasses.fields(Report)}
    known = {"reached": np.arange(count, dtype=float), "dead": np.zeros(count, bool), "status": ("alive",) * count}
    return Report(**(nothing | known | {"labels": tuple(labels), "judges": {}, "facts": {"recipe": "seed"}} | changes))


def test_tiles():
    shown = visualization(4)
    page = Reader(shown._repr_html_())
    tiles = page.all("img")
    assert len(tiles) == 4
    np.testing.assert_array_equal(pixels(tiles[3]["src"]), images.in_range(shown.images[3, ..., 0], 0.0, 1.0))
    assert (tiles[0]["width"], tiles[0]["alt"]) == ("84", "conv:0")
    assert [figure["class"] for figure in page.all("figure")] == ["alive", "dead", "dead", "alive"]
    assert page.all("figure")[0]["title"] == "conv:0, score 1"
    assert {"0", "1 dead", "score 1", "4 images of 28 x 28 x 1, recipe seed, 3 steps, 2 dead"} <= set(page.words)
    assert len(page.all("svg")) == 4


def test_nan_is_marked_with_its_step():
    shown = visualization(4)
    shown.images[3], shown.scores[3, 2], shown.final_scores[3] = np.nan, np.nan, np.nan
    page = Reader(shown._repr_html_())
    assert [figure["class"] for figure in page.all("figure")] == ["alive", "dead", "dead", "nan"]
    assert {"3 NaN from 2", "4 images of 28 x 28 x 1, recipe seed, 3 steps, 2 dead, 1 not a number"} <= set(page.words)
    assert set(np.unique(pixels(page.all("img")[3]["src"]))) == {0, 128}


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("channel_axis", [-1, 0])
def test_any_number_of_channels_in_either_layout(channels, channel_axis):
    page = Reader(visualization(3, channels=channels, channel_axis=channel_axis)._repr_html_())
    assert pixels(page.all("img")[0]["src"]).shape == ((28, 28, 3) if channels == 3 else (28, 28))


def test_many_are_bounded():
    page = Reader(visualization(300)._repr_html_())
    assert len(page.all("img")) == 256
    assert page.all("svg") == []
    assert "and 44 more, which are not shown" in page.words
    noise = np.random.default_rng(0).random((80, 100, 100, 3), np.float32)
    large = dataclasses.replace(visualization(80), images=noise, starts=noise * 0, canvas=Canvas(shape=(100, 100, 3)))
    page = Reader(large._repr_html_())
    assert pixels(page.all("img")[0]["src"]).shape == (96, 96, 3)
    assert 20 < len(page.all("img")) < 80
    assert len(large._repr_html_()) < 2_010_000


def test_what_cannot_be_drawn_still_says_what_it_is():
    volumes = np.zeros((2, 3, 3, 3, 1), np.float32)
    odd = dataclasses.replace(visualization(2), images=volumes, starts=volumes, canvas=Canvas(shape=(3, 3, 3, 1)))
    assert "and 2 more, which are not shown" in Reader(odd._repr_html_()).words
    broken = dataclasses.replace(visualization(2), images=np.full((2, 28, 28, 1), np.nan, np.float32))
    assert len(Reader(broken._repr_html_()).all("img")) == 2


def test_labels_are_escaped():
    evil = dataclasses.replace(visualization(2, [HOSTILE, "b:1"]), provenance={"recipe": HOSTILE})
    bad = report([HOSTILE], judges={HOSTILE: np.zeros(1)}, facts={HOSTILE: HOSTILE})
    for shown in (evil, bad):
        page = Reader(shown._repr_html_())
        assert {tag for tag, _ in page.tags} <= {
            *("div", "style", "p", "figure", "img", "figcaption", "svg", "polyline"),
            *("table", "tr", "th", "td", "details", "summary"),
        }
        assert any(HOSTILE in words for words in page.words)
        assert not re.search(r"https?:|url\(", shown._repr_html_())


def test_a_model_a_recipe_and_a_report(mnist):
    model = Reader(mnist._repr_html_())
    assert {"conv2d_3", "Conv2D", "9 x 9 x 64", "64"} <= set(model.words)
    assert any("1,716,202 parameters" in words for words in model.words)
    recipe = Reader(jaxviz.recipes.PRESETS["lucid"]._repr_html_())
    assert {"Recipe lucid", "optimizer", "adam(0.05)"} <= set(recipe.words)
    numbers = Reader(report(["a:1", "a:2"])._repr_html_())
    assert {"a:2", "alive", "reached", "the objective of the image as it is"} <= set(numbers.words)
    assert "ratio" not in numbers.words
    long = Reader(report([f"a:{place}" for place in range(1200)])._repr_html_())
    assert "and 200 more rows, which are not shown" in long.words


def test_texts_are_short(mnist):
    assert repr(mnist) == "Model(14 layers, 28 x 28 x 1 in 0..1 -> dense_3)"
    assert repr(visualization(4)) == "Visualization(conv:0 … conv:3: 4 of 28 x 28 x 1, recipe seed, 2 dead)"
    assert repr(visualization(1)) == "Visualization(conv:0: 1 of 28 x 28 x 1, recipe seed, 0 dead)"
    assert repr(report(["a:1", "a:2"], status=("alive", "died on the way"))) == (
        "Report(2 units: 1 alive, 1 died on the way)"
    )


def test_curves():
    assert 'points="1,19.0 42,1.0 83,10.0"' in curve(np.array([0.0, 2.0, 1.0], np.float32))
    assert curve(np.full(3, np.nan, np.float32)) == ""
    assert curve(np.linspace(0, 1, 999, dtype=np.float32)).count(",") == 64
    assert "nan" not in curve(np.array([0.0, np.nan, np.inf], np.float32)).split("points")[1].split("fill")[0]


def test_elements():
    assert element("p", "<", element("b", "&"), http_equiv='"') == '<p http-equiv="&quot;">&lt;<b>&amp;</b></p>'


def test_other_values_are_refused():
    with pytest.raises(JaxvizError, match="a int has no view for notebooks"):
        html(3)
