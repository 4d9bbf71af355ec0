import jax
import jax.numpy as jnp
import pytest

from jaxviz.networks.graphs import graph_of

X = jax.ShapeDtypeStruct((4,), jnp.float32)


def test_order_is_that_of_computation():
    def network(x):
        first = jnp.sin(x)
        second = jnp.cos(first)
        return {"b": second, "a": first, "again": second, "input": x}

    graph = graph_of(network, X)
    assert list(graph.names) == ["input", "a", "b", "again"]
    assert graph.first_name("again") == "b"
    assert [graph.operation(name) for name in graph.names] == ["input", "sin", "cos", "cos"]


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit, jax.checkpoint])
@pytest.mark.parametrize(
    ("end", "found"),
    [
        (jax.nn.softmax, True),
        (
            lambda x: jnp.exp(x) / jnp.exp(x).sum(),
            False,
        ),  # two exponentials, which XLA does not merge
        (lambda x: (lambda power: power / power.sum())(jnp.exp(x)), True),
        (jax.nn.sigmoid, True),
        (jax.nn.log_softmax, False),
        (jnp.tanh, False),
        (lambda x: x / x.sum(), False),
    ],
)
def test_logits(wrap, end, found):
    def network(x):
        logits = x * 2.0
        return {"logits": logits, "output": end(logits)}

    assert graph_of(wrap(network), X).logits_of("output") == ("logits" if found else None)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (jax.nn.relu, "relu"),
        (jax.nn.relu6, "relu6"),
        (jax.nn.silu, "silu"),
        (jax.nn.elu, "elu"),
        (jnp.tanh, "tanh"),
        (jax.nn.sigmoid, "logistic"),
        (lambda x: jnp.maximum(x, 0), "max"),
        (jnp.sin, None),
        (lambda x: jax.nn.relu(x) + x, None),  # another path goes around the relu
    ],
)
def test_activation_after(function, name):
    graph = graph_of(lambda x: {"before": (y := x * 2.0), "after": function(y)}, X)
    assert graph.activation_after("before") == (name and (name, "after"))
    assert graph.activation_after("after") is None
