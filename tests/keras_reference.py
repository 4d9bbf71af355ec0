"""Keras as the reference: random weights, and the outputs of all layers in one call."""

import jax
import keras
import numpy as np
from conftest import relative_difference

BOUND = 1e-5  # of the layer's largest output


def randomize(model, seed=0):
    """Sets every variable to random values, so small that activations neither vanish nor overflow."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if "seed" in variable.path or "count" in variable.path:
            continue
        name, shape = variable.path.rpartition("/")[2], variable.shape
        if "variance" in name:
            variable.assign(rng.uniform(0.5, 1.5, shape))
        elif name in ("gamma", "scale"):
            variable.assign(rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape))
        elif len(shape) > 1:
            fan = np.prod(shape[:-2]) if "depthwise" in variable.path else np.prod(shape[:-1])
            variable.assign(rng.normal(size=shape) * np.sqrt(2 / fan))
        else:
            variable.assign(rng.uniform(-0.5, 0.5, shape))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):  # without this call it ignores the assigned statistics
            layer.finalize_state()
    return model


def flat_layers(model):
    """Yields a model's layers with the names of their activations here, nested layers after their model."""
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            yield layer.name, layer


def outputs_of(model, inputs):
    """Returns what Keras computes for a batch, by layer name, in one compiled call."""
    layers = dict(flat_layers(model))
    whole = keras.Model(model.inputs, [layer.output for layer in layers.values()])
    outputs = jax.jit(lambda inputs: whole(inputs, training=False))(inputs)
    return dict(zip(layers, outputs if isinstance(outputs, list | tuple) else [outputs], strict=True))


def activations_of(ours, image, names):
    """Returns what our model computes for one image, by layer name, in one compiled call."""
    return jax.jit(lambda image: ours.ask(image, lambda activations: {name: activations[name] for name in names}))(
        image
    )


def compare(model, ours, seed=0, bound=BOUND):
    """Compares all layers on one random image; other inputs are zeros. Returns the largest relative difference."""
    rng = np.random.default_rng(seed)
    ours = ours.replace(preprocess=None)
    image = rng.uniform(-1, 1, ours.canvas.shape).astype(np.float32)
    inputs = [np.zeros((1, *each.shape[1:]), np.float32) for each in model.inputs]
    place = next((at for at, each in enumerate(model.inputs) if len(each.shape) == 4), 0)
    inputs[place] = image[None]
    reference = outputs_of(model, inputs if len(inputs) > 1 else inputs[0])
    found = activations_of(ours, image, list(reference))
    worst = 0.0
    for name, expected in reference.items():
        difference = relative_difference(found[name], expected[0])
        assert difference < bound, f"{name}: {difference}"
        assert ours.layer(name).output_shape == expected.shape[1:]
        worst = max(worst, difference)
    return worst


def compare_channels(ours, bound=BOUND):
    """Computes one channel of every layer, a different one for each of two images, and compares with all channels."""
    rng = np.random.default_rng(1)
    images = rng.uniform(-1, 1, (2, *ours.canvas.shape)).astype(np.float32)
    layers = [layer for layer in ours.layers if layer.channels]
    indices = {layer.name: np.array([layer.channels - 1, layer.channels // 3]) for layer in layers}

    def ask(image, indices):
        return ours.ask(image, lambda asked: {name: asked.channel(name, index) for name, index in indices.items()})

    found = jax.jit(jax.vmap(ask))(images, indices)
    question = lambda asked: {name: asked[name] for name in indices}  # noqa: E731
    whole = jax.jit(jax.vmap(lambda image: ours.ask(image, question)))(images)
    for layer in layers:
        for one in range(2):
            expected = np.take(whole[layer.name][one], [indices[layer.name][one]], axis=layer.channel_axis)
            difference = np.abs(found[layer.name][one] - expected).max() / np.abs(whole[layer.name][one]).max()
            assert difference < bound, f"{layer.name}: {difference}"
