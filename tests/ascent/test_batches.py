import dataclasses
import itertools
import os
import socket
import subprocess
import sys
import time
from functools import partial

import jax
import numpy as np
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.ascent import batches, programs
from jaxviz.objectives.choices import choice
from jaxviz.recipes.presets import PRESETS

PROCESS = """
import os, signal, sys
import jax
import jaxviz
from jaxviz.ascent import store

process, port, kept, out, victim = int(sys.argv[1]), sys.argv[2], sys.argv[3] or None, sys.argv[4], sys.argv[5]
store._PATIENCE = 5.0
jax.distributed.initialize(f"127.0.0.1:{port}", 2, process, heartbeat_timeout_seconds=60)
def progress(images):
    if victim == str(process):
        os.kill(os.getpid(), signal.SIGKILL)
objective = jaxviz.objectives.channel("conv2d_1", range(13))
try:
    result = jaxviz.visualize(
        jaxviz.default_model(), objective, "seed", steps=16, chunk=2, keep=kept, progress=progress
    )
except jaxviz.JaxvizError as error:
    print(error, flush=True)
    os._exit(3)
result.save(f"{out}-{process}.npz")
"""


def two_processes(out, keep="", victim=""):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(process), port, str(keep), str(out), victim],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for process in range(2)
    ]
    texts = [process.communicate(timeout=240)[0] for process in running]
    return [process.returncode for process in running], texts


def alone(**settings):
    objective = obj.channel("conv2d_1", range(13))
    return jaxviz.visualize(jaxviz.default_model(), objective, "seed", steps=16, chunk=2, **settings)


def assert_equal(some, others):
    for name in ("images", "starts", "scores", "final_scores"):
        np.testing.assert_array_equal(getattr(some, name), getattr(others, name))
    assert some.labels == others.labels


def test_two_processes_equal_one(tmp_path):
    codes, texts = two_processes(tmp_path / "out")
    assert codes == [0, 0], texts
    for process in range(2):
        assert_equal(jaxviz.Visualization.load(tmp_path / f"out-{process}.npz"), alone())


def test_one_of_two_is_killed_and_nothing_finished_is_lost(tmp_path):
    begin = time.monotonic()
    codes, texts = two_processes(tmp_path / "out", keep=tmp_path / "kept", victim="1")
    assert time.monotonic() - begin < 120
    assert codes == [3, -9], texts
    assert "process 1 ended before its work was done: 2 of the 7 chunks are missing" in texts[0]
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "kept").glob("chunk-*")}
    assert len(kept) == 5  # all four of process 0, and the one that process 1 had finished
    images = []
    assert_equal(alone(keep=tmp_path / "kept", progress=images.append), alone())
    assert images == [9, 2, 2]  # those that were there, and a chunk each
    assert all((tmp_path / "kept" / name).stat().st_mtime_ns == when for name, when in kept.items())


def test_an_interrupted_run_goes_on(tiny, tmp_path):
    def stop(images):
        raise KeyboardInterrupt

    objective = obj.channel("second")
    with pytest.raises(KeyboardInterrupt):
        jaxviz.visualize(tiny, objective, "seed", steps=3, chunk=1, keep=tmp_path, progress=stop)
    assert (tmp_path / "chunk-00000.npz").exists()
    resumed = jaxviz.visualize(tiny, objective, "seed", steps=3, chunk=1, keep=tmp_path)
    assert_equal(resumed, jaxviz.visualize(tiny, objective, "seed", steps=3, chunk=1))


@pytest.mark.parametrize("looks", [{}, {"watch": lambda seen: None, "watch_every": 2}], ids=["whole", "watched"])
def test_told_to_stop_it_keeps_what_is_at_work_and_begins_nothing_else(tiny, tmp_path, looks):
    asked, settings = itertools.count(), {"steps": 3, "chunk": 1}
    objective = obj.channel("second")
    half = jaxviz.visualize(
        tiny, objective, "seed", **settings, **looks, keep=tmp_path, stop=lambda: next(asked) not in (0, 1)
    )
    whole = jaxviz.visualize(tiny, objective, "seed", **settings)
    assert len(half) == 2 < len(whole)
    assert_equal(half, whole[list(half.labels)])
    kept = sorted(path.stem for path in tmp_path.glob("chunk-*"))
    assert kept == [f"chunk-{whole.labels.index(label):05}" for label in half.labels]
    none = jaxviz.visualize(tiny, objective, "seed", **settings, stop=lambda: True)
    assert (len(none), none.labels) == (0, ())
    assert_equal(jaxviz.visualize(tiny, objective, "seed", **settings, keep=tmp_path), whole)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"steps": 4}, "steps"),
        ({"key": jax.random.key(1)}, "key"),
        ({"chunk": 2}, "chunk"),
        ({"precision": "bfloat16"}, "precision"),
        ({}, "weights, objectives and starts"),
    ],
)
def test_another_run_is_refused_with_the_difference_named(tiny, tmp_path, change, name):
    settings = {"steps": 3, "chunk": 1, "keep": tmp_path}
    jaxviz.visualize(tiny, obj.channel("second"), "seed", **settings)
    if name.startswith("weights"):
        change = {"start": np.zeros(tiny.canvas.shape, np.float32)}
    with pytest.raises(jaxviz.JaxvizError, match=f"keeps another run: its {name} is "):
        jaxviz.visualize(tiny, obj.channel("second"), "seed", **settings | change)


@pytest.mark.parametrize("preprocessing", ["0-255", jaxviz.Preprocessing(function=lambda image: 2 * image - 1)])
def test_another_range_or_conversion_of_the_images_is_another_run(tiny, tmp_path, preprocessing):
    settings = {"steps": 3, "chunk": 1, "keep": tmp_path}
    jaxviz.visualize(tiny.with_preprocessing("0-1"), obj.channel("second", 0), "seed", **settings)
    with pytest.raises(jaxviz.JaxvizError, match="keeps another run: its range is 0 to 1, not 0 to "):
        jaxviz.visualize(tiny.with_preprocessing(preprocessing), obj.channel("second", 0), "seed", **settings)


def test_other_weights_are_another_run(tiny, tmp_path):
    other = tiny.replace(variables=jax.tree.map(lambda leaf: leaf * 2, tiny.variables))
    converted = tiny.with_preprocessing(jaxviz.Preprocessing(function=lambda image: 2 * image - 1))
    digests = {batches.digest(model, ["second:1"]) for model in (tiny, other, converted)}
    assert len(digests) == 3


@pytest.mark.parametrize("recipe", PRESETS)
def test_every_preset_is_exported_for_accelerators(tiny, recipe):
    objective = obj.channel("second").resolve(tiny)
    recipe, own = PRESETS[recipe].replace(steps=2), (objective, None)
    climb = jax.jit(partial(programs._ascend_all, recipe=recipe, frames=None, mesh=None, width=len(objective.labels())))
    module = jax.export.export(climb, platforms=["cuda", "rocm", "tpu"])((tiny, jax.random.key(0)), own)
    assert module.platforms == ("cuda", "rocm", "tpu")
    assert "stablehlo.convolution" in module.mlir_module()


@pytest.mark.parametrize("recipe", ["lucid", "jaxviz"])
def test_one_program_for_several_layers_makes_the_images_of_each(mnist, recipe):
    layers = ["conv2d_1", "conv2d_3", "dense_1"]
    each = [obj.channel(layer, [3, 7]).resolve(mnist) for layer in layers]
    # The tests compile with fewer optimizations, by which two programs round differently; steps multiply that.
    recipe = PRESETS[recipe].replace(steps=2)
    first = batches.compiled(mnist, choice(each, 0), None, jax.random.key(4), recipe=recipe, width=2)
    for place, objective in enumerate(each):
        shared = dataclasses.replace(first, objective=choice(each, place))
        assert shared.objective.labels() == objective.labels()
        ((_, made),) = shared.made([0])
        alone, _ = batches.climb(mnist, objective, None, jax.random.key(4), recipe=recipe, width=2, facts={})
        for name, array in alone.items():
            np.testing.assert_allclose(made[name], array, rtol=2e-3, atol=1e-3)
