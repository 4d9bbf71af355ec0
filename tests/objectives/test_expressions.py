"""Expressions equal the algebra in Python; any text is an objective or raises an error of one line."""

import random

import jax
import numpy as np
import pytest

from jaxviz import JaxvizError
from jaxviz import objectives as obj
from jaxviz.objectives import Objective
from jaxviz.objectives.expressions import FUNCTIONS, objective_of, parse, quoted


def same(text, objective, model):
    """Returns whether two objectives have the same labels, the same structure and the same numbers."""
    ours, theirs = parse(text).resolve(model), objective.resolve(model)
    assert ours.labels() == theirs.labels()
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("conv2d_3:17", obj.channel("conv2d_3", 17)),
        (" conv2d_3 : 0:16 ", obj.channel("conv2d_3", range(16))),
        ("conv2d_3:3,7,11", obj.channel("conv2d_3", [3, 7, 11])),
        ("conv2d_3:0:3,7", obj.channel("conv2d_3", [0, 1, 2, 7])),
        ("conv2d_3", obj.channel("conv2d_3")),
        ("dense_3:7", obj.channel("dense_3", 7)),
        ("conv2d_3:17 - 0.5*conv2d_4:3", obj.channel("conv2d_3", 17) - 0.5 * obj.channel("conv2d_4", 3)),
        ("conv2d_3:17-conv2d_4:3", obj.channel("conv2d_3", 17) - obj.channel("conv2d_4", 3)),
        ("-conv2d_3:17*2e-1", -obj.channel("conv2d_3", 17) * 0.2),
        ("2*(conv2d_3:0:2 + 1)", 2 * (obj.channel("conv2d_3", range(2)) + 1)),
        ("1 - 2 - conv2d_3:1", 1 - 2 - obj.channel("conv2d_3", 1)),
        ("3 - (2 - conv2d_3:1)", 3 - (2 - obj.channel("conv2d_3", 1))),
        ("2*3*conv2d_3:1", 2 * 3 * obj.channel("conv2d_3", 1)),
        ("'conv2d_3':17", obj.channel("conv2d_3", 17)),
        ("neuron(conv2d_3, 17)", obj.neuron("conv2d_3", 17)),
        ("neuron(conv2d_3, 0:4, 5, 6)", obj.neuron("conv2d_3", range(4), (5, 6))),
        ("neuron(dense_1, 3)", obj.neuron("dense_1", 3)),
        ("layer_mean(conv2d_3)", obj.layer_mean("conv2d_3")),
        ("deepdream('conv2d_3') + conv2d_1:1", obj.deepdream("conv2d_3") + obj.channel("conv2d_1", 1)),
        ("class_logit(7)", obj.class_logit(7)),
        ("logit(7) - logit(3)", obj.class_logit(7) - obj.class_logit(3)),
        ("class_probability(0:10)", obj.class_probability(range(10))),
        ("log_odds(3,7)", obj.class_log_odds([3, 7])),
    ],
)
def test_an_expression_is_what_the_algebra_says(text, objective, mnist):
    same(text, objective, mnist)


def test_every_function_is_one_of_the_objectives():
    assert set(FUNCTIONS) <= set(obj.__all__)


@pytest.mark.parametrize(
    "name", ["block1/conv-2", "a.b_c", "x-1-y", "Ärger", "0/conv 1", "it's", 'say "a\\b"', "a:b", "a*b", "-a", "a-"]
)
def test_any_name_of_a_layer_can_be_written(name):
    assert parse(f"{quoted(name)}:3").labels() == [f"{name}:3"]


@pytest.mark.parametrize("name", ["block1/conv-2", "a.b_c", "x-1-y", "_x", "Ärger", "conv2d_3/~1".replace("~", "")])
def test_most_need_no_quotes(name):
    assert parse(f"2*{name}:3-1").labels() == [f"2*{name}:3 - 1"]


def grown(rng, depth):
    """Returns a random expression, as text and by the algebra."""
    kind = rng.choice(["unit", "number"] if depth == 0 else ["unit", "sum", "difference", "product", "minus"])
    if kind == "unit":
        layer, index = rng.choice(["conv2d_1", "conv2d_3", "dense_3"]), rng.randrange(10)
        return f"{layer}:{index}", obj.channel(layer, index)
    if kind == "number":
        number = rng.choice([0.5, 2.0, 0.125, 3.0])
        return f"{number:g}", number
    text, value = grown(rng, depth - 1)
    if kind == "minus":
        return f"-({text})", -value
    other, second = grown(rng, depth - 1)
    if kind == "product" and isinstance(value, Objective) and isinstance(second, Objective):
        second, other = 0.25, "0.25"
    if kind == "product":
        return f"({text})*({other})", value * second
    return (f"{text} + ({other})", value + second) if kind == "sum" else (f"{text} - ({other})", value - second)


def test_random_expressions_are_what_the_algebra_says(mnist):
    rng, compared = random.Random(0), 0
    while compared < 60:
        text, objective = grown(rng, rng.randrange(1, 5))
        if isinstance(objective, Objective):
            same(text, objective, mnist)
            compared += 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "objective '': a unit, a number or '(' is expected at column 1, where it ends"),
        ("3", "objective '3' is a number; name a unit, such as conv2d_3:17"),
        ("a:", "objective 'a:': a channel is expected at column 3, where it ends"),
        ("a:3.5", "objective 'a:3.5': a channel is expected at column 3, not '3.5'"),
        ("a:3:3", "objective 'a:3:3': 3:3 is an empty range, or too long a one; the end is not included"),
        ("a:0:99999", "objective 'a:0:99999': 0:99999 is an empty range, or too long a one; the end is not included"),
        ("a:1 -", "objective 'a:1 -': a unit, a number or '(' is expected at column 6, where it ends"),
        ("a b", "objective 'a b': '+', '-' or '*' is expected at column 3, not 'b'"),
        ("(a", "objective '(a': ')' is expected at column 3, where it ends"),
        ("a*b", "objective 'a*b': '*' at column 2 multiplies two objectives; use a number"),
        ("1e30*1e30*a", "objective '1e30*1e30*a': a weight of 1e+60 is too large"),
        ("1e999*a", "objective '1e999*a': 1e999 is too large a number"),
        (
            "a $ b",
            "objective 'a $ b': '$' at column 3 is not allowed here; put the name of a layer that has it in quotes",
        ),
        ("neuron(a)", "objective 'neuron(a)': ',' and a channel is expected at column 9, not ')'"),
        ("neuron(a,1,x)", "objective 'neuron(a,1,x)': a position is expected at column 12, not 'x)'"),
        ("logit(+)", "objective 'logit(+)': a class is expected at column 7, not '+)'"),
        (
            "eval(1)",
            "objective 'eval(1)': one of neuron, layer_mean, deepdream, class_logit, class_probability, class_log_odds "
            "is expected at column 1, not 'eval(1)'",
        ),
        (
            "(" * 60 + "a",
            f"objective '{'(' * 57}...': signs and parentheses are nested deeper than 50 times; flatten them",
        ),
        ("a+" * 5001, "an objective of 10,002 characters; 10,000 are allowed"),
    ],
)
def test_what_is_no_expression_is_one_line(text, message):
    with pytest.raises(JaxvizError) as error:
        parse(text)
    assert str(error.value) == message


def test_whatever_is_typed_is_an_objective_or_one_line(mnist):
    rng = random.Random(1)
    words = ["conv2d_1", "dense_3", ":", ",", "(", ")", "+", "-", "*", "1", "17", "0.5", "1e9", " ", "neuron", "logit"]
    words += ["deepdream", '"', "'", "\\", "x", "§", "\n", "1e40", "::", "0:3", "layer_mean", "__import__", ".", "²"]
    read = 0
    for _ in range(3000):
        text = "".join(rng.choice(words) for _ in range(rng.randrange(1, 12)))
        try:
            objective = parse(text)
            read += 1
            objective.resolve(mnist).labels()
        except JaxvizError:
            pass
    assert read > 50


def test_the_longest_sums_resolve(mnist):
    labels = parse(" + ".join(["dense_1:1"] * 800)).resolve(mnist).labels()
    assert len(labels) == 1
    assert "(800 terms, " in labels[0]


def test_a_name_that_is_nearly_one_gets_it():
    with pytest.raises(
        JaxvizError, match=r"is expected at column 1, not 'clas_logit\(3\)'; did you mean class_logit\?$"
    ):
        parse("clas_logit(3)")


def test_there_is_no_division():
    with pytest.raises(JaxvizError) as refusal:
        parse("conv2d_3:1 / 2")
    assert str(refusal.value) == (
        "objective 'conv2d_3:1 / 2': '/' at column 12 divides, and there is no division; "
        "multiply by a number, such as 0.5*"
    )


def test_what_may_be_asked_of_visualize():
    unit = obj.channel("conv", 3)
    assert objective_of(unit) is unit
    assert objective_of("conv:3 - 0.5*conv:1").labels() == ["conv:3 - 0.5*conv:1"]
    assert objective_of(len).labels() == ["len"]


@pytest.mark.parametrize("joined", [lambda one, f: one + f, lambda one, f: f + one, lambda one, f: one - f])
def test_a_function_in_a_sum_is_told_how_to_be_wrapped(joined):
    def mine(activations):
        return activations["conv"].mean()

    told = "an objective and a function, mine: wrap the function, objectives.function(mine)"
    with pytest.raises(JaxvizError) as refusal:
        joined(obj.channel("conv", 3), mine)
    assert str(refusal.value) == told
