"""A gallery in Firefox, from the file system: every kind of page, without an error or a breach of its own policy."""

import shutil
from importlib import util

import pytest

import jaxviz
from experiments.materials.synthetic_sweeps import synthetic_sweep

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
pytestmark = [
    pytest.mark.skipif(FIREFOX is None, reason="no Firefox is installed: apt-get install firefox-esr"),
    pytest.mark.skipif(util.find_spec("websockets") is None, reason="websockets is not installed"),
    pytest.mark.xdist_group("gallery"),
]
LOADS = """address => new Promise(done => {
  const image = new Image();
  image.onload = () => done(true);
  image.onerror = () => done(false);
  image.src = address;
})"""


@pytest.fixture(scope="module")
def firefox():
    from firefox import running

    with running(FIREFOX) as browser:
        yield browser


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    aspects = ("positive", "negative", "diversity")
    sweep = synthetic_sweep({"first": 20, "second": 30}, aspects=aspects, recipes=("stripes", "other"))
    return jaxviz.gallery(sweep, tmp_path_factory.mktemp("firefox")).as_uri()


def test_every_page(firefox, uri):
    heading = "document.querySelector('h1')?.textContent"
    for address, text, needed in (
        ("", "synthetic", ".samples .picture"),
        ("second", "second", ".tile .picture"),
        ("second?recipe=other&pictures=real", "second", ".tile .mosaic .picture"),
        ("second/17", "second:17", ".field"),
    ):
        firefox.open(f"{uri}#/{address}")
        firefox.wait_for(f"{heading} === {text!r}")
        firefox.wait_for(f"document.querySelector({needed!r})")
        # The picture itself, as the page loads it under its policy.
        box = needed.replace(".field", ".pictures .picture")
        style = f"getComputedStyle(document.querySelector({box!r}))"
        assert firefox.evaluate(f"({LOADS})({style}.backgroundImage.slice(5, -2))") is True
    assert firefox.said == []


def test_what_is_chosen_survives_a_reload(firefox, uri):
    firefox.open(f"{uri}#/second")
    firefox.wait_for("document.querySelector('.tile')")
    firefox.evaluate("document.getElementById('pictures-negative').click()")
    firefox.wait_for("location.hash === '#/second?pictures=negative'")
    sort = "(s => { s.value = 'similar-pictures'; s.dispatchEvent(new Event('change')); })"
    firefox.evaluate(f"{sort}(document.getElementById('sort'))")
    firefox.wait_for("location.hash === '#/second?pictures=negative&sort=similar-pictures'")
    order = "[...document.querySelectorAll('.tile')].map(tile => tile.hash)"
    before = firefox.evaluate(order)
    firefox.reload()
    firefox.wait_for("document.querySelector('.tile')")
    assert firefox.evaluate(order) == before
    assert firefox.evaluate("document.getElementById('sort').value") == "similar-pictures"
    assert firefox.evaluate("document.querySelector('[aria-pressed=true][id^=pictures]').textContent") == "Negative"


def test_scripts_of_others_are_blocked(firefox, uri):
    firefox.open(f"{uri}#/")
    firefox.wait_for("document.querySelector('h1')")
    inserted = "document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=\"window.bad = 1\">')"
    firefox.evaluate(f"({inserted}, new Promise(done => setTimeout(done, 300)))")
    assert firefox.evaluate("window.bad === undefined") is True


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_its_window(firefox, uri, width):
    firefox.set_size(width, 800)
    for address in ("", "second", "second/17"):
        firefox.open(f"{uri}#/{address}")
        firefox.wait_for("document.querySelector('.picture')")
        assert firefox.evaluate("document.documentElement.scrollWidth") <= width
