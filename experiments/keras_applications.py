"""Does every architecture of keras.applications convert, and compute what Keras computes at every layer?

Command:  KERAS_BACKEND=jax python -m experiments.keras_applications          (one alone: --only ResNet50; without
          files in between: --live; each result is appended to the file of --results, and a second run goes on)
Time:     about 40 minutes on 2 cores and up to 8 GB of memory; each architecture in a process of its own.
Expected: docs/keras-applications.md with a line for each; no difference above 1e-5 of a layer's largest output.

The weights are random: He's normal distribution for kernels, and statistics for batch normalization that keep
activations near 1 through hundreds of layers. The statistics do not subtract the mean of each channel. If they did,
only the differences between positions would remain, and a random network amplifies these together with the rounding
errors. Both sides compute one operation at a time.
"""

import argparse
import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TABLE = Path(__file__).parent.parent / "docs" / "keras-applications.md"
SIDE = 96  # pixels; the least that all architectures take is 75
HEAD = """# Every architecture of keras.applications

This page shows that every architecture of `keras.applications` loads into jaxviz and computes what Keras computes.

Keras {keras}, on its JAX backend, built each architecture with random weights and saved it as HDF5. jaxviz loaded the
file, and every layer was compared with Keras on one image of {side} x {side} pixels. A layer's relative difference is
its largest absolute difference divided by its largest absolute output. The table gives the layer with the largest
relative difference. "Convert" is the time of `jaxviz.keras.load` on 2 cores.

```sh
KERAS_BACKEND=jax python -m experiments.keras_applications
```

| architecture | layers | parameters | largest relative difference | at layer | convert, seconds |
| --- | --- | --- | --- | --- | --- |
"""
LIVE = """
## Live models

Here `jaxviz.from_keras` took each model from memory, and no file was written. Keras {keras} built the models, and the
comparison is the same. "Convert" is the processor time of `jaxviz.from_keras`, summed over the cores.

```sh
KERAS_BACKEND=jax python -m experiments.keras_applications --live
```

| architecture | layers | parameters | largest relative difference | at layer | convert, seconds of a processor |
| --- | --- | --- | --- | --- | --- |
"""


def architectures() -> list[str]:
    """Returns the names of all architectures that this Keras has."""
    import keras

    return sorted(name for name, value in vars(keras.applications).items() if inspect.isfunction(value))


def build(name: str, side: int):
    """Builds an architecture with random weights and returns it with images in the range that it takes."""
    import keras

    model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        shape, kind = variable.shape, variable.path.rpartition("/")[2]
        if kind == "gamma":
            variable.assign(rng.uniform(0.5, 1.5, shape))
        elif len(shape) < 2:
            variable.assign(rng.normal(0.0, 0.1, shape))
        else:
            is_depthwise = "depthwise" in variable.path or "dw" in variable.path
            fan = np.prod(shape[:-2]) if is_depthwise else np.prod(shape[:-1])
            # Small logits: a softmax turns the absolute rounding error of large logits into a relative error.
            share = 0.1 if "predictions" in variable.path or "logits" in variable.path else 2
            variable.assign(rng.normal(0.0, np.sqrt(share / fan), shape))
    scales_itself = any(
        isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization) for layer in model.layers
    )
    images = rng.uniform(0, 255, (1, side, side, 3)) if scales_itself else rng.normal(size=(1, side, side, 3))
    _calibrate(model, images.astype(np.float32), rng)
    return model, images[0].astype(np.float32)


def _calibrate(model, images: np.ndarray, rng: np.random.Generator) -> None:
    """Sets the statistics of each batch normalization so that its activations on the images are near 1."""
    import keras

    plain = keras.layers.BatchNormalization.call

    def call(layer, x, **_):
        size = np.mean(np.square(x))
        layer.moving_mean.assign(rng.normal(0.0, 0.1 * np.sqrt(size), layer.moving_mean.shape))
        layer.moving_variance.assign(size * rng.uniform(0.5, 1.5, layer.moving_variance.shape))
        return plain(layer, x, training=False)

    keras.layers.BatchNormalization.call = call
    try:
        model(images, training=False)
    finally:
        keras.layers.BatchNormalization.call = plain


def compare(name: str, side: int, folder: str, live: bool) -> dict:
    """Converts one architecture, from its file or from memory, and compares every layer."""
    import keras

    import jaxviz

    model, image = build(name, side)
    path = os.path.join(folder, f"{name}.h5")
    if not live:
        model.save(path)
    clock = time.process_time if live else time.perf_counter
    start = clock()
    ours = jaxviz.from_keras(model) if live else jaxviz.keras.load(path)
    seconds = clock() - start
    ours = ours.replace(preprocess=None)  # Keras's network takes preprocessed images
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    reference = keras.Model(model.inputs[0], [layer.output for layer in layers])(image[None], training=False)
    names = [layer.name for layer in layers]
    found = ours.ask(image, lambda activations: {name: activations[name] for name in names})
    differences = {}
    for layer, expected in zip(names, reference, strict=True):
        expected = np.asarray(expected[0])
        assert found[layer].shape == expected.shape == ours.layer(layer).output_shape
        differences[layer] = float(np.abs(np.asarray(found[layer]) - expected).max() / np.abs(expected).max())
    worst = max(differences, key=differences.__getitem__)
    return {
        "architecture": name,
        "layers": len(layers),
        "parameters": model.count_params(),
        "difference": differences[worst],
        "at": worst,
        "seconds": seconds,
    }


def row(result: dict) -> str:
    """Writes a result as a line of the table."""
    if "error" in result:
        return f"| {result['architecture']} | - | - | - | {result['error']} | - |"
    return (
        f"| {result['architecture']} | {result['layers']} | {result['parameters'] / 1e6:.1f} M | "
        f"{result['difference']:.1e} | {result['at']} | {result['seconds']:.1f} |"
    )


def run_alone(name: str, side: int, live: bool) -> dict:
    """Compares one architecture in its own process, which frees its memory when it ends."""
    command = [sys.executable, "-m", "experiments.keras_applications", "--one", name, "--side", str(side)]
    command += ["--live"] if live else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"architecture": name, "error": (done.stderr.strip().splitlines() or ["no word"])[-1][:200]}
    return json.loads(lines[-1])


def main(arguments: list[str] | None = None) -> None:
    """Runs the comparison and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="run these architectures; default: all, which also writes the table")
    parser.add_argument("--side", type=int, default=SIDE, help="side of the image, in pixels")
    parser.add_argument("--live", action="store_true", help="convert models in memory")
    parser.add_argument("--results", type=Path, help="a file of results, which is appended to; those in it are kept")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ.setdefault("KERAS_BACKEND", "jax")
    if options.one:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(compare(options.one, options.side, folder, options.live)))
        return
    import keras

    results: dict[str, dict] = {}
    if options.results and options.results.exists():
        results = {(one := json.loads(line))["architecture"]: one for line in options.results.read_text().splitlines()}
    for name in options.only or architectures():
        if name in results and "error" not in results[name]:
            continue
        results[name] = run_alone(name, options.side, options.live)
        print(row(results[name]), flush=True)
        if options.results:
            with options.results.open("a") as file:
                file.write(json.dumps(results[name]) + "\n")
    if not options.only:
        write([row(results[name]) for name in architectures()], keras.__version__, options.side, options.live)


def write(rows: list[str], version: str, side: int, live: bool) -> None:
    """Writes one of the two tables of the page, and keeps the other."""
    start = LIVE.partition("{")[0]  # the heading of the second, before anything that changes
    files, _, second = TABLE.read_text().partition(start)
    if live:
        TABLE.write_text(files + LIVE.format(keras=version) + "\n".join(rows) + "\n")
    else:
        table = HEAD.format(keras=version, side=side) + "\n".join(rows) + "\n"
        TABLE.write_text(table + (start + second if second else ""))


if __name__ == "__main__":
    main()
