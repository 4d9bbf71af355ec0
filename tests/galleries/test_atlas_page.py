"""The page of an atlas: its files, and in Chromium the actions of a reader."""

import dataclasses
import io
import json
import shutil
from importlib import util

import numpy as np
import pytest
from PIL import Image

import jaxviz
from experiments.gallery_scale import QUIET
from experiments.materials.synthetic_sweeps import synthetic_sweep
from jaxviz import JaxvizError
from jaxviz.analysis import Atlas, Level
from jaxviz.galleries import atlas_page
from jaxviz.galleries.pyramids import TILE, write_pyramid

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
in_chromium = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium"),
    pytest.mark.skipif(util.find_spec("playwright") is None, reason="playwright is not installed"),
]
LIGHTS = [("dark", 1280), ("light", 360)]
SIDE = 64  # pixels of a picture


def level(side, patches):
    """Every cell but the last of each row, each of one colour: red by its row, green by its column."""
    places = np.array([(row, column) for row in range(side) for column in range(side - 1)])
    colours = np.concatenate([places * 255 // side, np.full((len(places), 1), 90)], axis=1).astype(np.uint8)
    numbers = np.arange(len(places))
    return Level(
        side=side,
        places=places,
        counts=numbers + 4,
        vectors=np.zeros((len(places), 9), np.float32),
        units=(numbers[:, None] + np.arange(3)) % 9,
        classes=(numbers[:, None] + np.arange(2)) % 3,
        shares=np.tile(np.float32([1.5, -0.25]), (len(places), 1)),
        patches=np.stack([numbers % patches, np.full(len(places), -1)], axis=1),
        pictures=np.broadcast_to(colours[:, None, None], (len(places), SIDE, SIDE, 3)).copy(),
        finished=np.ones(len(places), bool),
    )


@pytest.fixture(scope="module")
def made():
    random = np.random.default_rng(0)
    return Atlas(
        layer="second",
        recipe="stripes, 8 steps",
        class_names=("goldfish, Carassius auratus", "hen", "</script>owl"),
        levels=(level(4, 5), level(12, 5)),
        points=random.random((70, 2), np.float32),
        point_images=np.arange(70) % 6,
        point_positions=np.zeros((70, 2), int),
        patches=random.integers(0, 255, (5, 12, 12, 3), np.uint8),
        patch_images=np.arange(5),
        patch_positions=np.ones((5, 2), int),
    )


def test_a_pyramid_holds_every_picture(made, tmp_path):
    fine = made.levels[1]
    told = write_pyramid(tmp_path, "map", fine.pictures, fine.places, fine.finished, fine.side)
    assert told["across"] == TILE // SIDE == 8
    assert [len(tiles) for tiles in told["scales"]] == [4, 1]
    with Image.open(tmp_path / "map-0-1-0.png") as tile:
        pixels = np.asarray(tile)
    assert pixels.shape == (TILE, TILE, 4)
    cell = fine.places.tolist().index([9, 3])
    np.testing.assert_array_equal(pixels[SIDE : 2 * SIDE, 3 * SIDE : 4 * SIDE, :3], fine.pictures[cell])
    assert not pixels[4 * SIDE :, :, 3].any()  # below the last row
    with Image.open(tmp_path / "map-1-0-0.png") as tile:
        half = np.asarray(tile)
    np.testing.assert_array_equal(half[9 * 32 + 16, 3 * 32 + 16], [*fine.pictures[cell][0, 0], 255])


def test_the_same_atlas_gives_the_same_bytes(made, tmp_path):
    trees = []
    for name in "ab":
        index = atlas_page(made, tmp_path / name, model="net")
        paths = sorted(path for path in index.parent.rglob("*") if path.is_file())
        trees.append({str(path.relative_to(index.parent)): path.read_bytes() for path in paths})
    assert trees[0] == trees[1]
    [script] = [text for path, text in trees[0].items() if path.endswith("/atlas.js")]
    key, told = json.loads(f"[{script.decode()[len('jaxviz.put(') : -3]}]")
    assert key == "atlas-000-second/atlas"
    assert told["classes"] == {"0": "goldfish", "1": "hen", "2": "</script>owl"}
    assert [len(one["counts"]) for one in told["levels"]] == [12, 132]
    assert told["images"] == 6


def test_an_atlas_of_another_network_is_refused(made, tmp_path):
    other = dataclasses.replace(made, layer="third")
    with pytest.raises(JaxvizError, match="unknown layer 'third'; this model has first, first_add, second, second_add"):
        jaxviz.gallery(synthetic_sweep({"first": 3, "second": 9}), tmp_path, atlases=[other])


@pytest.fixture(scope="module")
def sites(made, tmp_path_factory):
    directory = tmp_path_factory.mktemp("atlas")
    made.save(directory / "atlas.npz")
    sweep = synthetic_sweep({"first": 3, "second": 9})
    gallery = jaxviz.gallery(sweep, directory / "gallery", atlases=[directory / "atlas.npz"])
    return {"alone": atlas_page(made, directory / "alone").as_uri(), "gallery": gallery.as_uri()}


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, "--disable-gpu", "--no-first-run"])
        yield opened
        opened.close()


@pytest.fixture
def window(browser):
    """Opens windows; a console message is a failure."""
    contexts, said = [], []

    def page(uri, scheme="dark", width=1280, touch=False):
        context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 800}, has_touch=touch, is_mobile=touch
        )
        contexts.append(context)
        made = context.new_page()
        made.set_default_timeout(20_000)
        made.on("console", lambda message: said.append((message.type, message.text)))
        made.on("pageerror", lambda error: said.append(("error", str(error))))
        made.on("requestfailed", lambda request: said.append(("failed", request.url)))
        made.goto(uri)
        made.wait_for_selector("h1")
        return made

    yield page
    for context in contexts:
        context.close()
    assert said == []


def heading(page, text):
    page.wait_for_function("text => document.querySelector('h1')?.textContent === text", arg=text)


def colour(page, x, y):
    """Returns the colour of the map at a place, in pixels from the corner inside its border."""
    with Image.open(io.BytesIO(page.locator(".map").screenshot())) as shown:
        return list(shown.convert("RGB").getpixel((round(x) + 1, round(y) + 1)))


def drawn(page, x, y, wanted):
    """Waits until the canvas has a colour at a place."""
    for _ in range(40):
        if (found := colour(page, x, y)) == wanted:
            return
        page.wait_for_timeout(50)
    assert found == wanted


class TestInChromium:
    pytestmark = in_chromium

    def middle(self, page, side, row, column):
        """Returns the middle of a cell of a map that is shown whole."""
        box = page.locator(".map").bounding_box()
        width, height = box["width"] - 2, box["height"] - 2  # without its border
        scale = min(width, height) - 24
        return (width - scale) / 2 + (column + 0.5) / side * scale, (height - scale) / 2 + (row + 0.5) / side * scale

    def test_from_the_layer_to_a_cell_and_its_unit(self, window, sites):
        page = window(f"{sites['gallery']}#/second")
        page.click("text=its atlas")
        heading(page, "Atlas of second")
        assert "144 cells on grids of 4 and 12" in page.locator(".summary").first.inner_text()
        page.locator(".map").scroll_into_view_if_needed()
        x, y = self.middle(page, 12, 6, 2)  # a large window begins with the finer level
        drawn(page, x, y, [6 * 255 // 12, 2 * 255 // 12, 90])
        page.locator(".map").click(position={"x": x, "y": y})
        page.wait_for_selector(".cell h2")
        cell = 6 * 11 + 2
        assert page.locator(".cell h2").inner_text() == (
            f"Row 7, column 3, {cell + 4} activations, {['goldfish', 'hen', '</script>owl'][cell % 3]}"
        )
        assert page.evaluate("document.activeElement.tagName") == "H2"
        assert page.evaluate("location.hash") == f"#/second/atlas?cell=1.{cell}"
        assert page.locator(".ranks li").all_inner_texts()[0].endswith("+1.5")
        assert page.locator(".cell figcaption").all_inner_texts() == [f"image {cell % 5}"]
        page.reload()
        page.wait_for_selector(".cell h2")
        page.click(f".cell a[href='#/second/{cell % 9}']")
        heading(page, f"second:{cell % 9}")
        page.go_back()
        page.wait_for_selector(".cell h2")
        page.keyboard.press("Escape")
        page.wait_for_selector(".cell", state="hidden")
        assert page.evaluate("document.activeElement.className") == "map"
        page.keyboard.press("Escape")
        heading(page, "second")

    def test_keys(self, window, sites):
        page = window(sites["alone"])
        assert page.locator("#search").is_hidden()
        page.locator(".map").focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        first = page.locator("#said").inner_text()
        page.keyboard.press("ArrowDown")
        second = page.locator("#said").inner_text()
        row, column = (int(text.split(" ")[-1]) for text in first.split(", ")[:2])
        assert second.startswith(f"Row {row + 1}, column {column}, ")
        page.keyboard.press("Enter")
        page.wait_for_selector(".cell h2")
        assert page.locator(".cell h2").inner_text() == second
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowUp")
        assert page.locator("#said").inner_text() == first

    def test_wheel_drag_and_buttons(self, window, sites):
        page = window(sites["alone"])
        map_ = page.locator(".map")
        map_.scroll_into_view_if_needed()
        x, y = self.middle(page, 12, 6, 2)
        wanted = [6 * 255 // 12, 2 * 255 // 12, 90]
        drawn(page, x, y, wanted)
        box = map_.bounding_box()
        page.mouse.move(box["x"] + 1 + x, box["y"] + 1 + y)
        page.mouse.wheel(0, -600)  # the cell stays under the pointer, and grows
        drawn(page, x + 40, y + 40, wanted)
        page.mouse.down()
        page.mouse.move(box["x"] + 101 + x, box["y"] + 1 + y, steps=4)
        page.mouse.up()
        drawn(page, x + 140, y + 40, wanted)
        assert page.locator(".cell").is_hidden()  # a drag is no click
        page.click("text=Whole map")
        drawn(page, x, y, wanted)
        page.click("[aria-label='Zoom in']")
        page.click("[aria-label='Zoom out']")
        drawn(page, x, y, wanted)

    def test_touch(self, window, sites):
        page = window(sites["alone"], width=360, touch=True)
        page.locator(".map").scroll_into_view_if_needed()
        x, y = self.middle(page, 4, 2, 1)  # a small window begins with the coarser level
        drawn(page, x, y, [2 * 255 // 4, 255 // 4, 90])
        page.locator(".map").tap(position={"x": x, "y": y})
        page.wait_for_selector(".cell h2")
        assert page.locator(".cell h2").inner_text().startswith("Row 3, column 2, ")

    def test_the_list_has_every_cell(self, window, sites):
        page = window(sites["alone"])
        page.click("text=All cells as a list")
        page.wait_for_selector(".cells tbody tr")  # they are made once the list has opened
        assert page.locator(".cells tbody tr").count() == 144
        page.click("button:text-is('row 12, column 11')")
        page.wait_for_selector(".cell h2")
        assert page.locator(".cell h2").inner_text().startswith("Row 12, column 11, ")

    @pytest.mark.parametrize(("scheme", "width"), LIGHTS)
    def test_accessibility(self, window, sites, scheme, width):
        from axe_playwright_python.sync_playwright import Axe

        page = window(f"{sites['gallery']}#/second/atlas?cell=0.5", scheme, width)
        page.wait_for_selector(".cell h2")
        page.click("text=All cells as a list")
        page.wait_for_selector(".cells tbody")
        results = Axe().run(page, options={"preload": False})  # it would ask for the style sheet once more
        assert results.violations_count == 0, results.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
