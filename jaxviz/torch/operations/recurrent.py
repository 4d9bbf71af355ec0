"""Recurrent layers: (sequences, states, weights) -> (sequences, last states)."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxviz.layers.convolution import EXACT
from jaxviz.torch.operations.computation import Number, Operation, whole
from jaxviz.torch.tensors import Tensor

__all__ = ["OPERATIONS"]

States = tuple[Array, ...]
Cell = Callable[[Array, Array, States], States]
"""What the input and the last output give for the gates, and the states -> the states behind a step."""


def _lstm_cell(inputs: Array, before: Array, states: States) -> States:
    """Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997, https://doi.org/10.1162/neco.1997.9.8.1735."""
    entrance, forget, candidate, exit_ = jnp.split(inputs + before, 4, axis=-1)
    cell = jax.nn.sigmoid(forget) * states[1] + jax.nn.sigmoid(entrance) * jnp.tanh(candidate)
    return jax.nn.sigmoid(exit_) * jnp.tanh(cell), cell


def _gru_cell(inputs: Array, before: Array, states: States) -> States:
    """Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014, https://arxiv.org/abs/1406.1078."""
    (reset, update, candidate), (reset_, update_, candidate_) = (jnp.split(x, 3, axis=-1) for x in (inputs, before))
    kept = jax.nn.sigmoid(update + update_)
    new = jnp.tanh(candidate + jax.nn.sigmoid(reset + reset_) * candidate_)
    return ((1 - kept) * new + kept * states[0],)


def _simple_cell(activation: Callable[[Array], Array]) -> Cell:
    return lambda inputs, before, states: (activation(inputs + before),)


_CELLS: dict[str, Cell] = {
    "gru": _gru_cell,
    "lstm": _lstm_cell,
    "rnn_relu": _simple_cell(jax.nn.relu),
    "rnn_tanh": _simple_cell(jnp.tanh),
}


def _product(x: Array, weight: Tensor, bias: Tensor | None) -> Array:
    y = jnp.matmul(x, weight.plain().T, precision=EXACT)
    return y if bias is None else y + bias.plain().reshape((1,) * (y.ndim - 1) + (-1,))


def _over_time(cell: Cell, x: Array, states: States, weights: Sequence[Tensor], biased: bool) -> tuple[Array, States]:
    """Runs one layer in one direction over ``[time, batch, features]``."""
    from_input, from_output, *rest = weights
    biases = rest[:2] if biased else (None, None)
    project = rest[2 * biased :]  # an LSTM may make its output smaller

    def step(states: States, inputs: Array) -> tuple[States, Array]:
        output, *others = cell(inputs, _product(states[0], from_output, biases[1]), states)
        output = _product(output, project[0], None) if project else output
        return (output, *others), output

    states, outputs = lax.scan(step, states, _product(x, from_input, biases[0]))
    return outputs, states


def _recurrent(cell: Cell) -> Callable[..., tuple[Tensor, ...]]:
    def compute(
        x: Tensor,
        first: Tensor | Sequence[Tensor],
        weights: Sequence[Tensor],
        biased: bool,
        layers: int,
        dropout: Number,
        training: bool,
        both_ways: bool,
        batch_first: bool,
    ) -> tuple[Tensor, ...]:
        if training and dropout:
            raise ValueError("it drops units at random, as in training")
        start = [state.plain() for state in ((first,) if isinstance(first, Tensor) else first)]  # each [runs, batch, …]
        ways = 2 if both_ways else 1
        count = len(weights) // (layers * ways)
        y, last = jnp.swapaxes(x.plain(), 0, 1) if batch_first else x.plain(), []
        for layer in range(layers):
            outputs = []
            for way in range(ways):
                run = layer * ways + way
                states = tuple(state[run] for state in start)
                own = weights[run * count : (run + 1) * count]
                output, states = _over_time(cell, y[::-1] if way else y, states, own, biased)
                outputs.append(output[::-1] if way else output)
                last.append(states)
            y = jnp.concatenate(outputs, axis=-1)
        y = jnp.swapaxes(y, 0, 1) if batch_first else y
        return tuple(map(Tensor.of, (y, *(jnp.stack(states) for states in zip(*last, strict=True)))))

    return compute


def _one_step(cell: Cell) -> Callable[..., Tensor | tuple[Tensor, ...]]:
    def compute(
        x: Tensor,
        before: Tensor | Sequence[Tensor],
        from_input: Tensor,
        from_output: Tensor,
        input_bias: Tensor | None = None,
        output_bias: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, ...]:
        states = tuple(state.plain() for state in ((before,) if isinstance(before, Tensor) else before))
        inputs, outputs = _product(x.plain(), from_input, input_bias), _product(states[0], from_output, output_bias)
        after = tuple(map(Tensor.of, cell(inputs, outputs, states)))
        return after[0] if isinstance(before, Tensor) else after

    return compute


OPERATIONS: dict[str, Operation] = {
    name: Operation(compute(cell), whole)
    for kind, cell in _CELLS.items()
    for name, compute in ((f"{kind}.input", _recurrent), (f"{kind}_cell", _one_step))
}
