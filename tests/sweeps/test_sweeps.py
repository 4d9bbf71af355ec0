"""A sweep leaves the same directory, byte for byte, after any interruption."""

import errno
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile

import jax
import numpy as np
import pytest
from conftest import ROOT
from sweep_trees import tree

import jaxviz
from jaxviz import JaxvizError, JaxvizWarning
from jaxviz import objectives as obj
from jaxviz.ascent import batches, chunks
from jaxviz.sweeps.locks import locked

ALL = {"steps": 3, "negative": True, "diversity": 2, "restarts": 2}


@pytest.fixture(scope="module")
def real(tiny):
    return np.random.default_rng(0).uniform(size=(20, *tiny.canvas.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def whole(tiny, real, tmp_path_factory):
    """An uninterrupted sweep with all aspects."""
    directory = tmp_path_factory.mktemp("whole") / "sweep"
    told = []
    done = jaxviz.sweep(tiny, directory, images=real, progress=told.append, chunk=1, **ALL)
    return done, told


def test_every_learned_layer_is_swept(whole):
    done, told = whole
    assert [layer.name for layer in done.layers] == ["first", "second", "classes"]
    assert done.complete
    assert (done.done, done.units) == (13, 13)
    assert told[-1].total_done == told[-1].total_units == 3 * 13
    assert sum(len(event.labels) for event in told) == 4 * 13  # two images that differ of each
    assert {event.aspect for event in told} == {"positive", "negative", "diversity", "numbers"}
    assert not any(event.kept for event in told)


def test_pictures_are_those_of_visualize(whole, tiny):
    done, _ = whole
    recipe = jaxviz.recipes.find("plain-quick").replace(steps=3, restarts=2)
    layer = done.layer("second")
    alone = jaxviz.visualize(tiny, obj.channel("second"), recipe, chunk=1)
    made = layer.visualization()
    for name in ("images", "starts", "scores", "final_scores", "restarts", "restart_scores"):
        np.testing.assert_array_equal(getattr(made, name), getattr(alone, name))
    assert made.labels == alone.labels
    odds = jaxviz.visualize(tiny, obj.class_log_odds(), recipe, chunk=1)
    np.testing.assert_array_equal(done.layer("classes").visualization().images, odds.images)
    silenced = jaxviz.visualize(tiny, (-obj.channel("second")).before_activation(tiny), recipe, chunk=1)
    np.testing.assert_array_equal(layer.visualization("negative").images, silenced.images)
    several = layer.visualization("diversity")
    assert several.labels[:3] == ("second:0#0", "second:0#1", "second:1#0")
    assert len(several) == 12
    assert (several.images[0] != several.images[1]).any()


def test_numbers_beside_the_pictures(whole, tiny, real):
    done, _ = whole
    layer = done.layer("second")
    activations = np.asarray(tiny(real)["second"]).mean(axis=(1, 2))
    np.testing.assert_allclose(layer.report.largest, activations.max(axis=0), rtol=1e-5)
    assert layer.report.labels == layer.visualization().labels
    np.testing.assert_array_equal(layer.real.indices[:, 0], activations.argmax(axis=0))
    np.testing.assert_allclose(layer.real.activations, -np.sort(-activations, axis=0)[:9].T, rtol=1e-5)
    shown = layer.real.tiles[layer.real.places[0, 0]]
    expected = (real[layer.real.indices[0, 0]].mean(axis=-1, keepdims=True) * 255).round()
    assert np.abs(shown.astype(float) - expected).max() <= 1
    assert layer.strongest.layer == "first"
    assert layer.report.facts["real images"] == "20"


def test_blocks_are_bounded_and_in_order(whole):
    done, _ = whole
    blocks = list(done.layer("second").blocks(most_bytes=1))
    assert [units.tolist() for units, _ in blocks] == [[unit] for unit in range(6)]
    joined = jaxviz.Visualization.concatenate([block for _, block in blocks])
    np.testing.assert_array_equal(joined.images, done.layer("second").visualization().images)


def test_stopped_damaged_and_resumed_it_equals_an_uninterrupted_one(whole, tiny, real, tmp_path):
    asked = iter(range(100))
    half = jaxviz.sweep(tiny, tmp_path / "sweep", images=real, chunk=1, stop=lambda: next(asked) > 8, **ALL)
    assert not half.complete
    assert half.layer("first").done == 4
    [first, second, *_] = sorted((tmp_path / "sweep").glob("*/plain-quick/positive/chunk-*.npz"))
    first.write_bytes(first.read_bytes()[:-20])  # cut short
    second.write_bytes(b"")
    (tmp_path / "sweep" / ".unfinished-abc").mkdir()
    (tmp_path / "sweep" / ".unfinished-abc" / "chunk-00000.npz").touch()
    told = []
    (tmp_path / "sweep" / "000-first" / "plain-quick" / "units.json").unlink(missing_ok=True)
    with pytest.warns(JaxvizWarning, match=r"chunk-00000\.npz, 000-first/plain-quick/positive/chunk-00001\.npz$"):
        done = jaxviz.sweep(tiny, tmp_path / "sweep", images=real, progress=told.append, **ALL)
    assert done.complete
    assert {event.kept for event in told} == {True, False}
    assert [event.labels for event in told if event.again] == [("first:0",), ("first:1",)]
    assert tree(tmp_path / "sweep") == tree(whole[0].directory)


def test_what_is_lost_or_another_s_is_made_again(whole, tiny, real, tmp_path):
    shutil.copytree(whole[0].directory, tmp_path / "sweep")
    first, second, classes = (tmp_path / "sweep" / name for name in ("000-first", "004-second", "006-classes"))
    (first / "plain-quick" / "positive" / "run.json").write_text("{")
    np.savez(
        first / "plain-quick" / "positive" / "chunk-00009.npz", image=np.zeros(3)
    )  # of a run that was cut otherwise
    np.savez(second / "plain-quick" / "positive" / "chunk-00002.npz", image=np.zeros(3))
    (second / "weights.npz").unlink()
    (classes / "real.npz").write_bytes(b"PK")
    shutil.copy(first / "plain-quick" / "units.json", second / "plain-quick" / "units.json")
    shutil.rmtree(second / "plain-quick" / "diversity")
    assert not jaxviz.Sweep.open(tmp_path / "sweep").layer("second").complete
    with pytest.warns(JaxvizWarning) as warned:
        jaxviz.sweep(tiny, tmp_path / "sweep", images=real, **ALL)
    assert str(warned.pop().message) == (
        f"{tmp_path / 'sweep'}: made again what was damaged, or was another file: "
        "000-first/plain-quick/positive/run.json, 004-second/plain-quick/positive/chunk-00002.npz, "
        "004-second/plain-quick/units.json, 006-classes/plain-quick/units.json"
    )
    assert tree(tmp_path / "sweep") == tree(whole[0].directory)


def test_swapped_chunks_are_noticed_and_made_again(whole, tiny, real, tmp_path):
    shutil.copytree(whole[0].directory, tmp_path / "sweep")
    positive, negative = (tmp_path / "sweep" / "000-first" / "plain-quick" / name for name in ("positive", "negative"))
    swaps = [(positive / "chunk-00000.npz", positive / "chunk-00001.npz")]
    swaps += [(positive / "chunk-00002.npz", negative / "chunk-00002.npz")]
    for one, other in swaps:
        shutil.move(one, tmp_path / "one")
        shutil.move(other, one)
        shutil.move(tmp_path / "one", other)
    layer, message = jaxviz.Sweep.open(tmp_path / "sweep").layer("first"), r"chunk-00000\.npz holds chunk 1 of first"
    with pytest.raises(JaxvizError, match=message):
        layer.visualization()
    with pytest.warns(
        JaxvizWarning, match=r"positive/chunk-00000\.npz, .* 000-first/plain-quick/negative/chunk-00002\.npz$"
    ):
        jaxviz.sweep(tiny, tmp_path / "sweep", images=real, **ALL)
    assert tree(tmp_path / "sweep") == tree(whole[0].directory)


def test_a_chunk_that_cannot_be_read_now_is_kept(whole, tiny, monkeypatch):
    def broken(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(zipfile, "ZipFile", broken)
    before = tree(whole[0].directory)
    with pytest.raises(JaxvizError, match=r"chunk-00000\.npz"):
        jaxviz.sweep(tiny, whole[0].directory, **ALL)
    assert tree(whole[0].directory) == before


def test_other_real_images_leave_no_mixture(tiny, real, tmp_path, monkeypatch):
    settings = {"layers": "second", "steps": 1}
    jaxviz.sweep(tiny, tmp_path, images=real, **settings)
    before = tree(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(jaxviz.Report, "save", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        with pytest.raises(OSError, match="full"):
            jaxviz.sweep(tiny, tmp_path, images=real[::-1], **settings)
    assert not jaxviz.Sweep.open(tmp_path).complete
    jaxviz.sweep(tiny, tmp_path, images=real, **settings)
    assert tree(tmp_path) == before


def test_a_finished_sweep_compiles_nothing_and_changes_nothing(whole, tiny, real, counting):
    before = tree(whole[0].directory)
    counting.clear()
    jaxviz.sweep(tiny, whole[0].directory, images=real, **ALL)
    assert not counting
    jaxviz.sweep(tiny, whole[0].directory, steps=3, restarts=2)  # a smaller request keeps the existing files
    assert tree(whole[0].directory) == before


def test_later_calls_add_layers_and_real_images(tiny, real, tmp_path):
    first = jaxviz.sweep(tiny, tmp_path, layers="sec*", steps=2)
    assert [layer.name for layer in first.layers] == ["second"]
    assert first.layer("second").real is None
    both = jaxviz.sweep(tiny, tmp_path, layers=["first"], steps=2, images=real)
    assert [layer.name for layer in both.layers] == ["first", "second"]
    assert both.layer("second").real is not None
    assert np.isfinite(both.layer("second").report.largest).all()
    other = jaxviz.sweep(tiny, tmp_path, layers="first", steps=2, images=real[:5])
    assert other.layer("first").report.facts["real images"] == "5"


def test_another_sweep_is_refused_with_the_difference_named(whole, tiny):
    directory = whole[0].directory
    before = tree(directory)
    heavier = tiny.replace(variables=jax.tree.map(lambda leaf: leaf * 2, tiny.variables))
    cases = [
        (
            tiny,
            {**ALL, "steps": 4},
            "by the recipe plain-quick with steps of 3, not 4; give another directory",
        ),
        (tiny, {**ALL, "key": jax.random.key(7)}, r"its key is threefry2x32 \[0, 0\], not threefry2x32 \[0, 7\]"),
        (tiny, {**ALL, "restarts": 3}, "by the recipe plain-quick with restarts of 2, not 3"),
        (tiny, {**ALL, "diversity": 3}, "its diversity is 2, not 3"),
        (tiny, {**ALL, "precision": "bfloat16"}, "its precision is float32, not bfloat16"),
        (tiny, {**ALL, "chunk": 2}, "its chunk is 1, not 2"),
        (heavier, ALL, "its weights is "),
    ]
    for model, settings, message in cases:
        with pytest.raises(JaxvizError, match=message):
            jaxviz.sweep(model, directory, **settings)
    assert tree(directory) == before


def test_what_layers_share_is_planned_for_all_of_them_whichever_asks_first(tiny, tmp_path, monkeypatch):
    plan, asked = chunks.plan, []

    def noted(model, count, units, width, **settings):
        asked.append((count, units))
        return plan(model, count, units, width, **settings)

    monkeypatch.setattr(chunks, "plan", noted)
    jaxviz.sweep(tiny, tmp_path / "sweep", layers=["first", "second"], steps=1)  # of 4 and 6 channels
    assert (6, 6) in asked
    assert not [count for count, units in asked if units == 6 and count != 6]


def test_a_sweep_that_is_continued_on_another_device_keeps_its_precision(tiny, tmp_path, monkeypatch):
    for layer, usual in (("first", "tensorfloat32"), ("second", "float32")):
        monkeypatch.setattr("jaxviz.sweeps.sweeping.usual", lambda usual=usual: usual)
        done = jaxviz.sweep(tiny, tmp_path / "sweep", layers=layer, steps=1)
        assert done.manifest.facts["precision"] == "tensorfloat32"
    assert [layer.name for layer in done.layers] == ["first", "second"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": "third"}, "unknown layer 'third'; this model has first, norm"),
        ({"layers": "flat"}, "layer 'flat' .* has no channels to visualize"),
        ({"layers": []}, "no layers to sweep; name one or more"),
        ({"recipe": "x"}, "unknown recipe 'x'; there are jaxviz, quick"),
        ({"recipe": ("plain-quick", "x")}, "unknown recipe 'x'; there are jaxviz, quick"),
        ({"recipe": ()}, "no recipe is given; give one or more, such as recipe='quick'"),
        (
            {"recipe": ("plain-quick", jaxviz.recipes.find("plain-quick").replace(views=2))},
            "two recipes have the name 'plain-quick'; rename one",
        ),
        (
            {"recipe": [jaxviz.recipes.find("plain-quick").replace(name=name) for name in ("a b", "a.b")]},
            "recipes 'a b' and 'a.b' have the same folder; rename one of them",
        ),
        ({"chunk": 0}, "chunk of 0: give 1 or more"),
        ({"diversity": 1}, "diversity of 1: give 2 images or more"),
        ({"images": np.zeros((2, 3))}, r"real images of shape \(2, 3\): this model takes \[images, 12, 12, 2\]"),
    ],
)
def test_wrong_use(tiny, tmp_path, settings, message):
    with pytest.raises(JaxvizError, match=message):
        jaxviz.sweep(tiny, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_directories_that_hold_no_sweep(tmp_path):
    with pytest.raises(JaxvizError, match=r"holds no sweep: there is no sweep\.json; `jaxviz sweep` makes one"):
        jaxviz.Sweep.open(tmp_path)
    for text in ("", "[]", "{}", '{"format": 2}', "[" * 100_000):
        (tmp_path / "sweep.json").write_text(text)
        with pytest.raises(JaxvizError, match=r"sweep\.json is damaged; restore it, or sweep into another directory"):
            jaxviz.Sweep.open(tmp_path)
    (tmp_path / "sweep.json").write_text('{"format": 1}')
    with pytest.raises(JaxvizError, match=r"has format 1; this jaxviz reads 2"):
        jaxviz.Sweep.open(tmp_path)


def test_a_second_sweep_in_one_directory_is_refused(tiny, tmp_path):
    with locked(tmp_path), pytest.raises(JaxvizError, match=r"another sweep is at work in .*; wait for it to end"):
        jaxviz.sweep(tiny, tmp_path, layers="first", steps=1)
    assert not tree(tmp_path)


def test_a_full_disk_loses_nothing_that_was_finished(tiny, tmp_path, monkeypatch):
    written, save = [], np.savez

    def full(stream, **arrays):
        written.append(stream)
        if len(written) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(stream, **arrays)

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        jaxviz.sweep(tiny, tmp_path, layers="first", steps=2, chunk=1)
    assert jaxviz.Sweep.open(tmp_path).done == 2
    monkeypatch.undo()
    assert jaxviz.sweep(tiny, tmp_path, layers="first", steps=2).complete


SCRIPT = """
import sys, jaxviz
jaxviz.sweep(jaxviz.default_model(), sys.argv[1], layers=["conv2d_1", "conv2d_2"], steps=8, chunk=1,
    progress=lambda event: print(event.total_done, flush=True))
"""


def test_killed_at_random_moments_it_equals_an_uninterrupted_one(tmp_path):
    environment = os.environ | {"JAXVIZ_CACHE_DIR": str(tmp_path / "cache"), "JAX_PLATFORMS": "cpu"}

    def start(name):
        command = [sys.executable, "-c", SCRIPT, str(tmp_path / name)]
        return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    uninterrupted = start("whole")
    uninterrupted.communicate()
    assert uninterrupted.returncode == 0
    draw = random.Random(0)
    for _ in range(2):
        killed = start("killed")
        killed.stdout.readline()
        time.sleep(draw.uniform(0.0, 0.3))
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    last = start("killed")
    last.communicate()
    assert last.returncode == 0
    assert tree(tmp_path / "killed") == tree(tmp_path / "whole")


def test_commands_that_make_it_again(mnist, tmp_path):
    file = ROOT / "weights" / "mnist_cnn.hdf5"
    made = jaxviz.sweep(
        mnist,
        tmp_path / "my sweep",
        layers="dense_3",
        steps=1,
        key=jax.random.key(3),
        source=file,
    )
    assert (
        made.command
        == f"jaxviz sweep {file} --layer dense_3 --recipe quick --steps 1 --seed 3 --precision float32 --out 'my sweep'"
    )
    assert made.layer("dense_3").command(7) == (
        f"jaxviz visualize {file} --objective 'log_odds(7)' --recipe quick --steps 1 --seed 3 "
        "--precision float32 --out pictures"
    )
    assert made.source["sha256"] in (ROOT / "weights" / "README.md").read_text()


PROCESS = """
import sys, jax
process, port, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
jax.distributed.initialize(f"127.0.0.1:{port}", 2, process)
import jaxviz
done = jaxviz.sweep(jaxviz.default_model(), out, layers="conv2d_1", steps=2, chunk=2)
assert done.complete
"""


def test_two_processes_leave_what_one_leaves(mnist, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    running = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(process), port, str(tmp_path / "two")], env=environment)
        for process in range(2)
    ]
    assert [process.wait(timeout=240) for process in running] == [0, 0]
    jaxviz.sweep(mnist, tmp_path / "one", layers="conv2d_1", steps=2, chunk=2)
    assert tree(tmp_path / "two") == tree(tmp_path / "one")


def test_class_names_in_a_sweep(tiny, tmp_path):
    plain = jaxviz.sweep(tiny, tmp_path, layers=["second", "classes"], steps=2)
    assert plain.layer("classes").unit_names == ()
    pictures = {path: path.read_bytes() for path in tmp_path.rglob("*.npz")}
    named = tiny.with_class_names(["cat, Felis catus", "dog", "fish"])
    done = jaxviz.sweep(named, tmp_path, layers=["second", "classes"], steps=2)
    assert {path: path.read_bytes() for path in pictures} == pictures  # names make no picture again
    classes = done.layer("classes")
    assert classes.unit_names == ("cat, Felis catus", "dog", "fish")
    assert (
        classes.visualization().labels == classes.report.labels == ("classes:0 cat", "classes:1 dog", "classes:2 fish")
    )
    assert done.layer("second").unit_names == ()
    assert jaxviz.Sweep.open(tmp_path).manifest.class_names == classes.unit_names
    assert jaxviz.sweep(tiny, tmp_path, steps=2).layer("classes").unit_names == classes.unit_names


def test_layers_of_one_sweep_share_a_program(tiny, tmp_path, monkeypatch):
    compiled, original = [], batches.compiled
    monkeypatch.setattr(batches, "compiled", lambda *a, **k: compiled.append(a[1]) or original(*a, **k))
    settings = {"steps": 2, "chunk": 1, "negative": True}
    done = jaxviz.sweep(tiny, tmp_path / "both", layers=["first", "second"], **settings)
    assert len(compiled) == 2  # one for each aspect
    alone = jaxviz.sweep(tiny, tmp_path / "one", layers="second", **settings)
    assert len(compiled) == 4
    for aspect in ("positive", "negative"):
        shared, own = (sweep.layer("second").visualization(aspect) for sweep in (done, alone))
        assert shared.labels == own.labels
        np.testing.assert_allclose(shared.images, own.images, atol=1e-6)
        np.testing.assert_allclose(shared.final_scores, own.final_scores, rtol=1e-5)


def test_a_sweep_goes_on_with_the_program_that_it_began_with(tiny, tmp_path):
    whole = jaxviz.sweep(tiny, tmp_path / "whole", layers=["first", "second"], steps=2, chunk=1)
    shutil.copytree(whole.directory, tmp_path / "part")
    lost = next((tmp_path / "part").glob("*second/*/positive/chunk-00001.npz"))
    before = lost.read_bytes()
    lost.unlink()
    jaxviz.sweep(tiny, tmp_path / "part", layers="second", steps=2, chunk=1)
    assert lost.read_bytes() == before
    damaged = lost.with_name("run.json")
    damaged.write_text(damaged.read_text().replace("second", "another"))
    with pytest.warns(JaxvizWarning, match="damaged"):
        jaxviz.sweep(tiny, tmp_path / "part", layers="second", steps=2, chunk=1)
    assert lost.read_bytes() == before
