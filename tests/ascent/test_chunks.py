import os
import subprocess
import sys
import threading
import time
from unittest.mock import Mock

import jax
import numpy as np
import pytest

import jaxviz
from jaxviz import objectives as obj
from jaxviz.ascent import chunks, programs
from jaxviz.networks.layer import Layer

SHARED = """
import sys, jax, numpy as np, jaxviz
from jaxviz import objectives as obj
from jaxviz.ascent.programs import _ascend_all

assert len(jax.local_devices()) == int(sys.argv[2])
model, texts, lower = jaxviz.default_model(), [], _ascend_all.lower
class Watched:
    def lower(self, *arguments, **settings):
        lowered = lower(*arguments, **settings)
        texts.append(lowered.compile().as_text())
        return lowered
jaxviz.ascent.programs._ascend_all = Watched()
result = jaxviz.visualize(model, obj.channel("conv2d_3", range(11)), "seed", steps=16, chunk=2)
alone = jaxviz.visualize(model, lambda activations: activations["conv2d_3"][..., 5].mean(), "seed", steps=2)
assert len(alone) == 1
assert not [name for name in ("all-reduce", "all-gather", "all-to-all", "collective-permute") if name in texts[0]]
result.save(sys.argv[1])
"""


def shared_by(devices, path):
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", SHARED, str(path), str(devices)], env=environment, check=True)
    return jaxviz.Visualization.load(path)


def test_devices_share_the_filters_and_change_nothing(tmp_path):
    one = shared_by(1, tmp_path / "1.npz")
    assert one.labels == tuple(f"conv2d_3:{index}" for index in range(11))
    for devices in (2, 4, 8):
        several = shared_by(devices, tmp_path / f"{devices}.npz")
        np.testing.assert_array_equal(several.images, one.images)
        np.testing.assert_array_equal(several.scores, one.scores)


def test_rows():
    rows = [chunks.rows_of(5, 2, place) for place in range(3)]
    np.testing.assert_array_equal(rows, [[0, 1], [2, 3], [4, 4]])


@pytest.mark.parametrize(("units", "width"), [(10, 5), (32, 4), (64, 4), (1024, 4), (3, 2), (1, 1)])
def test_width_splits_all_units_evenly_over_two_cores(mnist, monkeypatch, units, width):
    monkeypatch.setattr(chunks, "_cores", lambda: 2)
    for count in (1, units):
        assert chunks.plan(mnist, count, units, None) == chunks.Plan(width, None, 2)


@pytest.mark.parametrize(("count", "width"), [(1, 1), (2, 4), (4, 4), (5, 16), (64, 64), (65, 250), (1000, 250)])
@pytest.mark.parametrize("units", [1000, None])
def test_an_accelerator_does_not_compute_a_wide_chunk_for_a_few_images(mnist, monkeypatch, count, width, units):
    accelerator = Mock(spec=jax.Device, platform="gpu")
    accelerator.memory_stats.return_value = {"bytes_limit": 1 << 34}
    monkeypatch.setattr(jax, "local_devices", lambda: [accelerator])
    if units is None and width == 250:  # which divides a thousand into even chunks
        width = 256
    assert chunks.plan(mnist, count, units, None) == chunks.Plan(width, None, 1)
    assert chunks.plan(mnist, count, units, 7).width == 7


def test_larger_images_climb_fewer_at_a_time(mnist, monkeypatch):
    monkeypatch.setattr(chunks, "_cores", lambda: 2)
    large = Layer(name="large", kind="Conv2D", output_shape=(224, 224, 64), channel_axis=-1)
    assert chunks.plan(mnist.replace(layers=(large,)), 64, 64, None).width == 1


@pytest.mark.parametrize("memory", [1 << 36, 1 << 27, 1 << 10])
def test_an_accelerator_is_filled_up_to_half_its_memory(mnist, memory):
    numbers = sum(int(np.prod(layer.output_shape)) for layer in mnist.layers)
    for copies in (1, 32):
        fit = memory // 2 // (numbers * 4 * copies)
        assert chunks.most(mnist, "gpu", memory, copies) == min(max(fit, 1), 256)


@pytest.mark.parametrize(
    ("needed", "given", "workers", "width"),
    [(10, False, 8, 4), (200, False, 2, 4), (1000, False, 1, 2), (9000, False, 1, 1), (1000, True, 1, 4)],
)
def test_what_needs_more_than_half_the_memory_is_made_smaller(monkeypatch, needed, given, workers, width):
    monkeypatch.setattr(chunks, "_memory", lambda device: 1000)
    smaller = chunks.fitted(chunks.Plan(4, None, 8), needed, given=given)
    assert (smaller.workers, smaller.width) == (workers, width)


def test_a_run_that_does_not_fit_is_compiled_smaller(tiny, monkeypatch):
    whole = jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=3)
    monkeypatch.setattr(chunks, "_memory", lambda device: 1 << 10)
    small = jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=3)
    np.testing.assert_allclose(small.images, whole.images, rtol=1e-4)


def test_a_compiler_that_refuses_a_program_gets_a_smaller_one(tiny, monkeypatch):
    whole = jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=3)
    lower, widths = programs._ascend_all.lower, []

    class Small:
        def lower(self, *arguments, **settings):
            lowered = lower(*arguments, **settings)
            widths.append(lowered.out_info.image.shape[0])
            if widths[-1] > 1:
                raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm")
            return lowered

    monkeypatch.setattr(programs, "_ascend_all", Small())
    small = jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=3)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == 1 < widths[0]
    np.testing.assert_allclose(small.images, whole.images, rtol=1e-4)
    with pytest.raises(jax.errors.JaxRuntimeError):
        jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=3, chunk=2)


def test_what_has_not_begun_when_one_fails_is_never_begun():
    begun = []

    def work(item):
        begun.append(item)
        if item == 1:
            raise RuntimeError("out of memory")
        if item > 1:
            time.sleep(0.02)  # long enough for the failure to be seen
        return item

    with pytest.raises(RuntimeError, match="out of memory"):
        list(chunks.in_parallel(work, list(range(100)), 1))
    assert len(begun) < 100


def test_once_told_to_stop_it_finishes_what_is_at_work_and_nothing_else():
    begun, stop, both = [], threading.Event(), threading.Barrier(3)

    def work(item):
        begun.append(item)
        both.wait(20)  # both workers are at work, and a third item waits for the first that is free
        assert stop.wait(20)
        return item

    def told():
        both.wait(20)
        stop.set()

    threading.Thread(target=told, daemon=True).start()
    assert list(chunks.in_parallel(work, range(100), 2, stop.is_set)) == [0, 1]
    assert sorted(begun) == [0, 1]


def test_results_keep_their_order_over_workers(tiny):
    one = jaxviz.visualize(tiny, obj.channel("second"), "seed", steps=3, chunk=1)
    jax.tree.map(
        np.testing.assert_array_equal,
        one.images,
        np.concatenate(
            [
                jaxviz.visualize(tiny, obj.channel("second", index), "seed", steps=3, chunk=1).images
                for index in range(6)
            ]
        ),
    )
