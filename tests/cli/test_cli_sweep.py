"""Sweeps, reports and benches from the command line; a sweep of one layer serves all tests of a worker."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from command_line import run
from conftest import ROOT

import jaxviz
from experiments.materials.synthetic_sweeps import synthetic_sweep
from jaxviz.cli.watching import Watch, watching

FILE = str(ROOT / "weights" / "mnist_cnn.hdf5")
DIGITS = str(ROOT / "weights" / "mnist_test_1000.npz")


@pytest.fixture
def few(tmp_path, monkeypatch):
    """A directory to work in, with a file of twenty digits."""
    monkeypatch.chdir(tmp_path)
    with np.load(DIGITS) as digits:
        np.savez("few.npz", images=digits["images"][:20], labels=digits["labels"][:20])
    return tmp_path


def test_a_sweep_goes_on_and_is_reported(few, monkeypatch, capsys):
    monkeypatch.setattr("jaxviz.cli.progress._COMPILED", 0.0)
    command = ["sweep", FILE, "--out", "mnist", "--layer", "conv2d_[1]", "--steps", 2]
    more = ["--images", "few.npz", "--watch", "now.png"]
    code, out, err = run(monkeypatch, capsys, *command, *more)
    sweep = jaxviz.Sweep.open("mnist")
    assert code == 0
    assert sweep.complete
    dead = int(sweep.layers[0].report.dead.sum())
    assert out == f"mnist: 32 units of 1 layer, {dead} of them dead\n"
    first, compiled, layer, whole = (line for line in err.splitlines() if " numbers: " not in line)
    assert first == "now.png shows the latest images"
    assert compiled.startswith("conv2d_1: 2 steps of quick compiled in ")
    assert layer.startswith("conv2d_1: 32 units, ")
    assert whole.startswith("in all: 32 pictures, ")
    assert sorted(path.name for path in few.iterdir()) == ["few.npz", "mnist", "now.png"]

    code, out, err = run(monkeypatch, capsys, *command, "--json")
    assert code == 0
    assert json.loads(out)["layers"] == [
        {"name": "conv2d_1", "class": "Conv2D", "units": 32, "aspects": ["positive"], "dead": dead}
    ]
    assert err == "conv2d_1: 32 units, kept from before\nin all: 32 pictures, kept from before\n"
    code, out, err = run(monkeypatch, capsys, *command, "--no-resume")
    assert (code, out) == (2, "")
    assert err == "error: mnist has a sweep; leave --no-resume out to go on with it, or give another --out\n"

    code, out, _ = run(monkeypatch, capsys, "report", "mnist")
    assert code == 0
    assert out.splitlines()[0] == "mnist: 32 of 32 units; medians of those that are alive"
    assert out.splitlines()[-1].split()[:4] == ["conv2d_1", "Conv2D", "32/32", str(dead)]
    _, out, _ = run(monkeypatch, capsys, "report", "mnist", "--sort", "reached", "--json")
    found = json.loads(out)["layers"][0]["report"]
    assert found["reached"] == sorted(found["reached"], reverse=True)
    assert sorted(found["labels"]) == sorted(f"conv2d_1:{unit}" for unit in range(32))
    _, out, _ = run(monkeypatch, capsys, "report", "mnist", "--layer", "conv2d_*", "--sort", "label")
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["conv2d_1:0", "conv2d_1:1", "conv2d_1:2"]
    code, _, err = run(monkeypatch, capsys, "report", "mnist", "--layer", "x*")
    assert (code, err) == (2, "error: no layer of mnist is called 'x*'; it has conv2d_1\n")
    code, _, err = run(monkeypatch, capsys, "report", "mnist", "--sort", "size")
    assert code == 2
    assert err.startswith("error: unknown column 'size'; sort by label, ratio, status, dead, reached, ")


def test_report_fits_a_narrow_terminal_and_completes(few, monkeypatch, capsys):
    command = ["sweep", FILE, "--out", "mnist", "--layer", "dense_3", "--steps", 1, "--images", "few.npz"]
    assert run(monkeypatch, capsys, *command)[0] == 0
    wide = run(monkeypatch, capsys, "report", "mnist", "--layer", "dense_3")[1]
    assert max(map(len, wide.splitlines())) > 60
    monkeypatch.setattr("jaxviz.cli.printing.line_width", lambda: 60)
    monkeypatch.setattr("jaxviz.cli.report.line_width", lambda: 60)
    for words in (["report", "mnist"], ["report", "mnist", "--layer", "dense_3"], ["layers", FILE], ["recipes"]):
        out = run(monkeypatch, capsys, *words)[1]
        assert max(map(len, out.splitlines())) <= 60, out
    narrow = run(monkeypatch, capsys, "report", "mnist", "--layer", "dense_3")[1]
    assert all(len(word) > 60 for word in set(wide.split()) - set(narrow.split()))  # a digest, which is folded
    assert narrow.count("dense_3:7") >= 2  # each table has the labels
    for words, found in (("--layer de", ["dense_3"]), ("--recipe q", ["quick"]), ("--layer x", [])):
        monkeypatch.setenv("_JAXVIZ_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", f"jaxviz report mnist {words}")
        monkeypatch.setenv("COMP_CWORD", "4")
        assert run(monkeypatch, capsys)[1].split() == found


def test_without_a_precision_the_device_decides(few, monkeypatch, capsys):
    monkeypatch.setattr("jaxviz.visualization.entry.usual", lambda: "tensorfloat32")
    monkeypatch.setattr("jaxviz.sweeps.sweeping.usual", lambda: "tensorfloat32")
    options = ["--layer", "conv2d_1", "--steps", 1, "--recipe", "seed", "--out"]
    _, out, _ = run(monkeypatch, capsys, "visualize", FILE, *options, "pictures", "--json")
    assert json.loads(out)["made_by"]["precision"] == "tensorfloat32"
    run(monkeypatch, capsys, "sweep", FILE, *options, "swept")
    assert jaxviz.Sweep.open("swept").manifest.facts["precision"] == "tensorfloat32"


def test_visualize_an_objective_and_report_it(few, monkeypatch, capsys):
    text = "conv2d_1:3,5 - 0.5*conv2d_1:7"
    options = ["--objective", text, "--steps", 2, "--restarts", 2, "--watch", "now.png", "--out", "out", "--json"]
    code, out, err = run(monkeypatch, capsys, "visualize", FILE, *options)
    assert code == 0
    assert err.startswith("now.png shows the latest images\n")
    assert f"\n{text}: 2 pictures, " in err  # before it, on a slow machine, what was compiled
    found = json.loads(out)
    assert [each["label"] for each in found["pictures"]] == [f"conv2d_1:{unit} - 0.5*conv2d_1:7" for unit in (3, 5)]
    assert found["made_by"]["restarts"] == "2"
    assert sorted(path.name for path in few.glob("**/*.*")) == [
        "conv2d_1.3.5-0.5.conv2d_1.7.npz",
        "conv2d_1.3.5-0.5.conv2d_1.7.png",
        "few.npz",
        "now.png",
    ]
    code, out, _ = run(monkeypatch, capsys, "report", found["arrays"], "--model", FILE, "--images", "few.npz", "--json")
    assert code == 0
    report = json.loads(out)
    assert report["labels"] == [each["label"] for each in found["pictures"]]
    assert report["facts"]["real images"] == "20"
    assert None not in report["preferred"]


def test_bench(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "bench", "--layer", "conv2d_1", "--steps", 2, "--runs", 2, "--json")
    assert code == 0
    [row] = json.loads(out)["layers"]
    assert row["layer"] == "conv2d_1"
    assert row["units"] == 32
    assert 0 < row["slowest"] <= row["steps_a_second"] <= row["fastest"]
    assert row["compile_seconds"] > 0
    code, _, err = run(monkeypatch, capsys, "bench", "--layer", "x*")
    assert code == 2
    assert err.startswith("error: no layer is called 'x*'; this model has conv2d_1, ")


def test_gallery(monkeypatch, capsys, tmp_path):
    sweep = synthetic_sweep({"first": 20, "second": 70})
    monkeypatch.setattr(jaxviz.Sweep, "open", lambda _: sweep)
    code, out, err = run(monkeypatch, capsys, "gallery", tmp_path, "--out", tmp_path / "site")
    assert (code, out) == (0, f"{tmp_path}/site/index.html: open it in a browser\n")
    assert err.startswith("gallery: 90 pictures, ")
    assert err.count("\n") == 1


def test_ctrl_c_keeps_what_is_done(tmp_path):
    command = ["sweep", FILE, "--out", str(tmp_path / "s"), "--layer", "conv2d_1", "--steps", "4000", "--chunk", "1"]
    code = "from jaxviz.cli import main; main()"
    work = subprocess.Popen([sys.executable, "-c", code, *command], stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("s/*/*/positive/chunk*")):
        assert work.poll() is None, work.stderr.read()
        time.sleep(0.05)
    work.send_signal(signal.SIGINT)
    err = work.communicate(timeout=60)[1]
    assert work.returncode == 130
    kept = len(list(tmp_path.glob("s/*/*/positive/chunk*")))
    assert err.splitlines() == [
        "finishing the chunks at work; press Ctrl-C again to stop at once",
        f"stopped: {kept} of 32 units are kept in {tmp_path}/s; the same command goes on",
    ]
    assert 0 < kept < 32


def test_a_watch_file_that_cannot_be_written_ends_nothing(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    path, canvas = tmp_path / "file" / "a.png", jaxviz.default_model().canvas
    monkeypatch.setattr("jaxviz.pictures.figures.tiles_figure", lambda tiles, **told: Png())
    with watching(path) as watch:
        watch.add(["a:0"], np.zeros((1, 28, 28, 1), np.float32), canvas)
        watch.draw()
    assert capsys.readouterr().err == (
        f"{path} shows the latest images\n{path} is not drawn: {tmp_path / 'file'} is a file; give a directory\n"
    )
    monkeypatch.setattr(Watch, "draw", lambda _: 1 / 0)
    with pytest.raises(KeyError, match="the work"), watching(tmp_path / "a.png"):
        raise KeyError("the work")


def test_watching_is_bounded_and_written_whole(tmp_path, monkeypatch, capsys):
    drawn = []
    monkeypatch.setattr(
        "jaxviz.pictures.figures.tiles_figure", lambda tiles, **told: drawn.append((tiles.shape, told)) or Png()
    )
    canvas = jaxviz.default_model().canvas
    with watching(tmp_path / "a.png") as watch:
        for first in range(0, 300, 50):
            labels = [f"a:{place}" for place in range(first, first + 50)]
            watch.add(labels, np.zeros((50, 28, 28, 1), np.float32), canvas)
    assert [shape[0] for shape, _ in drawn] == [50, 256]
    assert drawn[-1][1]["title"] == "a, the latest 256 of 300"
    assert drawn[-1][1]["captions"][-1] == "299"
    assert (tmp_path / "a.png").read_text() == "picture"
    assert capsys.readouterr().err == f"{tmp_path}/a.png shows the latest images\n"
    Watch(None).add(["a:1"], np.zeros((1, 28, 28, 1), np.float32), canvas)


def test_pictures_are_watched_as_they_climb(few, monkeypatch, capsys):
    seen = []

    def drawn(tiles, *, captions, title):
        seen.append((np.array(tiles), captions, title))
        return Png()

    monkeypatch.setattr("jaxviz.pictures.figures.tiles_figure", drawn)
    monkeypatch.setattr("jaxviz.cli.watching._PAUSE", 0.0)
    monkeypatch.setattr("jaxviz.cli.watching._SHARE", 0)
    monkeypatch.setattr("jaxviz.pictures.figures.collage", lambda *_, **__: Png())
    options = ["--objective", "conv2d_1:3,5", "--steps", 4, "--watch", "now.png", "--out", "out"]
    assert run(monkeypatch, capsys, "visualize", FILE, *options)[0] == 0
    assert len(seen) >= 4  # after each step
    assert {(tuple(captions), title) for _, captions, title in seen} <= {
        (("3", "5"), "conv2d_1, 2"),
        (("3",), "conv2d_1, 1"),  # of a chunk of its own
    }
    assert (seen[0][0][0] != seen[-1][0][0]).any()


def test_units_of_several_layers_are_watched_by_their_names(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("jaxviz.pictures.figures.tiles_figure", lambda tiles, **told: drawn.append(told) or Png())
    with watching(tmp_path / "a.png") as watch:
        for layer in ("first", "second"):
            watch.add([f"{layer}:1"], np.zeros((1, 28, 28, 1), np.float32), jaxviz.default_model().canvas)
    assert drawn[-1] == {"captions": ["first:1", "second:1"], "title": "first to second, 2"}


class Png:
    """Replaces a figure."""

    def savefig(self, path):
        path.write_text("picture")
