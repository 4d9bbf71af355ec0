"""``jaxviz bench``: the speed of this machine."""

import dataclasses
import fnmatch
from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz.cli.models import load
from jaxviz.cli.options import (
    Architecture,
    AsJson,
    Custom,
    InputShape,
    PreprocessingName,
    RecipeName,
    complete_layer,
)
from jaxviz.cli.printing import print_json, print_table
from jaxviz.cli.progress import progress_bar
from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    from jaxviz import Model

__all__ = ["bench"]


def bench(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="A Keras file, module:attribute or path/file.py:attribute; by default the shipped MNIST network.",
        ),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A layer, or a pattern; may be given several times. By default every convolution and dense layer.",
            autocompletion=complete_layer,
        ),
    ] = None,
    recipe: RecipeName = None,
    steps: Annotated[int, typer.Option(metavar="N", help="Steps of each timed ascent.")] = 16,
    runs: Annotated[int, typer.Option(metavar="N", min=1, help="Number of timed runs; the median is shown.")] = 5,
    architecture: Architecture = None,
    preprocessing: PreprocessingName = None,
    input_shape: InputShape = None,
    custom: Custom = None,
    as_json: AsJson = False,
) -> None:
    """Measure the speed of this machine: for each layer, the time to compile, and the steps and images per second."""
    import jax

    from jaxviz import recipes
    from jaxviz.cli.benches import measure
    from jaxviz.keras.default import default_path

    described = {"preprocessing": preprocessing, "input_shape": input_shape, "custom": custom}
    model = load(file or str(default_path()), architecture=architecture, **described)
    chosen = (recipes.default_for(model) if recipe is None else recipes.find(recipe)).replace(steps=steps)
    names = _layers(model, layer or [])
    rows = []
    with progress_bar() as bars:
        bar = bars.task("bench", len(names), what="layers")
        for name in names:
            rows.append(measure(model, name, recipe=chosen, runs=runs))
            bar(1)
    machine = f"{jax.local_device_count()} x {jax.local_devices()[0].device_kind}"
    if as_json:
        measured = [dataclasses.asdict(row) for row in rows]
        print_json({"machine": machine, "recipe": chosen.name, "steps": steps, "runs": runs, "layers": measured})
        return
    print_table(
        [
            (row.layer, str(row.units), f"{row.at_once} x {row.width}", f"{row.compile_seconds:.2f} s")
            + (f"{row.steps_a_second:,.0f}", f"{row.images_a_second:,.1f}")
            for row in rows
        ],
        headings=("layer", ">units", ">at once", ">compiling", ">steps/s", ">images/s"),
        title=f"{machine}, recipe {chosen.name}, {steps} steps, median of {runs}",
    )


def _layers(model: "Model", patterns: list[str]) -> tuple[str, ...]:
    from jaxviz.sweeps.selection import swept_layers

    if not patterns:
        return swept_layers(model.layers)
    names = [one.name for one in model.layers]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise JaxvizError(f"no layer is called {pattern!r}; this model has {', '.join(names)}")
    return tuple(name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in patterns))
