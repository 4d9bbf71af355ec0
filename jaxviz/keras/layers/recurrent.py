"""Recurrent layers: a sequence ``[time, …]`` -> the output at its last place, or at each.

States begin at zero. Dropout acts only in training; masks are refused where they are made.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxviz.keras.layers import elementwise
from jaxviz.keras.layers.computation import ZEROS, Built
from jaxviz.keras.layers.convolution import Window, window_of
from jaxviz.keras.layers.settings import Settings
from jaxviz.layers.convolution import EXACT

__all__ = ["BUILDERS"]

Activation = Callable[[Array], Array]


class SimpleCell(nn.Module):
    """SimpleRNN: ``h = activation(x kernel + h recurrent_kernel + bias)``."""

    units: int
    use_bias: bool
    activation: Activation

    @nn.compact
    def __call__(self, sequence: Array) -> Array:
        x, recurrent = _projected(self, sequence, 1)

        def step(h: Array, x: Array) -> tuple[Array, Array]:
            h = self.activation(x + jnp.matmul(h, recurrent, precision=EXACT))
            return h, h

        return lax.scan(step, jnp.zeros(self.units, x.dtype), x)[1]


class LSTMCell(nn.Module):
    """LSTM: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; gates as Keras orders them: i, f, c, o."""

    units: int
    use_bias: bool
    activation: Activation
    recurrent_activation: Activation

    @nn.compact
    def __call__(self, sequence: Array) -> Array:
        x, recurrent = _projected(self, sequence, 4)

        def step(state: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
            h, c = state
            return _memory(self, x + jnp.matmul(h, recurrent, precision=EXACT), c)

        zeros = jnp.zeros(self.units, x.dtype)
        return lax.scan(step, (zeros, zeros), x)[1]


class GRUCell(nn.Module):
    """GRU: Cho et al., 2014, https://arxiv.org/abs/1406.1078; gates as Keras orders them: update, reset, candidate.

    Attributes:
      reset_after: True where the reset gate is applied after the product with the recurrent kernel, as in cuDNN, which
        has a bias of its own.
    """

    units: int
    use_bias: bool
    activation: Activation
    recurrent_activation: Activation
    reset_after: bool

    @nn.compact
    def __call__(self, sequence: Array) -> Array:
        units = self.units
        kernel = self.param("kernel", ZEROS, (sequence.shape[-1], 3 * units))
        recurrent = self.param("recurrent_kernel", ZEROS, (units, 3 * units))
        shape = (2, 3 * units) if self.reset_after else (3 * units,)
        bias = self.param("bias", ZEROS, shape) if self.use_bias else jnp.zeros(shape)
        outer, inner = bias if self.reset_after else (bias, jnp.zeros(3 * units))
        x = jnp.matmul(sequence, kernel, precision=EXACT) + outer

        def step(h: Array, x: Array) -> tuple[Array, Array]:
            gates = jnp.matmul(h, recurrent[:, : 2 * units], precision=EXACT) + inner[: 2 * units]
            update, reset = jnp.split(self.recurrent_activation(x[: 2 * units] + gates), 2)
            if self.reset_after:
                new = reset * (jnp.matmul(h, recurrent[:, 2 * units :], precision=EXACT) + inner[2 * units :])
            else:
                new = jnp.matmul(reset * h, recurrent[:, 2 * units :], precision=EXACT)
            h = update * h + (1 - update) * self.activation(x[2 * units :] + new)
            return h, h

        return lax.scan(step, jnp.zeros(units, x.dtype), x)[1]


class ConvLSTMCell(nn.Module):
    """ConvLSTM1D, 2D, 3D: Shi et al., 2015, https://arxiv.org/abs/1506.04214; the sequence has its channels last."""

    features: int
    window: Window
    use_bias: bool
    activation: Activation
    recurrent_activation: Activation

    @nn.compact
    def __call__(self, sequence: Array) -> Array:
        features, window = self.features, self.window
        ones = (1,) * len(window.size)
        inside = Window(size=window.size, strides=ones, padding="same", dilation=ones)
        kernel = self.param("kernel", ZEROS, (*window.size, sequence.shape[-1], 4 * features))
        recurrent = self.param("recurrent_kernel", ZEROS, (*window.size, features, 4 * features))
        x = jax.vmap(lambda image: window.convolve(image, kernel, 1))(sequence)
        if self.use_bias:
            x = x + self.param("bias", ZEROS, (4 * features,))

        def step(state: tuple[Array, Array], x: Array) -> tuple[tuple[Array, Array], Array]:
            h, c = state
            return _memory(self, x + inside.convolve(h, recurrent, 1), c)

        zeros = jnp.zeros((*x.shape[1:-1], features), x.dtype)
        return lax.scan(step, (zeros, zeros), x)[1]


class Recurrent(nn.Module):
    """A cell, run over a sequence.

    Attributes:
      cell: a sequence, channels last -> the outputs at all its places.
      channel_axis: where one place of the sequence counts its channels.
      returns_sequence: True where the output is that at each place, in the order in which they are read.
      is_backward: True where the sequence is read from its end.
    """

    cell: nn.Module
    channel_axis: int
    returns_sequence: bool
    is_backward: bool

    def __call__(self, sequence: Array) -> Array:
        """Returns the output of the last place, or of each."""
        sequence = jnp.moveaxis(sequence, self.channel_axis + 1, -1)
        outputs = self.cell(sequence[::-1] if self.is_backward else sequence)
        outputs = jnp.moveaxis(outputs, -1, self.channel_axis + 1)
        return outputs if self.returns_sequence else outputs[-1]


class Bidirectional(nn.Module):
    """Two recurrent layers that read a sequence from either end; their outputs are put side by side, or merged."""

    forward_layer: Recurrent
    backward_layer: Recurrent
    merge_mode: str

    def __call__(self, sequence: Array) -> Array:
        """Returns what the two make of a sequence, place by place."""
        forward, backward = self.forward_layer(sequence), self.backward_layer(sequence)
        backward = backward[::-1] if self.forward_layer.returns_sequence else backward
        if self.merge_mode == "concat":
            return jnp.concatenate([forward, backward], axis=-1)
        if self.merge_mode == "mul":
            return forward * backward
        both = forward + backward
        return both / 2 if self.merge_mode == "ave" else both


def _projected(cell: SimpleCell | LSTMCell, sequence: Array, gates: int) -> tuple[Array, Array]:
    """Returns what a cell makes of the whole sequence before it begins, and its recurrent kernel."""
    width = gates * cell.units
    kernel = cell.param("kernel", ZEROS, (sequence.shape[-1], width))
    recurrent = cell.param("recurrent_kernel", ZEROS, (cell.units, width))
    x = jnp.matmul(sequence, kernel, precision=EXACT)
    return (x + cell.param("bias", ZEROS, (width,)) if cell.use_bias else x), recurrent


def _memory(cell: LSTMCell | ConvLSTMCell, gates: Array, c: Array) -> tuple[tuple[Array, Array], Array]:
    """Opens the gates of an LSTM: ``c = f c + i activation(new)``, ``h = o activation(c)``."""
    enter, forget, new, leave = jnp.split(gates, 4, axis=-1)
    gate = cell.recurrent_activation
    c = gate(forget) * c + gate(enter) * cell.activation(new)
    h = gate(leave) * cell.activation(c)
    return (h, c), h


def _cell(settings: Settings) -> nn.Module:
    units, use_bias, activation = settings.count("units"), settings.flag("use_bias", True), _function(settings)
    if settings.layer.kind == "SimpleRNN":
        return SimpleCell(units=units, use_bias=use_bias, activation=activation)
    gate = _function(settings, "recurrent_activation")
    if settings.layer.kind == "LSTM":
        return LSTMCell(units=units, use_bias=use_bias, activation=activation, recurrent_activation=gate)
    return GRUCell(
        units=units,
        use_bias=use_bias,
        activation=activation,
        recurrent_activation=gate,
        reset_after=settings.flag("reset_after", settings.keras_major >= 3),
    )


def _function(settings: Settings, name: str = "activation") -> Activation:
    """Returns the function of a setting; of a file that says nothing, Keras's own."""
    if name not in settings.layer.settings:
        gate = "sigmoid" if settings.keras_major >= 3 else "hard_sigmoid"
        settings = settings.of(settings.layer.kind, {name: "tanh" if name == "activation" else gate})
    return elementwise.activation(settings, name)


def _run(settings: Settings, cell: nn.Module, axis: int) -> tuple[Recurrent, int]:
    """Returns a cell that is run as the settings say, and where its output counts channels."""
    for name in ("stateful", "time_major"):
        if settings.flag(name, False):
            raise settings.refuse(f"{name}=True is not supported")
    sequences = settings.flag("return_sequences", False)
    layer = Recurrent(
        cell=cell, channel_axis=axis, returns_sequence=sequences, is_backward=settings.flag("go_backwards", False)
    )
    return layer, axis + sequences


def _recurrent(settings: Settings) -> tuple[Recurrent, int]:
    if settings.signal.rank != 2:
        raise settings.refuse(f"it is given {settings.signal.shape}, not a sequence of vectors: [time, features]")
    return _run(settings, _cell(settings), 0)


def _convolutional(settings: Settings) -> tuple[Recurrent, int]:
    if settings.signal.rank != settings.rank + 2:
        raise settings.refuse(f"it is given {settings.signal.shape}, not a sequence of images of {settings.rank} axes")
    cell = ConvLSTMCell(
        features=settings.count("filters"),
        window=window_of(settings),
        use_bias=settings.flag("use_bias", True),
        activation=_function(settings),
        recurrent_activation=_function(settings, "recurrent_activation"),
    )
    settings.is_mixed = True  # a sequence counts its channels elsewhere than its places do
    return _run(settings, cell, 0 if settings.layout_axis() == 0 else settings.rank)


_SEQUENCES: dict[str, Callable[[Settings], tuple[Recurrent, int]]] = {
    "SimpleRNN": _recurrent,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "ConvLSTM1D": _convolutional,
    "ConvLSTM2D": _convolutional,
    "ConvLSTM3D": _convolutional,
}


def _bidirectional(settings: Settings) -> Built:
    merge_mode = settings.layer.settings.get("merge_mode", "concat")
    if merge_mode not in ("concat", "sum", "ave", "mul"):
        raise settings.refuse(f"merge_mode {merge_mode!r} is not supported; concat, sum, ave and mul are")
    forward, axis = _inside(settings, settings.get("layer"))
    if settings.has("backward_layer"):
        backward, _ = _inside(settings, settings.get("backward_layer"))
    else:
        backward, _ = _inside(settings, settings.get("layer"))  # made anew: a cell has its own weights
        backward = backward.clone(is_backward=not forward.is_backward)
    if forward.returns_sequence != backward.returns_sequence:
        raise settings.refuse("its two layers give outputs of different shapes")
    return Bidirectional(forward_layer=forward, backward_layer=backward, merge_mode=merge_mode), axis


def _inside(settings: Settings, entry: object) -> tuple[Recurrent, int]:
    inner = settings.inside(entry)
    if inner.layer.custom or inner.layer.kind not in _SEQUENCES:
        raise settings.refuse(f"it wraps a {inner.layer.kind}; {', '.join(_SEQUENCES)} are supported")
    return _SEQUENCES[inner.layer.kind](inner)


BUILDERS: dict[str, Callable[[Settings], Built]] = {**_SEQUENCES, "Bidirectional": _bidirectional}
"""They apply their activation functions themselves, at each place of the sequence."""
