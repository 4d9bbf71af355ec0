"""Exports, read back."""

import numpy as np
import pytest
from PIL import Image
from test_notebooks import HOSTILE, Reader, pixels, report
from visualizations import visualization

from jaxviz import exports, images


@pytest.mark.parametrize(("channels", "channel_axis"), [(1, -1), (3, 0)])
def test_png(tmp_path, channels, channel_axis):
    shown = visualization(3, channels=channels, channel_axis=channel_axis)
    paths = exports.png(shown, tmp_path / "out")
    assert [path.name for path in paths] == ["conv-0.png", "conv-1.png", "conv-2.png"]
    assert sorted(paths) == sorted((tmp_path / "out").iterdir())
    expected = np.moveaxis(shown.images[2], 0, -1) if channel_axis == 0 else shown.images[2]
    np.testing.assert_array_equal(np.asarray(Image.open(paths[2])), images.in_range(expected, 0.0, 1.0).squeeze())


def test_any_label_makes_a_name_of_its_own(tmp_path):
    labels = [
        "a/b:1",
        "A_b:1",
        "a b:1",
        "../../etc",
        "",
        "…",
        "nul",
        "com1.x",
        "x" * 300,
        "x" * 301,
        "conv:0 - 0.5*b:1",
    ]
    names = [path.name for path in exports.png(visualization(11, labels), tmp_path)]
    assert names == [
        *("a-b-1.png", "A_b-1.png", "a-b-1-2.png", "etc.png", "image.png", "image-5.png", "image-nul.png"),
        *("image-com1.x.png", f"{'x' * 100}.png", f"{'x' * 100}-9.png", "conv-0-0.5-b-1.png"),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_html(tmp_path):
    shown = visualization(3, [HOSTILE, "b:1", "b:2"])
    exports.html(shown, tmp_path / "page.html", report=report(shown.labels))
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith('<!doctype html><html lang="en">')
    page = Reader(text.removeprefix("<!doctype html>"))
    np.testing.assert_array_equal(pixels(page.all("img")[0]["src"]), images.in_range(shown.images[0, ..., 0], 0.0, 1.0))
    assert page.all("script") == page.all("link") == []
    assert all(image["src"].startswith("data:") for image in page.all("img"))
    assert any(meta.get("content", "").startswith("default-src 'none'") for meta in page.all("meta"))
    assert {"How they were made", "Numbers", "reached", "seed", "b:1 dead", HOSTILE} <= set(page.words)
    exports.html(visualization(2), tmp_path / "page.html")
    assert ">Numbers<" not in (tmp_path / "page.html").read_text(encoding="utf-8")
