"""What the tests share: Keras on JAX as the reference, small networks, the folder of other people's files."""

import os
import shutil

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports keras
os.environ["JAXVIZ_CACHE_DIR"] = ""  # the tests measure compiling without the cache
from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxviz

ROOT = Path(__file__).parent.parent
OTHERS = ROOT.parent / "shared" / "keras-models"

# The tests spend their time on XLA, which compiles small programs that then run for milliseconds. These options halve
# that, and the programs run as fast. test_as_users_run.py repeats the bitwise comparisons without them.
QUICK = "--xla_backend_optimization_level=1"
if version("jaxlib").startswith("0.10."):  # a flag that XLA does not know ends the process
    QUICK += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", QUICK)  # read when the first program is compiled


@pytest.fixture(scope="module")
def hardly_optimized():
    """For files of many programs on small images: XLA optimizes next to nothing, too slow for long runs on MNIST."""
    jax.config.update("jax_disable_most_optimizations", os.environ["XLA_FLAGS"] == QUICK)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="session")
def mnist():
    return jaxviz.default_model()


@pytest.fixture(scope="session")
def digits():
    """The shipped test digits: images [n, 28, 28, 1] in 0..1, labels [n]."""
    with np.load(ROOT / "weights" / "mnist_test_1000.npz") as arrays:
        return arrays["images"][..., None] / np.float32(255), arrays["labels"]


@pytest.fixture(scope="session")
def swept(mnist, digits, tmp_path_factory):
    """A sweep of the shipped network in a few steps, real images beside it; for tests of the group ``gallery``."""
    return jaxviz.sweep(
        mnist,
        tmp_path_factory.mktemp("swept"),
        layers=["conv2d_1", "conv2d_2", "dense_3"],
        recipe="seed",
        steps=2,
        restarts=2,
        images=digits[0][:32],
        labels=digits[1][:32],
        source=ROOT / "weights" / "mnist_cnn.hdf5",
    )


@pytest.fixture(scope="session")
def related(swept, mnist, digits, tmp_path_factory):
    """The same sweep with its relations: weights, two groups, and films of two states."""
    directory = tmp_path_factory.mktemp("related") / "sweep"
    shutil.copytree(swept.directory, directory, ignore=shutil.ignore_patterns("gallery"))
    half = mnist.replace(variables=jax.tree.map(lambda leaf: 0.5 * leaf, mnist.variables))
    states = {"states": [half, mnist], "names": ["half", "whole"]}
    jaxviz.relate(mnist, directory, images=digits[0][:8], groups=2, **states)
    return jaxviz.Sweep.open(directory)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A small trained-like network: conv 4, batch normalization, pool, conv 6, flatten, dense 3 with softmax."""
    import keras

    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((12, 12, 2)),
            layers.Conv2D(4, 3, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="rectified"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Conv2D(6, 3, activation="elu", name="second"),
            layers.Flatten(name="flat"),
            layers.Dense(3, activation="softmax", name="classes"),
        ]
    )
    rng = np.random.default_rng(0)
    model.set_weights(
        [rng.uniform(0.1, 1.0, w.shape) * rng.choice([-1, 1], w.shape) ** (w.ndim > 1) for w in model.get_weights()]
    )
    path = tmp_path_factory.mktemp("tiny") / "tiny.h5"
    model.save(path)
    return jaxviz.keras.load(path)


@pytest.fixture
def counted(tiny):
    """The small network, and a list that grows by one for each trace."""
    calls: list[int] = []

    class Counting:
        def apply(self, variables, image, question):
            calls.append(1)
            return tiny.module.apply(variables, image, question)

    return tiny.replace(module=Counting()), calls


def relative_difference(ours, reference) -> float:
    """The largest difference, relative to the largest value of the reference."""
    ours, reference = np.asarray(ours), np.asarray(reference)
    assert ours.shape == reference.shape
    return float(np.abs(ours - reference).max() / max(np.abs(reference).max(), 1e-30))


@pytest.fixture
def counting():
    """A list that grows each time something is traced or compiled."""
    events: list[str] = []
    on = [True]

    def listen(event, _seconds, **_):
        if on and ("trace_duration" in event or "backend_compile" in event):
            events.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield events
    on.clear()


@pytest.fixture(autouse=True)
def _no_leaks():
    """No test may change JAX's settings for the next one."""
    before = jax.config.values.copy()
    yield
    assert jax.config.values == before
