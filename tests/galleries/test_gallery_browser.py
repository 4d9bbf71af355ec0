"""A gallery in Chromium, from the file system: the actions of a reader, and no errors or outside requests."""

import shutil
from importlib import util
from urllib.parse import quote

import pytest

import jaxviz
from experiments.gallery_scale import QUIET
from experiments.materials.synthetic_sweeps import synthetic_sweep

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium"),
    pytest.mark.skipif(util.find_spec("playwright") is None, reason="playwright is not installed"),
]
HOSTILE = "</script><img src=x onerror=alert(1)>/a b%2F\u2028\"'"
PAGES = {"network": "#/", "layer": "#/conv2d_2", "unit": "#/conv2d_2/17"}
LIGHTS = [("dark", 1280), ("light", 1280), ("dark", 360), ("light", 360)]


@pytest.fixture(scope="module")
def gallery(swept):
    return jaxviz.gallery(swept).as_uri()


@pytest.fixture(scope="module")
def related_gallery(related):
    return jaxviz.gallery(related).as_uri()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, "--disable-gpu", "--no-first-run"])
        yield opened
        opened.close()


@pytest.fixture
def window(browser):
    """Opens windows; a console message or a request to another site is a failure."""
    contexts, said, asked = [], [], []

    def page(uri, scheme="dark", width=1280):
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
        contexts.append(context)
        made = context.new_page()
        made.set_default_timeout(20_000)
        made.on("console", lambda message: said.append((message.type, message.text)))
        made.on("pageerror", lambda error: said.append(("error", str(error))))
        made.on("requestfailed", lambda request: said.append(("failed", request.url)))
        made.on("request", lambda request: asked.append(request.url))
        made.goto(uri)
        made.wait_for_selector("h1")
        made.folder = uri.partition("#")[0].rpartition("/")[0]
        return made

    yield page
    folders = {page.folder for context in contexts for page in context.pages}
    for context in contexts:
        context.close()
    assert said == []
    assert asked
    assert [url for url in asked if not any(url.startswith(f"{folder}/") for folder in folders)] == []


def heading(page, text):
    page.wait_for_function("text => document.querySelector('h1')?.textContent === text", arg=text)


def focused(page):
    return page.evaluate("document.activeElement.getAttribute('href') ?? document.activeElement.tagName")


def indices(page):
    return [int(text.split()[0]) for text in page.locator(".tile .caption").all_inner_texts()]


def test_from_the_network_to_a_unit_and_back(window, gallery):
    page = window(gallery)
    assert page.title() == "mnist_cnn"
    names = page.locator(".layers .name").all_inner_texts()
    assert names == [layer.name for layer in jaxviz.default_model().layers]
    page.click("a.box:has-text('conv2d_2')")
    heading(page, "conv2d_2")
    assert indices(page) == list(range(32))
    page.click(".tile[href$='/17']")
    heading(page, "conv2d_2:17")
    assert page.title() == "conv2d_2:17 - mnist_cnn"
    assert page.locator(".curve").last.get_attribute("aria-label").startswith("Score by step: ")
    headings = page.locator("h2").all_inner_texts()
    assert {"Numbers", "Score by step", "Real images with the largest activation", "Make this picture again"} <= {
        *headings
    }
    assert page.locator(".field").count() == page.locator("section:has-text('largest activation') figure").count() == 9
    assert "class " in page.locator("section:has-text('largest activation') figcaption").first.inner_text()
    assert page.locator(".curve[aria-label*='32 real images']").count() == 1
    assert page.locator("h3").all_inner_texts()[:2] == ["Positive", "Negative"]
    before = page.locator(".other.tile").first
    reads = before.get_attribute("href")
    assert reads.startswith("#/conv2d_1/")
    before.click()
    heading(page, reads.removeprefix("#/").replace("/", ":"))
    page.go_back()
    heading(page, "conv2d_2:17")
    page.go_back()
    heading(page, "conv2d_2")
    assert focused(page) == "#/conv2d_2/17"
    page.go_back()
    heading(page, "mnist_cnn")
    page.go_forward()
    heading(page, "conv2d_2")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *[
            ("conv2d_2:17", "conv2d_2:17"),
            ("conv2d_2 17", "conv2d_2:17"),
            ("DENSE", "dense_3"),
            ("conv 9", "conv2d_1:9"),
        ],
        *[("conv_2", "conv2d_2"), ("cnv1", "conv2d_1")],
    ],
)
def test_search(window, gallery, text, found):
    page = window(gallery)
    page.keyboard.press("/")
    page.keyboard.type(text)
    assert page.locator("#found [aria-selected=true]").inner_text() == found
    page.keyboard.press("Enter")
    heading(page, found)
    assert page.locator("#found").is_hidden()


def test_search_for_what_is_not_there(window, gallery):
    page = window(gallery)
    page.fill("#query", "conv9")
    assert page.locator("#found").inner_text() == "No layer, unit or class of that name"
    page.keyboard.press("Escape")
    assert page.locator("#query").input_value() == ""
    for address in ("#/conv9", "#/conv2d_2/32", "#/conv2d_2/1/2", "#/%E0%A4%A"):
        page.evaluate("address => { location.hash = address; }", address)
        heading(page, "Not here")


def test_search_finds_layers_that_are_not_swept(window, gallery):
    page = window(gallery)
    for text, found in (("max_pool", "max_pooling2d_1"), ("conv4", "conv2d_4")):
        page.fill("#query", text)
        assert page.locator("#found [aria-selected=true]").inner_text() == f"{found} (not swept)"
        page.keyboard.press("Enter")
        page.wait_for_selector(f".layer.found:has-text('{found}')")
        assert page.locator(".layer.found").evaluate("row => row === document.activeElement")


def test_classes_have_names(window, tmp_path):
    sweep = synthetic_sweep(
        {"first": 8, "classes": 3}, class_names=("goldfish, Carassius auratus", "hen", "great grey owl")
    )
    page = window(jaxviz.gallery(sweep, tmp_path).as_uri())
    page.fill("#query", "grey")
    assert page.locator("#found [aria-selected=true]").inner_text() == "classes:2 great grey owl"
    page.keyboard.press("Enter")
    heading(page, "classes:2")
    assert page.locator(".summary").inner_text().startswith("great grey owl")
    assert "goldfish · 1" in page.locator("figcaption").all_inner_texts() or page.locator("text=goldfish").count()
    page.keyboard.press("Escape")
    heading(page, "classes")
    assert page.locator(".tile .caption").all_inner_texts() == [
        "0 goldfish · 1",
        "1 hen · 1.74",
        "2 great grey owl · 2.48",
    ]


def test_recipes_and_kinds_of_pictures(window, tmp_path):
    recipes = ("stripes", "other")
    sweep = synthetic_sweep({"first": 8, "second": 9}, aspects=("positive", "negative", "diversity"), recipes=recipes)
    uri = jaxviz.gallery(sweep, tmp_path).as_uri()
    page = window(f"{uri}#/second")
    heading(page, "second")
    picture = "getComputedStyle(document.querySelector('.tile .picture')).backgroundImage"
    assert "-0-stripes/positive-000.png" in page.evaluate(picture)
    page.click("button:has-text('other')")
    page.wait_for_function("location.hash === '#/second?recipe=other'")
    assert "-1-other/positive-000.png" in page.evaluate(picture)
    assert focused(page) == "BUTTON"
    for name, folder in (
        ("Negative", "-1-other/negative"),
        ("Diversity", "-1-other/diversity"),
        ("Real images", "001-second/real"),
    ):
        page.click(f"button:has-text('{name}')")
        page.wait_for_selector(f"button[aria-pressed=true]:has-text('{name}')")
        assert f"{folder}-000.png" in page.evaluate(picture)
    assert page.locator(".tile").first.locator(".picture").count() == 4
    page.click(".tile >> nth=3")
    heading(page, "second:3")
    page.click("a[aria-label^='Recipe stripes']")
    page.wait_for_function("location.hash === '#/second/3?pictures=real'")
    page.click("a[aria-label^='Next unit']")
    heading(page, "second:4")
    scores = page.locator("section:has-text('Diversity') figcaption").all_inner_texts()
    assert scores == ["score 1.94", "score 1.94"]
    page.keyboard.press("Escape")
    heading(page, "second")
    assert page.evaluate("location.hash") == "#/second?pictures=real"


def test_what_is_chosen_survives_a_reload(window, gallery):
    page = window(f"{gallery}#/conv2d_1")
    heading(page, "conv2d_1")
    before = indices(page)
    page.select_option("#sort", "similar-weights")
    page.click("#reverse")
    page.wait_for_function("location.hash === '#/conv2d_1?sort=similar-weights&order=reversed'")
    order = page.evaluate("jaxviz.data.get('000-conv2d_1/layer').alike")
    assert indices(page) == sorted(range(32), key=lambda unit: -order[unit]) != before
    assert "each next unit is the one with the largest cosine" in page.locator(".about").inner_text()
    page.reload()
    heading(page, "conv2d_1")
    assert page.locator("#sort").input_value() == "similar-weights"
    assert indices(page) == sorted(range(32), key=lambda unit: -order[unit])
    page.click(".tile >> nth=4")
    page.wait_for_selector("div.unit")
    page.reload()
    page.wait_for_selector("div.unit")
    page.click("a[aria-label^='Next unit']")
    heading(page, f"conv2d_1:{sorted(range(32), key=lambda unit: -order[unit])[5]}")


def test_only_what_differs_is_offered(window, gallery, tmp_path):
    page = window(f"{gallery}#/conv2d_2")
    heading(page, "conv2d_2")
    names = page.locator("#sort option").all_inner_texts()
    assert ("Dead first" in names) is (page.locator(".tile.dead").count() > 0)
    steady = synthetic_sweep({"few": 4})
    page = window(f"{jaxviz.gallery(steady, tmp_path).as_uri()}#/few")
    heading(page, "few")
    assert page.locator("#show").count() == 0
    shown = page.locator("#sort option").all_inner_texts()
    assert "Dead last" not in shown
    constant = {"Agree", "Rank"} & set(shown)
    assert not constant


def test_sort_and_filter(window, gallery):
    page = window(f"{gallery}#/conv2d_1")
    heading(page, "conv2d_1")
    reached = page.evaluate("jaxviz.data.get('000-conv2d_1-0-seed/units').numbers.reached")
    dead = page.evaluate("jaxviz.data.get('000-conv2d_1-0-seed/units').places.map(place => place === null)")
    assert any(dead)
    assert page.locator("#sort option").all_inner_texts()[-2:] == ["Dead last", "Dead first"]
    page.select_option("#sort", "score")
    assert indices(page) == sorted(range(32), key=lambda unit: (-reached[unit], unit))
    page.click("#reverse")
    assert indices(page) == sorted(range(32), key=lambda unit: (reached[unit], unit))
    page.click("#reverse")
    page.select_option("#sort", "dead-first")
    assert indices(page) == sorted(range(32), key=lambda unit: (not dead[unit], unit))
    page.select_option("#sort", "dead-last")
    assert indices(page) == sorted(range(32), key=lambda unit: (dead[unit], unit))
    page.select_option("#show", "dead")
    captions = page.locator(".tile .caption").all_inner_texts()
    assert captions == [f"{unit} dead" for unit in range(32) if dead[unit]]
    assert page.locator(".tile .picture:not(.none)").count() == 0
    page.select_option("#show", "alive")
    assert page.locator(".tile .picture.none").count() == 0
    assert page.locator("#said").inner_text() == f"{32 - sum(dead)} units, sorted by dead last"


def test_keys(window, gallery):
    page = window(f"{gallery}#/conv2d_2")
    heading(page, "conv2d_2")
    press = page.keyboard.press
    press("ArrowRight")  # into the wall
    assert focused(page) == "#/conv2d_2/0"
    press("ArrowRight")
    press("ArrowDown")
    columns = page.evaluate("document.querySelector('.row').children.length")
    assert focused(page) == f"#/conv2d_2/{columns + 1}"
    press("ArrowUp")
    press("ArrowLeft")
    press("ArrowLeft")  # there is none before the first
    assert focused(page) == "#/conv2d_2/0"
    press("End")
    assert focused(page) == "#/conv2d_2/31"
    wide = page.locator(".tile .picture").first.bounding_box()["width"]
    press("+")
    assert page.locator(".tile .picture").first.bounding_box()["width"] > wide
    assert focused(page) == "#/conv2d_2/31"
    press("-")
    press("Enter")
    heading(page, "conv2d_2:31")
    press("ArrowLeft")
    heading(page, "conv2d_2:30")
    press("Escape")
    heading(page, "conv2d_2")
    assert focused(page) == "#/conv2d_2/30"
    press("Escape")
    heading(page, "mnist_cnn")
    press("ArrowDown")
    press("ArrowDown")
    assert focused(page) == "#/conv2d_2"
    press("?")
    assert page.locator("#keys").is_visible()
    press("Escape")
    assert page.locator("#keys").is_hidden()
    assert page.locator("h1").inner_text() == "mnist_cnn"


def test_the_chosen_light_is_kept(window, gallery):
    page = window(gallery, scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.click("#theme")
    assert page.evaluate(paper) != dark
    page.reload()
    page.wait_for_selector("h1")
    assert page.locator("#theme").inner_text() == "Dark"
    assert page.evaluate(paper) != dark


def test_a_circuit_is_walked(window, related_gallery, related):
    page = window(related_gallery + "#/conv2d_2/17")
    page.wait_for_selector("#circuit a")
    assert page.locator("#circuit h2").inner_text() == "Circuit: conv2d_1 → conv2d_2 → dense_3"
    weights = related.layer("conv2d_2").relations.weights
    before = weights.before[17, :, :3].reshape(-1).tolist()
    links = page.locator("#circuit ul").first.locator("a")
    assert [int(text.split()[0]) for text in links.all_inner_texts()] == before
    assert links.first.get_attribute("aria-label").startswith(f"conv2d_1:{before[0]}, excites this unit by ")
    assert page.locator("#circuit path.plus").count() == page.locator("#circuit path.minus").count() == 6
    links.nth(4).click()
    heading(page, f"conv2d_1:{before[4]}")
    page.wait_for_selector("#circuit a")
    assert page.locator("#circuit h2").inner_text() == "Circuit: conv2d_1 → conv2d_2"
    assert page.locator("#circuit ul").get_attribute("aria-label") == "Units after: conv2d_2"


def test_groups_lead_to_their_units(window, related_gallery, related):
    page = window(related_gallery + "#/conv2d_2")
    page.click("#groups summary")
    assert page.locator(".group").count() == 2
    assert page.locator(".group .maps li").count() == 8
    unit = int(related.layer("conv2d_2").relations.groups.units[1, 0])
    page.locator(".group").nth(1).locator(".units a").first.click()
    heading(page, f"conv2d_2:{unit}")


def test_a_film_is_played_and_stepped_through(window, related_gallery):
    page = window(related_gallery + "#/dense_3/3")
    said, slider = page.locator("#film output"), page.locator("#state")
    assert (said.inner_text(), slider.input_value()) == ("whole", "1")
    slider.focus()
    slider.press("ArrowLeft")
    assert said.inner_text() == "half"
    assert page.locator("#film .picture").get_attribute("aria-label") == "dense_3:3, half"
    page.click("#film button")
    page.wait_for_function("() => document.querySelector('#film output').textContent === 'whole'")
    assert page.locator("#film button").inner_text() == "Play"


@pytest.mark.parametrize(("scheme", "width"), LIGHTS[1:3])
@pytest.mark.parametrize(("place", "waits"), [("conv2d_2", ".group"), ("conv2d_2/17", "#circuit a")])
def test_relations_are_accessible(window, related_gallery, scheme, width, place, waits):
    from axe_playwright_python.sync_playwright import Axe

    page = window(f"{related_gallery}#/{place}", scheme, width)
    page.wait_for_selector(waits, state="attached")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    results = Axe().run(page, options={"preload": False})
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("scheme", "width"), LIGHTS)
def test_accessibility(window, gallery, scheme, width):
    from axe_playwright_python.sync_playwright import Axe

    for place, address in PAGES.items():
        page = window(gallery + address, scheme, width)
        page.wait_for_selector({"network": ".lines path", "layer": ".tile", "unit": ".curve"}[place], state="attached")
        results = Axe().run(page, options={"preload": False})  # it would ask for the style sheet once more
        assert results.violations_count == 0, f"{place}: {results.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_names_are_text(window, tmp_path):
    uri = jaxviz.gallery(synthetic_sweep({HOSTILE: 3, "__proto__": 2}, model=HOSTILE), tmp_path).as_uri()
    page = window(uri)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    assert page.locator("h1").text_content() == HOSTILE
    page.click("a.box >> nth=0")
    heading(page, HOSTILE)
    page.fill("#query", f"{HOSTILE} 1")
    page.keyboard.press("Enter")
    heading(page, f"{HOSTILE}:1")
    page.goto(f"{uri}#/{quote('__proto__')}/1")
    heading(page, "__proto__:1")
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("name", ["", "half \ud800", "~0041", "0"])
def test_names_that_no_address_can_hold(window, tmp_path, name):
    page = window(jaxviz.gallery(synthetic_sweep({"first": 3, name: 3}), tmp_path).as_uri())
    page.wait_for_selector("a.box")
    page.evaluate("location.hash = document.querySelectorAll('a.box')[1].hash")
    page.wait_for_selector(".tile")
    page.evaluate("location.hash = document.querySelectorAll('.tile')[1].hash")
    page.wait_for_selector("div.unit")
    assert page.evaluate("document.querySelector('h1').textContent.endsWith(':1')")
    assert page.evaluate("jaxviz.place().names[0] === jaxviz.data.get('data/network').swept[1].name")


def test_an_unfinished_sweep(window, tmp_path):
    page = window(jaxviz.gallery(synthetic_sweep({"first": 8, "second": 8}, share=0.5), tmp_path).as_uri())
    assert "not finished" in page.locator(".note").inner_text()
    page.evaluate("location.hash = '#/second'")
    heading(page, "second")
    assert indices(page) == [0, 1, 2, 3]
    assert page.locator("#sort option").all_inner_texts() == ["Index", "Similar pictures", "Score of the pictures"]
    page.evaluate("location.hash = '#/second/2'")
    heading(page, "second:2")
    page.evaluate("location.hash = '#/second/6'")
    heading(page, "Not here")
    assert "second:6 is not finished yet" in page.locator("main").inner_text()


def test_a_wall_of_thousands_has_few_elements(window, tmp_path):
    sweep = synthetic_sweep({"wide": 1200}, (8, 8, 1))
    page = window(f"{jaxviz.gallery(sweep, tmp_path).as_uri()}#/wide")
    page.wait_for_selector(".tile")
    assert page.locator(".tile").count() < 400
    page.focus(".tile[tabindex='0']")
    page.keyboard.press("End")
    assert focused(page) == "#/wide/1199"
    assert page.locator(".tile").count() < 400
    shown = indices(page)
    assert shown == sorted(shown)
    assert page.locator("[aria-posinset='1200'][aria-setsize='1200']").count() == 1
