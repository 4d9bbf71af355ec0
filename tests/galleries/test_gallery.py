"""A gallery's files: their content, and that they are complete, safe and reproducible."""

import base64
import dataclasses
import hashlib
import json
import re
import tracemalloc

import numpy as np
import pytest
from PIL import Image

import jaxviz
from experiments.materials.synthetic_sweeps import SyntheticLayer, synthetic_sweep
from jaxviz import JaxvizError, galleries
from jaxviz.galleries import albums, publication
from jaxviz.galleries.details import curve
from jaxviz.galleries.drawing import lines
from jaxviz.galleries.scripts import write_script
from jaxviz.galleries.sheets import SIDE, Sheets

ASPECTS = ("positive", "negative", "diversity")
HOSTILE = "</script><img src=x onerror=alert(1)>/../\u2028\"'"


def tree(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def data(directory):
    """Returns the data of a gallery's scripts, by name."""
    found = {}
    for path in directory.glob("files-*/*/*.js"):
        text = path.read_text()
        assert text.startswith("jaxviz.put(")
        assert text.endswith(");\n")
        key, value = json.loads(f"[{text[len('jaxviz.put(') : -3]}]")
        found[key] = value
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The gallery of a sweep with everything."""
    directory = tmp_path_factory.mktemp("site")
    sweep = synthetic_sweep({"first": 20, "second": 70}, (28, 28, 1), aspects=ASPECTS)
    told = []
    index = jaxviz.gallery(sweep, directory, progress=told.append)
    return sweep, index, told


def test_of_a_real_sweep(swept, mnist):
    index = jaxviz.gallery(swept.directory)
    assert index == swept.directory / "gallery" / "index.html"
    held = data(index.parent)
    layer = swept.layer("conv2d_2")
    units = held["001-conv2d_2-0-seed/units"]
    np.testing.assert_allclose(units["numbers"]["reached"], layer.report.reached, rtol=1e-5)
    np.testing.assert_allclose(units["numbers"]["largest"], layer.report.largest, rtol=1e-5)
    details, about = held["001-conv2d_2-0-seed/details-000"], held["001-conv2d_2/about-000"]
    picture = layer.visualization()
    np.testing.assert_allclose([one["final"] for one in details], picture.final_scores, rtol=1e-5)
    assert [len(one["restarts"]) for one in details] == [2] * 32
    assert [channel for channel, _ in about[3]["strongest"]] == layer.strongest.channels[3].tolist()
    assert [image[0] for image in about[3]["real"]] == layer.real.places[3].tolist()
    assert [image[2] for image in about[3]["real"]] == layer.real.labels[layer.real.places[3]].tolist()
    assert [image[0] for image in about[3]["least"]] == layer.real.least_places[3].tolist()
    np.testing.assert_allclose([image[3] for image in about[3]["real"]], layer.real.boxes[3] / 28, atol=1e-4)
    assert sum(about[3]["counts"]) == 32
    assert details[3]["command"] == layer.command(3)
    assert details[3]["call"] == layer.call(3)
    alike = held["001-conv2d_2/layer"]["alike"]
    assert [alike.index(rank) for rank in range(32)] == layer.alike.tolist()
    network = held["data/network"]
    assert [one["name"] for one in network["layers"]] == [one.name for one in mnist.layers]
    assert network["swept"][1]["reads"] == "conv2d_1"
    assert network["complete"]


def test_of_the_relations_of_a_sweep(related, tmp_path):
    held = data(jaxviz.gallery(related, tmp_path).parent)
    weights = related.layer("conv2d_2").relations.weights
    before = held["001-conv2d_2/about-000"][17]["before"]
    assert before["layer"] == "conv2d_1"
    assert [unit for unit, _ in before["excites"]] == weights.before[17, 0].tolist()
    assert [unit for unit, _ in before["inhibits"]] == weights.before[17, 1].tolist()
    after = held["000-conv2d_1/about-000"][5]["after"]
    assert after["layer"] == "conv2d_2"
    np.testing.assert_allclose([one for _, one in after["inhibits"]], weights.after_weights[5, 1], rtol=1e-5)
    assert "before" not in held["000-conv2d_1/about-000"][5]
    groups = held["001-conv2d_2/layer"]["groups"]
    assert (groups["each"], len(groups["units"])) == (4, 2)
    assert held["002-dense_3/layer"]["film"]["states"] == ["half", "whole"]
    assert "groups" not in held["002-dense_3/layer"]


def test_sheets_hold_the_pictures(site):
    sweep, index, told = site
    held = data(index.parent)
    units = held["001-second-0-stripes/units"]
    sheet = units["sheets"]["positive"]
    assert (sheet["width"], sheet["height"], sheet["columns"]) == (28, 28, SIDE // 30)
    [path] = index.parent.glob("files-*/001-second-0-stripes/positive-000.png")
    pixels = np.asarray(Image.open(path))
    assert pixels.shape == tuple(sheet["sizes"][0][::-1])
    place = units["places"][40]
    top, left = (30 * (place // sheet["columns"]) + 1, 30 * (place % sheet["columns"]) + 1)
    image = sweep.layer("second").visualization().images[40, ..., 0]
    np.testing.assert_array_equal(pixels[top : top + 28, left : left + 28], np.round(image * 255))
    np.testing.assert_array_equal(pixels[top - 1, left : left + 28], pixels[top, left : left + 28])
    assert sum(told) == sweep.done == 90


def test_the_dead_have_no_picture(site):
    _, index, _ = site
    held = data(index.parent)
    units = held["000-first-0-stripes/units"]
    assert [unit for unit, place in zip(units["units"], units["places"], strict=True) if place is None] == [12]
    assert held["000-first-0-stripes/details-000"][12]["restarts"] == [[None, 0.0], [None, 0.0]]
    assert held["data/network"]["swept"][0]["recipes"][0]["dead"] == 1
    assert sum(units["sheets"]["positive"]["sizes"][0]) == 30 * 19 + 30


def test_what_is_no_number_is_no_picture(site):
    sweep, _, _ = site
    batch = np.full((2, 28, 28, 1), 0.5, np.float32)
    batch[1, 3, 3] = np.nan
    shown = list(albums.tiles(batch, np.zeros(2, bool), sweep.canvas))
    assert shown[0].shape == (28, 28, 1)
    assert shown[1] is None


def test_who_weighs_a_unit(site):
    held = data(site[1].parent)
    readers = held["000-first/about-000"][5]["readers"]
    assert readers[0] == ["second", 15, 1.5]
    assert len(readers) == 8
    sizes = [abs(weight) for _, _, weight in readers]
    assert sizes == sorted(sizes, reverse=True)
    assert held["000-first-0-stripes/units"]["sheets"].keys() == {"positive", "restarts", "negative", "diversity"}
    assert held["000-first/layer"]["sheets"].keys() == {"real", "crops"}
    assert held["001-second-0-stripes/details-001"][1]["diversity"][1][1] == pytest.approx(1 + (65 * 37 % 101) / 50)


def test_each_recipe_has_its_pictures(tmp_path):
    told = []
    sweep = synthetic_sweep({"only": 3}, aspects=ASPECTS, recipes=("stripes", "other angle"))
    held = data(jaxviz.gallery(sweep, tmp_path, progress=told.append).parent)
    [swept] = held["data/network"]["swept"]
    assert [one["folder"] for one in swept["recipes"]] == ["000-only-0-stripes", "000-only-1-other_angle"]
    assert [name for name, _ in held["data/network"]["recipes"]] == ["stripes", "other angle"]
    assert sum(told) == 6
    first, second = (next(tmp_path.glob(f"files-*/{one['folder']}/positive-000.png")) for one in swept["recipes"])
    assert first.read_bytes() != second.read_bytes()
    negative = held["000-only-1-other_angle/units"]["negative"]
    assert negative == {"places": [[0], [1], [2]], "scores": pytest.approx([1, 1.74, 2.48])}
    assert held["000-only-1-other_angle/units"]["diversity"]["places"] == [[0, 1], [2, 3], [4, 5]]


def test_similar_pictures_are_neighbours():
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 256, (3, 24, 24, 1))
    tiles = [np.clip(kinds[unit % 3] + rng.integers(-9, 9, (24, 24, 1)), 0, 255).astype(np.uint8) for unit in range(12)]
    units = albums._Units()
    for unit, tile in enumerate(tiles):
        units.add(unit, unit, 1.0, f"a:{unit}", tile)
    units.add(12, None, 0.0, "a:12", None)
    ranks = units.columns(None)["alike"]
    order = np.argsort(ranks)
    assert order[-1] == 12  # it has no picture
    assert (np.diff(order[:-1] % 3) != 0).sum() == 2


def test_the_same_sweep_gives_the_same_bytes(site, tmp_path):
    sweep, index, _ = site
    again = jaxviz.gallery(sweep, tmp_path).parent
    before = tree(again)
    assert before == tree(index.parent)
    jaxviz.gallery(sweep, tmp_path)
    assert tree(again) == before
    [wall] = again.glob("files-*/001-second/layer.js")
    wall.write_text("changed")
    jaxviz.gallery(sweep, tmp_path)
    assert tree(again) == before


def test_another_sweep_replaces_it(tmp_path):
    jaxviz.gallery(synthetic_sweep({"old": 3}), tmp_path)
    jaxviz.gallery(synthetic_sweep({"new": 3}), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert "000-new-0-stripes/units" in data(tmp_path)
    [files] = tmp_path.glob("files-*")
    assert f'data-files="{files.name}"' in (tmp_path / "index.html").read_text()


def test_a_failure_leaves_the_old_one(tmp_path, monkeypatch):
    sweep = synthetic_sweep({"only": 3})
    jaxviz.gallery(sweep, tmp_path / "site")
    before = tree(tmp_path)
    monkeypatch.setattr(galleries, "write_script", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    for out in ("site", "new"):
        with pytest.raises(OSError, match="disk full"):
            jaxviz.gallery(sweep, tmp_path / out)
    assert tree(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_one_gallery_at_a_time(tmp_path):
    sweep = synthetic_sweep({"only": 3})
    with publication.published(tmp_path / "site"):
        with pytest.raises(JaxvizError, match=r"another gallery is being written to .*site; wait for it to end$"):
            jaxviz.gallery(sweep, tmp_path / "site")
        jaxviz.gallery(sweep, tmp_path / "other")
    assert len(list((tmp_path / "site").iterdir())) == 2


def test_what_was_killed_is_cleared_away(tmp_path):
    for name in (".unfinished-killed/files", ".unfinished-late/files-0123456789abcdef", ".unfinished-others/more"):
        (tmp_path / name).mkdir(parents=True)
    jaxviz.gallery(synthetic_sweep({"only": 3}), tmp_path)
    assert [path.name for path in tmp_path.glob(".*")] == [".unfinished-others"]


def test_a_page_of_something_else_stays(tmp_path):
    (tmp_path / "index.html").write_text("my own")
    with pytest.raises(JaxvizError, match=r"index.html is no gallery and would be replaced; give another directory"):
        jaxviz.gallery(synthetic_sweep({"only": 3}), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    with pytest.raises(JaxvizError, match="holds no sweep"):
        jaxviz.gallery(tmp_path / "nowhere")


def test_an_unfinished_sweep(tmp_path):
    index = jaxviz.gallery(synthetic_sweep({"first": 8, "second": 8}, share=0.5), tmp_path)
    held = data(index.parent)
    assert held["001-second-0-stripes/units"]["units"] == [0, 1, 2, 3]
    assert held["001-second-0-stripes/units"]["status"] is None
    assert held["001-second-0-stripes/units"]["numbers"]["reached"] == [1 + (unit * 37 % 101) / 50 for unit in range(4)]
    assert not held["data/network"]["complete"]
    nothing = data(jaxviz.gallery(synthetic_sweep({"first": 8}, share=0.0), tmp_path).parent)
    assert nothing["000-first-0-stripes/units"]["units"] == []


def test_what_was_reached_is_always_told(tmp_path, monkeypatch):
    def report(layer, recipe=None):
        known = told(layer, recipe)
        return dataclasses.replace(known, reached=np.full_like(known.reached, np.nan))

    told = SyntheticLayer.report_of
    monkeypatch.setattr(SyntheticLayer, "report_of", report)
    held = data(jaxviz.gallery(synthetic_sweep({"only": 3}), tmp_path).parent)
    assert held["000-only-0-stripes/units"]["numbers"]["reached"] == [None] * 3


def _missing(_):
    raise KeyError("layer")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("report_of", lambda told: dataclasses.replace(told, labels=tuple(f"other {label}" for label in told.labels))),
        ("real", lambda told: dataclasses.replace(told, activations=told.activations[:2], places=told.places[:2])),
        ("real", lambda told: dataclasses.replace(told, places=told.places + 99)),
        ("real", lambda told: dataclasses.replace(told, least_places=told.places - 99)),
        ("real", lambda told: dataclasses.replace(told, counts=told.counts[:1])),
        ("real", lambda told: dataclasses.replace(told, labels=told.labels[:1])),
        ("real", lambda told: dataclasses.replace(told, boxes=None)),
        ("real", lambda told: dataclasses.replace(told, crops=told.crops[:1])),
        ("alike", lambda told: told[1:]),
        ("real", lambda told: dataclasses.replace(told, tiles=told.tiles[:0])),
        ("strongest", lambda told: dataclasses.replace(told, channels=told.channels[:1])),
        ("strongest", lambda told: dataclasses.replace(told, weights=told.weights.astype(str))),
        ("strongest", _missing),
    ],
)
def test_numbers_of_other_pictures_are_refused(tmp_path, monkeypatch, name, change):
    there = getattr(SyntheticLayer, name)
    read = there.fget if isinstance(there, property) else there
    changed = property(lambda layer: None if read(layer) is None else change(read(layer)))
    if read is there:
        changed = lambda layer, *recipe: change(read(layer, *recipe))  # noqa: E731
    monkeypatch.setattr(SyntheticLayer, name, changed)
    message = r".: its numbers do not belong to its pictures; sweep again, which makes"
    with pytest.raises(JaxvizError, match=message):
        jaxviz.gallery(synthetic_sweep({"first": 4, "second": 4}), tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_names_are_data(tmp_path):
    index = jaxviz.gallery(synthetic_sweep({HOSTILE: 3, "b" * 300: 3, "__proto__": 2}, model=HOSTILE), tmp_path)
    names = sorted(path.name for path in tmp_path.glob("files-*/*") if path.is_dir())
    assert names[0] == "000-__script__img_src_x_onerror_alert_1_________"
    assert names[1] == f"{names[0]}-0-stripes"
    assert max(map(len, names)) < 100
    held = data(tmp_path)
    assert held["data/network"]["model"] == HOSTILE
    for path in tmp_path.rglob("*.js"):
        assert "</script" not in path.read_text()
        assert "\u2028" not in path.read_text()
    assert "alert" not in index.read_text()


def test_names_that_no_address_can_hold(tmp_path):
    jaxviz.gallery(synthetic_sweep({"": 3, "half \ud800": 3, "~": 2}), tmp_path)
    held = data(tmp_path)
    assert [layer["name"] for layer in held["data/network"]["swept"]] == ["", "half \ud800", "~"]
    assert held["001-half__-0-stripes/units"]["units"] == [0, 1, 2]


def test_numbers_in_scripts(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_script(tmp_path, "bad", [float("nan")])
    told = curve(np.array([0.0, np.nan, 1 / 3], np.float32))
    assert told == {"steps": [0, 1, 2], "scores": [0.0, None, 0.333333]}
    many = curve(np.arange(4096, dtype=np.float32))
    assert len(many["steps"]) == 160
    assert (many["steps"][0], many["steps"][-1]) == (0, 4095)
    assert many["scores"] == [float(step) for step in many["steps"]]


def test_large_and_other_images(tmp_path):
    large = data(jaxviz.gallery(synthetic_sweep({"only": 3}, (3, 160, 200), channel_axis=0), tmp_path / "large").parent)
    sheets = large["000-only-0-stripes/units"]["sheets"]
    assert (sheets["positive"]["width"], sheets["positive"]["height"]) == (128, 102)
    assert (sheets["positive-full"]["width"], sheets["positive-full"]["height"]) == (200, 160)
    plain = data(jaxviz.gallery(synthetic_sweep({"only": 3}, (40,)), tmp_path / "plain").parent)
    assert plain["000-only-0-stripes/units"]["sheets"]["positive"]["width"] == 40


def test_sheets_are_written_as_they_fill(tmp_path):
    sheets = Sheets(tmp_path, "wall")
    each = (SIDE // 258) ** 2
    tracemalloc.start()
    for shade in range(3 * each + 1):
        assert sheets.add(np.full((256, 256, 3), shade, np.uint8)) == shade
    assert sheets.add(None) is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * SIDE * SIDE * 3  # one that is filled, one that is written, and what the encoder holds
    assert len(list(tmp_path.iterdir())) == 3
    assert sheets.close()["sizes"] == [(774, 774)] * 3 + [(258, 258)]
    assert np.asarray(Image.open(tmp_path / "wall-001.png"))[0, 0].tolist() == [each] * 3
    assert Sheets(tmp_path, "none").close() is None


def test_lines_never_meet():
    inputs = [[], [0], [1, 0], [2], [3, 2], [4, 0], [5, 1]]
    drawn = lines(inputs)
    edges = {(line["from"], to) for line in drawn for to in line["to"]}
    assert edges == {(source, place) for place, sources in enumerate(inputs) for source in sources}
    ways = [(line["lane"], line["from"], max(line["to"])) for line in drawn if line["lane"]]
    for place, (lane, first, last) in enumerate(ways):
        assert all(lane != other or last <= a or b <= first for other, a, b in ways[place + 1 :])
    assert all(line["to"] == [line["from"] + 1] for line in drawn if not line["lane"])


def test_the_digest_is_of_what_is_there(tmp_path):
    (tmp_path / "a").write_text("x")
    first = publication._digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert publication._digest(tmp_path) != first


def test_the_policy_names_the_hashes_of_the_scripts(site):
    text = site[1].read_text()
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        parts = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts]
        assert [f"'sha256-{one}'" for one in hashes] == [one for one in rules[rule].split() if "sha256" in one]
    assert "unsafe" not in policy
    assert "<script src" not in text
    assert not re.findall(r"\son\w+=", text)
