"""How fast are other libraries on the same work? Engines for the benchmark, each in its own process.

Command:  python -m experiments.benchmark      (which starts these engines)
Expected: no result of its own.

Every engine optimizes the same images: the objective is the mean of a channel or the probability of a class, the
gradient is divided by its root mean square, the step size is constant or varies, and each run starts from new noise.
An engine whose library is not installed is left out.
"""

import argparse
import dataclasses
import importlib.util
import json
import math
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

EPSILON = 1e-5

Run = Callable[[int], object]  # takes a seed; returns when the images are computed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """Work to time: the units of one layer of a network in a Keras file.

    Attributes:
      name: what the table calls it.
      path: the Keras file.
      input_shape: of one image.
      layer: the target layer.
      units: the number of channels or classes, from the first.
      steps: how many steps.
      digits: True for classes, black starts and varying step sizes; False for channels, noise and a step size of 1.
      largest: largest pixel of the noise.
      chunk: width of jaxviz's chunks; None lets jaxviz choose.
    """

    name: str
    path: str
    input_shape: tuple[int, int, int]
    layer: str
    units: int
    steps: int
    digits: bool = False
    largest: float = 255.0
    chunk: int | None = None

    def starts(self, seed: int) -> np.ndarray:
        noise = np.random.default_rng(seed).random((self.units, *self.input_shape), np.float32)
        noise *= 0 if self.digits else self.largest
        return noise

    def sizes(self) -> np.ndarray:
        """Returns the size of each step."""
        count = np.arange(self.steps, dtype=np.float32)
        return 1 / (100 + 10 * count) if self.digits else np.ones_like(count)


def _model(work: Work):
    import jaxviz
    from jaxviz.keras.default import default_path

    if work.path == str(default_path().absolute()):
        return jaxviz.keras.load(work.path)
    # As in the other engines, whose networks take images without preprocessing.
    return jaxviz.keras.load(work.path, input_shape=work.input_shape).with_preprocessing("0-1")


def _jaxviz(work: Work) -> Run:
    import jaxviz
    from jaxviz import objectives as obj
    from jaxviz.files import compilation_cache

    compilation_cache.enable()
    model = _model(work)
    objective = obj.class_probability(range(work.units)) if work.digits else obj.channel(work.layer, range(work.units))
    recipe = jaxviz.recipes.PRESETS["seed-digits" if work.digits else "seed"].replace(steps=work.steps)

    def run(seed: int) -> np.ndarray:
        return jaxviz.visualize(model, objective, recipe, start=work.starts(seed), chunk=work.chunk).images

    return run


def _plain_jax(work: Work) -> Run:
    """A straightforward JAX program: XLA's convolution and pooling, the whole layer, one vmap and one scan."""
    import jax
    import jax.numpy as jnp

    network, sizes = _plain_network(work, "jax"), jnp.asarray(work.sizes())

    @jax.jit
    def climb(images):
        def score(image, unit):
            return network(image[None])[0][..., unit].mean()

        def ascend(image, unit):
            def step(image, size):
                gradient = jax.grad(score)(image, unit)
                return image + size * gradient / (jnp.sqrt(jnp.mean(gradient**2)) + EPSILON), None

            return jax.lax.scan(step, image, sizes)[0]

        return jax.vmap(ascend)(images, jnp.arange(work.units))

    return lambda seed: climb(work.starts(seed)).block_until_ready()


def _torch(work: Work, memory_format: str) -> Run:
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    network, units = _plain_network(work, "torch"), torch.arange(work.units)
    layout = getattr(torch, memory_format)

    def run(seed: int) -> np.ndarray:
        images = torch.from_numpy(work.starts(seed)).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        for size in work.sizes().tolist():
            images.requires_grad_(True)
            out = network(images)
            scores = out.mean(dim=(2, 3)) if out.ndim == 4 else out
            [gradient] = torch.autograd.grad(scores[units, units].sum(), images)
            rms = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
            images = images.detach() + size * gradient / (rms + EPSILON)
        return images.permute(0, 2, 3, 1).numpy()

    return run


def _plain_network(work: Work, library: str) -> Callable:
    """Returns the layers of a Sequential or VGG file up to the target, in JAX's or torch's own functions."""
    model = _model(work)
    layers = []
    for layer in model.layers:
        weights = {name: np.asarray(array) for name, array in model.variables["params"].get(layer.name, {}).items()}
        # VGG's convolutions preserve the image size; those of the MNIST network do not.
        pads = 1 if layer.name.startswith("block") and layer.kind == "Conv2D" else 0
        layers.append((layer.kind, weights, pads))
        if layer.name == work.layer:
            break
    return (_jax_network if library == "jax" else _torch_network)(layers, softmax=work.digits)


def _jax_network(layers: list[tuple], *, softmax: bool) -> Callable:
    import flax.linen as nn
    import jax

    def network(x):
        for place, (kind, weights, pads) in enumerate(layers):
            if kind == "Conv2D":
                layout = ("NHWC", "HWIO", "NHWC")
                x = jax.lax.conv_general_dilated(
                    x, weights["kernel"], (1, 1), [(pads, pads)] * 2, dimension_numbers=layout
                )
                x = jax.nn.relu(x + weights["bias"])
            elif kind == "MaxPooling2D":
                x = nn.max_pool(x, (2, 2), (2, 2))
            elif kind == "Flatten":
                x = x.reshape(len(x), -1)
            elif kind == "Dense":
                x = x @ weights["kernel"] + weights["bias"]
                x = jax.nn.softmax(x) if softmax and place == len(layers) - 1 else jax.nn.relu(x)
        return x

    return network


def _torch_network(layers: list[tuple], *, softmax: bool) -> Callable:
    import torch
    from torch.nn import functional

    tensors = [
        {
            name: torch.from_numpy(array.copy()).permute(3, 2, 0, 1).contiguous()
            if array.ndim == 4
            else torch.from_numpy(array.copy())
            for name, array in weights.items()
        }
        for _, weights, _ in layers
    ]

    def network(x):
        for place, ((kind, _, pads), weights) in enumerate(zip(layers, tensors, strict=True)):
            if kind == "Conv2D":
                x = functional.relu(functional.conv2d(x, weights["kernel"], weights["bias"], padding=pads))
            elif kind == "MaxPooling2D":
                x = functional.max_pool2d(x, 2)
            elif kind == "Flatten":
                x = x.permute(0, 2, 3, 1).reshape(len(x), -1)
            elif kind == "Dense":
                x = x @ weights["kernel"] + weights["bias"]
                x = torch.softmax(x, 1) if softmax and place == len(layers) - 1 else functional.relu(x)
        return x

    return network


def _keras_network(work: Work):
    import tf_keras

    model = tf_keras.models.load_model(work.path, compile=False)
    if tuple(model.input_shape[1:]) != work.input_shape:  # the same layers at another size, without the dense head
        model = tf_keras.applications.VGG16(weights=None, include_top=False, input_shape=work.input_shape)
        model.load_weights(work.path, by_name=True)
    return tf_keras.Model(model.inputs, model.get_layer(work.layer).output)


def _tensorflow_batched(work: Work) -> Run:
    """Computes all images and all steps in one graph."""
    import tensorflow as tf

    network, sizes = _keras_network(work), tf.constant(work.sizes())
    units = tf.range(work.units)

    @tf.function
    def climb(images):
        for step in tf.range(work.steps):
            gradient = _tensorflow_gradient(network, images, units)
            rms = tf.sqrt(tf.reduce_mean(gradient**2, axis=(1, 2, 3), keepdims=True))
            images = images + sizes[step] * gradient / (rms + EPSILON)
        return images

    return lambda seed: climb(tf.constant(work.starts(seed))).numpy()


def _tensorflow_loop(work: Work) -> Run:
    """The seed's method: the gradient of one filter is a graph, and Python loops over steps and filters."""
    import tensorflow as tf

    network = _keras_network(work)

    @tf.function(reduce_retracing=True)
    def step(image, unit, size):
        gradient = _tensorflow_gradient(network, image, unit[None])
        return image + size * gradient / (tf.sqrt(tf.reduce_mean(gradient**2)) + EPSILON)

    def run(seed: int) -> np.ndarray:
        images = []
        for unit, start in enumerate(work.starts(seed)):
            image, index = tf.constant(start[None]), tf.constant(unit)
            for size in work.sizes():
                image = step(image, index, tf.constant(size))
            images.append(image.numpy()[0])
        return np.stack(images)

    return run


def _tensorflow_gradient(network, images, units):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(images)
        out = network(images, training=False)
        scores = tf.reduce_mean(out, axis=(1, 2)) if len(out.shape) == 4 else out
        total = tf.reduce_sum(tf.gather(scores, units, axis=1, batch_dims=1))
    return tape.gradient(total, images)


def _tf_keras_vis(work: Work) -> Run:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # tf-keras-vis expects tensorflow.keras to be Keras 2, which is tf_keras
    import tensorflow as tf
    import tf_keras
    from tf_keras_vis.activation_maximization import ActivationMaximization
    from tf_keras_vis.utils.scores import CategoricalScore

    tool = ActivationMaximization(_keras_network(work), clone=False)
    sizes = iter(())

    def normalized(gradient):
        return next(sizes) * gradient / (tf.sqrt(tf.reduce_mean(gradient**2, axis=(1, 2, 3), keepdims=True)) + EPSILON)

    def run(seed: int) -> np.ndarray:
        nonlocal sizes
        sizes = iter(work.sizes())
        return tool(
            CategoricalScore(list(range(work.units))),
            seed_input=work.starts(seed),
            input_range=None,
            input_modifiers=[],
            regularizers=[],
            steps=work.steps,
            optimizer=tf_keras.optimizers.SGD(1.0),
            gradient_modifier=normalized,
        )

    return run


@dataclasses.dataclass(frozen=True, kw_only=True)
class Engine:
    """A library and the way it optimizes images.

    Attributes:
      name: what the table calls it.
      needs: the packages that it imports.
      prepare: makes its run for some work.
      batched: True if it optimizes all images at once.
    """

    name: str
    needs: tuple[str, ...]
    prepare: Callable[[Work], Run]
    batched: bool = True

    @property
    def installed(self) -> bool:
        return all(importlib.util.find_spec(package) for package in self.needs)


ENGINES = {
    engine.name: engine
    for engine in (
        Engine(name="jaxviz", needs=("jaxviz", "jax"), prepare=_jaxviz),
        Engine(name="TensorFlow, batched", needs=("tensorflow", "tf_keras"), prepare=_tensorflow_batched),
        Engine(name="torch, channels last", needs=("torch",), prepare=lambda work: _torch(work, "channels_last")),
        Engine(name="torch, contiguous", needs=("torch",), prepare=lambda work: _torch(work, "contiguous_format")),
        Engine(name="tf-keras-vis", needs=("tf_keras_vis", "tf_keras"), prepare=_tf_keras_vis),
        Engine(name="plain JAX", needs=("jax", "flax"), prepare=_plain_jax),
        Engine(name="the seed's loop", needs=("tensorflow", "tf_keras"), prepare=_tensorflow_loop, batched=False),
    )
}


class Child:
    """An engine in its own process, so that the process's memory is the engine's alone."""

    def __init__(self, engine: str, work: Work, cache: str = "", module: str = "experiments.materials.peers"):
        self._name = f"{engine} at {work.name}"
        environment = os.environ | {"JAXVIZ_CACHE_DIR": cache, "TF_CPP_MIN_LOG_LEVEL": "3"}
        arguments = [sys.executable, "-m", module, engine, json.dumps(dataclasses.asdict(work))]
        self._process = subprocess.Popen(
            arguments,
            env=environment,
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.first = self.run()

    def run(self) -> dict[str, float]:
        """Returns the seconds of one run, the seconds of these for compiling, and the process's peak memory so far."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"{self._name} ended without a result")

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *error) -> None:
        self._process.kill()
        self._process.communicate()


def compile_clock() -> Callable[[], float]:
    """Returns a clock of the seconds that JAX has spent on compiling, or on reading compiled programs from disk."""
    import jax

    total = [0.0]

    def add(event: str, duration_secs: float, **_: str | int) -> None:
        if event.startswith("/jax/core/compile/"):
            total[0] += duration_secs

    jax.monitoring.register_event_duration_secs_listener(add)
    return lambda: total[0]


def _most_memory() -> int:
    """Returns the most bytes that this process has had in memory; on Linux without what its parent had."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1]) * 1024  # type: ignore[index]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(argv: list[str] | None = None, engines: Mapping[str, Engine] = ENGINES) -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.materials.peers", description=__doc__)
    parser.add_argument("engine", choices=sorted(engines))
    parser.add_argument("work", help="JSON of a Work")
    arguments = parser.parse_args(argv)
    fields = json.loads(arguments.work)
    run = engines[arguments.engine].prepare(Work(**fields | {"input_shape": tuple(fields["input_shape"])}))
    # The other libraries do not report it.
    compiled = compile_clock() if "jax" in engines[arguments.engine].needs else lambda: math.nan
    for seed, _ in enumerate(sys.stdin):
        before, begin = compiled(), time.perf_counter()
        images = np.asarray(run(seed))
        seconds = time.perf_counter() - begin
        if not np.isfinite(images).all():
            raise SystemExit("the images are not finite")
        memory = _most_memory()
        print(json.dumps({"seconds": seconds, "compiling": compiled() - before, "memory": memory}), flush=True)


if __name__ == "__main__":
    main()
