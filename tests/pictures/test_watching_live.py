"""What notebooks show while a computation runs, with a stand-in for IPython."""

import sys
import time
import types

import numpy as np
import pytest
from objective_networks import network
from visualizations import visualization

import jaxviz
from jaxviz import JaxvizError
from jaxviz.pictures import live


@pytest.fixture
def shown(monkeypatch):
    """What a notebook shows: a list of displays, each the list of the HTML that it had."""
    displays: list[list[str]] = []

    class Handle:
        def __init__(self, drawn, kept):
            self.kept = kept
            kept.append(drawn)

        def update(self, drawn, metadata):
            assert metadata["jaxviz"] in ("bar", "live")
            self.kept.append(drawn)

    def display(drawn, display_id, metadata):
        assert display_id
        displays.append([])
        return Handle(drawn, displays[-1])

    stub = types.ModuleType("IPython")
    stub.get_ipython = lambda: types.SimpleNamespace(kernel="one")
    stub.display = types.SimpleNamespace(HTML=str, display=display)
    monkeypatch.setitem(sys.modules, "IPython", stub)
    return displays


def test_true_shows_what_climbs(shown):
    result = jaxviz.visualize(network(), "relu", "seed", steps=8, watch=True, watch_every=4)
    [drawn] = shown
    assert len(result) == 4
    assert "4 of 4 images" in drawn[-1]
    assert "after 8 of 8 steps" in drawn[-1]
    assert drawn[-1].count("<img") == drawn[-1].count("<polyline") == 4
    assert 'class="jaxviz"' in drawn[-1]
    assert "<script" not in drawn[-1]


def test_a_script_has_no_notebook():
    with pytest.raises(JaxvizError, match="watch=True: there is no notebook to show pictures in; give a function"):
        jaxviz.visualize(network(), "relu", "seed", steps=2, watch=True)
    with pytest.raises(JaxvizError, match="there is no notebook to show pictures in"):
        jaxviz.Live()(jaxviz.visualize(network(), "relu:1", "seed", steps=2))
    with pytest.raises(JaxvizError, match="most of 0: give how many images are shown, 1 or more"):
        jaxviz.Live(most=0)


def test_parts_stand_in_the_order_in_which_they_climb_and_the_latest_are_shown():
    parts = []
    jaxviz.visualize(network(), "relu", "seed", steps=4, chunk=1, watch=parts.append, watch_every=2)
    watcher = live.Live(4, most=2)
    assert watcher.state == "no images yet"
    for part in parts:
        watcher.see(part)
    assert watcher.state.startswith("4 of 4 images, relu:")
    assert "after 4 of 4 steps" in watcher.state
    html = watcher.html()
    assert html.count("<img") == 2
    assert html.index("relu:2") < html.index("relu:3")
    assert "relu:0" not in html


def test_a_curve_fills_its_share_of_the_steps():
    scores = np.linspace(0, 1, 8, dtype=np.float32)
    whole = live.pictures(visualization(1), of=None)
    assert "polyline" in next(whole)
    from jaxviz.pictures.markup import curve

    assert "83,1.0" in curve(scores)
    assert "42,1.0" in curve(scores, of=16)


def test_a_bar_appears_only_where_it_takes_long(shown, monkeypatch):
    monkeypatch.setattr(live, "_LATE", 1000.0)
    jaxviz.visualize(network(), "relu", "seed", steps=2)
    assert shown == []
    monkeypatch.setattr(live, "_LATE", 0.0)
    monkeypatch.setattr(live, "_TICK", 0.01)
    with live.NotebookBar("images") as bar:
        bar.reach(3, 4)
        until = time.monotonic() + 20
        while not (shown and "3 of 4" in shown[0][-1]) and time.monotonic() < until:
            time.sleep(0.01)
    [drawn] = shown
    assert any('<progress value="3" max="4" aria-label="images">' in each for each in drawn)
    assert "3 of 4 images" in drawn[-1]
    assert "<progress" not in drawn[-1]


def test_scripts_print_nothing_unasked(capsys):
    jaxviz.visualize(network(), "relu", "seed", steps=2)
    assert capsys.readouterr() == ("", "")


def test_figures_show_themselves_without_pyplot():
    figure = jaxviz.figures.collage(visualization(3))
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert jaxviz.figures.scores(visualization(3))._repr_png_().startswith(b"\x89PNG")
