"""Do random small networks of all supported classes compute what Keras computes, from either of its formats?

Command:  KERAS_BACKEND=jax python -m experiments.materials.random_keras_networks --seeds 100
Time:     about 5 s a network on 2 cores.
Expected: no difference above 1e-5 of a layer's largest output, and every class drawn.

Each network draws an image shape of one, two or three spatial axes in either layout, and then layers that fit their
input. Some layers are shared, merged or inside a nested model. Even seeds are saved as .h5, odd ones as .keras.
"""

import argparse
import collections
import os
import tempfile
from collections.abc import Callable

import numpy as np

BOUND = 1e-5
MOST = 20_000  # numbers in one activation; above it only layers that shrink or keep the image are drawn

ACTIVATIONS = (
    *("celu", "elu", "gelu", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "mish"),
    *("relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus"),
    *("sparse_sigmoid", "squareplus", "tanh", "tanh_shrink"),
)


class Drawing:
    """One random network while it is drawn."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.rank = int(self.rng.choice([1, 2, 2, 2, 3]))
        self.layout = str(self.rng.choice(["channels_last", "channels_last", "channels_first"]))

    def pick(self, *values):
        """Draws one of several values."""
        return values[int(self.rng.integers(len(values)))]

    def count(self, least: int, most: int) -> int:
        """Draws a whole number."""
        return int(self.rng.integers(least, most + 1))

    def input_shape(self) -> tuple[int, ...]:
        """Draws the shape of the image."""
        sides = [self.count(6, 9) for _ in range(self.rank)]
        channels = 2 * self.count(1, 3)
        return (channels, *sides) if self.layout == "channels_first" else (*sides, channels)

    def channels(self, shape) -> int:
        """Returns how many channels an image has."""
        return shape[0 if self.layout == "channels_first" else -1]

    def sides(self, shape) -> tuple[int, ...]:
        """Returns the lengths of an image."""
        return shape[1:] if self.layout == "channels_first" else shape[:-1]

    def window(self, shape, *, dilated: bool = False) -> dict:
        """Draws a window that fits an image."""
        least = min(self.sides(shape))
        size = [self.count(1, min(3, least)) for _ in range(self.rank)]
        spread = self.pick(1, 2) if dilated and 2 * max(size) - 1 <= least else 1
        strides = 1 if spread > 1 else self.count(1, 2)
        return {"size": size, "strides": strides, "spread": spread, "padding": self.pick("same", "valid")}


def convolution(draw: Drawing, shape):
    """Draws a convolution of any kind."""
    from keras import layers

    window = draw.window(shape, dilated=True)
    shared = {
        "kernel_size": window["size"],
        "padding": window["padding"],
        "data_format": draw.layout,
        "use_bias": draw.pick(True, False),
        "activation": draw.pick(*ACTIVATIONS),
    }
    kind = draw.pick("Conv", "Conv", "Depthwise", "Separable", "Transpose")
    if kind in ("Depthwise", "Separable") and draw.rank < 3:
        strides = {"strides": window["strides"], "dilation_rate": window["spread"]}
        settings = {**shared, **strides, "depth_multiplier": draw.count(1, 2)}
        if kind == "Depthwise":
            return getattr(layers, f"DepthwiseConv{draw.rank}D")(**settings)
        return getattr(layers, f"SeparableConv{draw.rank}D")(draw.count(1, 5), **settings)
    if kind == "Transpose":
        return getattr(layers, f"Conv{draw.rank}DTranspose")(draw.count(1, 4), strides=window["strides"], **shared)
    groups = 2 if draw.channels(shape) % 2 == 0 and draw.layout == "channels_last" else 1
    groups = draw.pick(1, groups)
    return getattr(layers, f"Conv{draw.rank}D")(
        groups * draw.count(1, 3), strides=window["strides"], dilation_rate=window["spread"], groups=groups, **shared
    )


def pooling(draw: Drawing, shape):
    """Draws pooling of any kind."""
    from keras import layers

    kind, where = draw.pick("Max", "Average"), {"data_format": draw.layout}
    how = draw.pick("", "", "Global", "Adaptive")
    if how == "Global":
        return getattr(layers, f"Global{kind}Pooling{draw.rank}D")(keepdims=True, **where)
    if how == "Adaptive":
        size = [draw.count(1, side) for side in draw.sides(shape)]
        return getattr(layers, f"Adaptive{kind}Pooling{draw.rank}D")(size if draw.rank > 1 else size[0], **where)
    window = draw.window(shape)
    size = window["size"] if draw.rank > 1 else window["size"][0]
    return getattr(layers, f"{kind}Pooling{draw.rank}D")(size, window["strides"], window["padding"], **where)


def normalization(draw: Drawing, shape):
    """Draws a normalization."""
    from keras import layers

    axis = draw.count(1, len(shape))
    learned = {"center": draw.pick(True, False), "scale": draw.pick(True, False), "epsilon": 0.1}
    return draw.pick(
        lambda: layers.BatchNormalization(axis=axis, **learned),
        lambda: layers.BatchNormalization(axis=1 if draw.layout == "channels_first" else -1),
        lambda: layers.LayerNormalization(axis=axis, **learned),
        lambda: layers.LayerNormalization(axis=list(range(1, len(shape) + 1)), **learned),
        lambda: layers.GroupNormalization(draw.pick(1, -1), axis=axis, **learned),
        lambda: layers.UnitNormalization(axis=axis),
        lambda: layers.RMSNormalization(epsilon=0.1),
        lambda: layers.Normalization(axis=axis),
        lambda: layers.Rescaling(0.5, 0.1),
    )()


def activation(draw: Drawing, shape):
    """Draws an activation layer, or a layer that does nothing at inference."""
    from keras import layers

    spatial = {1: layers.SpatialDropout1D, 2: layers.SpatialDropout2D, 3: layers.SpatialDropout3D}
    inert = [layers.Dropout, layers.GaussianDropout, layers.GaussianNoise, layers.AlphaDropout]
    inert += [spatial[draw.rank]] if len(shape) == draw.rank + 1 else []
    axes = draw.pick(None, list(range(1, len(shape))) or None)
    return draw.pick(
        lambda: layers.Activation(draw.pick(*ACTIVATIONS)),
        lambda: layers.ReLU(draw.pick(None, 0.7), draw.pick(0.0, 0.1), draw.pick(0.0, 0.2)),
        lambda: layers.LeakyReLU(negative_slope=0.2),
        lambda: layers.PReLU(shared_axes=axes),
        lambda: layers.ELU(0.5),
        lambda: layers.Softmax(draw.count(1, len(shape))),
        lambda: draw.pick(*inert)(0.3),
        lambda: layers.ActivityRegularization(0.1),
        lambda: layers.Identity(),
    )()


def resampling(draw: Drawing, shape):
    """Draws a change of the image's size."""
    from keras import layers

    where = {"data_format": draw.layout}
    pairs = [(draw.count(0, 1), draw.count(0, 1)) for _ in range(draw.rank)]
    plain = {} if draw.rank == 1 else where
    amount = pairs if draw.rank > 1 else pairs[0]
    choices: list[Callable] = [lambda: getattr(layers, f"ZeroPadding{draw.rank}D")(amount, **where)]
    if draw.rank > 1 or draw.layout == "channels_last":
        choices.append(lambda: getattr(layers, f"UpSampling{draw.rank}D")(draw.count(1, 2), **plain))
        if min(draw.sides(shape)) > 2:
            choices.append(lambda: getattr(layers, f"Cropping{draw.rank}D")(amount, **plain))
    if draw.rank == 2:
        size, method = (draw.count(3, 9), draw.count(3, 9)), draw.pick("nearest", "bilinear", "bicubic")
        crops = {"crop_to_aspect_ratio": draw.pick(True, False)}
        choices.append(lambda: layers.Resizing(*size, interpolation=method, **crops, **where))
        choices.append(lambda: layers.CenterCrop(*size, **where))
        choices.append(lambda: layers.UpSampling2D(2, interpolation="bilinear", **where))
    return draw.pick(*choices)()


def rearranging(draw: Drawing, shape):
    """Draws a product over the last axis."""
    from keras import layers

    letters = "bcdefgh"[: len(shape)]
    return draw.pick(
        lambda: layers.Dense(draw.count(1, 5), activation=draw.pick(*ACTIVATIONS)),
        lambda: layers.EinsumDense(f"a{letters},{letters[-1]}z->a{letters[:-1]}z", (*shape[:-1], 4), bias_axes="z"),
        lambda: layers.Permute(tuple(int(axis) + 1 for axis in draw.rng.permutation(len(shape)))),
    )()


def recurrent(draw: Drawing, x):
    """Draws recurrent layers on an image, whose first axis is taken for time, and a layer at every place of it."""
    from keras import layers

    sequence = layers.Reshape((x.shape[1], -1))(x)

    def drawn(kind, **settings):
        if kind is not layers.SimpleRNN:
            settings["recurrent_activation"] = draw.pick("sigmoid", "hard_sigmoid")
        if kind is layers.GRU:
            settings["reset_after"] = draw.pick(True, False)
        activation, use_bias = draw.pick("tanh", "softsign", "relu6"), draw.pick(True, False)
        return kind(draw.count(1, 4), activation=activation, use_bias=use_bias, **settings)

    kinds = (layers.SimpleRNN, layers.LSTM, layers.GRU)
    heads = [drawn(kind, return_sequences=True, go_backwards=draw.pick(True, False))(sequence) for kind in kinds]
    inner, merge_mode = drawn(draw.pick(*kinds), return_sequences=draw.pick(True, False)), draw.pick("concat", "ave")
    heads.append(layers.Bidirectional(inner, merge_mode=merge_mode)(sequence))
    heads.append(layers.TimeDistributed(layers.Dense(3, activation=draw.pick(*ACTIVATIONS)))(sequence))
    if len(x.shape) == 5:
        kernel, returned = draw.count(1, 3), draw.pick(True, False)
        settings = {"padding": "same", "data_format": draw.layout, "return_sequences": returned}
        heads.append(layers.ConvLSTM2D(draw.count(1, 3), kernel, **settings)(x))
    return heads


FAMILIES = (convolution, convolution, convolution, pooling, normalization, normalization, activation, resampling)


def network(seed: int):
    """Draws a network and gives it random weights."""
    import keras
    from keras import layers

    draw = Drawing(seed)
    image = layers.Input(draw.input_shape())
    x = image
    merges = (layers.Add, layers.Average, layers.Maximum, layers.Minimum, layers.Multiply, layers.Subtract)
    for _ in range(draw.count(5, 9)):
        shape = x.shape[1:]
        small = np.prod(shape) < MOST
        layer = draw.pick(*FAMILIES)(draw, shape) if small else pooling(draw, shape)
        y = layer(x)
        if draw.count(0, 5) == 0:
            y = keras.Sequential([layers.Input(y.shape[1:]), activation(draw, y.shape[1:])])(y)
        if y.shape == x.shape:
            y = draw.pick(*merges)()([x, y]) if draw.count(0, 1) else layer(y)
        elif y.shape[:-1] == x.shape[:-1] and draw.count(0, 1):
            y = layers.Concatenate()([x, y])
        x = y
    heads = [rearranging(draw, x.shape[1:])(x), layers.Flatten(data_format=draw.layout)(x)]
    heads.append(layers.Dense(3, activation="softmax")(heads[-1]))
    side = layers.Reshape((-1, x.shape[-1]))(x)
    heads.append(layers.MultiHeadAttention(2, 3)(side, side))
    heads.append(layers.Dot(1, normalize=True)([side, side]))
    model = keras.Model(image, [*heads, *recurrent(draw, x)])
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        kind, shape = variable.path.rpartition("/")[2], variable.shape
        if kind in ("variance", "moving_variance", "gamma"):
            variable.assign(rng.uniform(0.5, 1.5, shape))
        elif variable.dtype == "float32":
            fan = np.prod(shape[:-1]) if len(shape) > 1 else 4
            variable.assign(rng.normal(0, 1 / np.sqrt(fan), shape))
    for layer in model.layers:
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()  # without this call it ignores the assigned statistics
    return model


def largest_difference(seed: int, folder: str) -> tuple[float, str, list[str]]:
    """Saves a random network, converts it and compares.

    Returns:
      The largest difference of any layer, relative to the layer's largest number; that layer; the classes drawn.
    """
    import jax
    import keras

    import jaxviz

    model = network(seed)
    path = os.path.join(folder, f"{seed}{'.keras' if seed % 2 else '.h5'}")
    model.save(path)
    ours = jaxviz.keras.load(path).replace(preprocess=None)
    os.remove(path)
    image = np.random.default_rng(seed).uniform(-1, 1, ours.canvas.shape).astype(np.float32)
    # A layer that is called twice has no single output in Keras; the layers after it are compared.
    once = [
        layer
        for layer in model.layers
        if len(layer._inbound_nodes) == 1 and not isinstance(layer, keras.layers.InputLayer | keras.Model)
    ]
    whole = keras.Model(model.inputs[0], [layer.output for layer in once])
    reference = jax.jit(lambda image: whole(image, training=False))(image[None])
    names = [layer.name for layer in once]
    found = jax.jit(lambda image: ours.ask(image, lambda asked: {name: asked[name] for name in names}))(image)
    worst = (0.0, "")
    for name, expected in zip(names, reference, strict=True):
        expected = np.asarray(expected[0])
        scale = max(float(np.abs(expected).max()), 1e-30)
        assert found[name].shape == expected.shape, f"seed {seed}: {name}"
        worst = max(worst, (float(np.abs(np.asarray(found[name]) - expected).max()) / scale, name))
    return *worst, [type(layer).__name__ for layer in model.layers]


def main(arguments: list[str] | None = None) -> None:
    """Draws, converts and compares many networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100, help="how many networks")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args(arguments)
    os.environ.setdefault("KERAS_BACKEND", "jax")
    drawn: collections.Counter[str] = collections.Counter()
    above = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.first, options.first + options.seeds):
            difference, name, kinds = largest_difference(seed, folder)
            drawn.update(kinds)
            above += difference > BOUND
            print(
                f"seed {seed}: {difference:.1e} at {name}" + (" <-- above the bound" * (difference > BOUND)), flush=True
            )
    print(f"{options.seeds} networks, {above} above {BOUND}; {len(drawn)} classes: {dict(drawn.most_common())}")


if __name__ == "__main__":
    main()
