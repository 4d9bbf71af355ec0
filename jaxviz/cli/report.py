"""``jaxviz report``: the numbers of a sweep, or of a saved visualization, as tables or JSON."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz.cli.models import load
from jaxviz.cli.options import (
    Architecture,
    AsJson,
    ClassNames,
    Custom,
    Images,
    InputShape,
    PreprocessingName,
    complete_swept_layer,
    complete_swept_recipe,
)
from jaxviz.cli.printing import line_width, print_json, print_table
from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxviz import Model, Report, Sweep
    from jaxviz.sweeps import SweptLayer

__all__ = ["report"]


def report(
    path: Annotated[
        Path,
        typer.Argument(metavar="DIRECTORY|FILE.npz", help="The directory of a sweep, or a file of `jaxviz visualize`."),
    ],
    layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A layer of the sweep, or a pattern, to show its units; may be given several times.",
            autocompletion=complete_swept_layer,
        ),
    ] = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A recipe of the sweep; may be given several times. By default all.",
            autocompletion=complete_swept_recipe,
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Sort units: reached, ratio, selectivity, status, label, …; best first."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The model of FILE.npz, as for `jaxviz visualize`; a sweep needs none.",
        ),
    ] = None,
    images: Images = None,
    objective: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The objective of FILE.npz, if the file does not state it."),
    ] = None,
    architecture: Architecture = None,
    preprocessing: PreprocessingName = None,
    input_shape: InputShape = None,
    custom: Custom = None,
    class_names: ClassNames = None,
    as_json: AsJson = False,
) -> None:
    """Print numbers about pictures: the activation that each reaches, its selectivity, and which units are dead."""
    if path.suffix == ".npz":
        if layer:
            raise JaxvizError(f"--layer {layer[0]} goes with a sweep's directory; {path} has one objective")
        if recipe:
            raise JaxvizError(f"--recipe {recipe[0]} goes with a sweep's directory; {path} has one recipe")
        if not path.exists():
            raise JaxvizError(f"no such file: {path}; give the FILE.npz that `jaxviz visualize` wrote")
        if model is None:
            raise JaxvizError(f"{path} alone has no numbers; give --model FILE, the file it was made of")
        network = load(
            model,
            architecture=architecture,
            preprocessing=preprocessing,
            input_shape=input_shape,
            custom=custom,
            class_names=class_names,
        )
        _print_one(_of_file(path, network, images, objective), sort, as_json)
        return
    given = {"--model": model, "--images": images, "--objective": objective, "--architecture": architecture}
    given |= {"--preprocessing": preprocessing, "--input-shape": input_shape, "--custom": custom}
    given |= {"--class-names": class_names}
    if wrong := [name for name, value in given.items() if value is not None]:
        raise JaxvizError(f"{', '.join(wrong)}: goes with a FILE.npz, and {path} is none; a sweep has its own numbers")
    _print_sweep(path, layer or [], recipe or [], sort, as_json)


def _of_file(path: Path, network: "Model", images: Path | None, objective: str | None) -> "Report":
    import jaxviz
    from jaxviz.objectives import expressions
    from jaxviz.reports.real_images import read_real_images

    saved = jaxviz.Visualization.load(path)
    asked = objective or saved.provenance.get("objective") or _units_of(saved.labels)
    if asked is None:
        raise JaxvizError(f"{path} shows {saved.labels[0]}; say by --objective TEXT what that is")
    real, labels = (None, None) if images is None else read_real_images(images, network.canvas)
    return jaxviz.report(network, expressions.parse(asked), saved, images=real, labels=labels)


def _units_of(labels: tuple[str, ...]) -> str | None:
    """Returns the expression whose labels these are, if they are units of one layer."""
    from jaxviz.objectives import expressions

    # Of a class the label has its name as well: dense_3:1 goldfish.
    names, indices = zip(*(label.partition(" ")[0].rpartition(":")[::2] for label in labels), strict=True)
    if len(set(names)) > 1 or not names[0] or not all(index.isdecimal() for index in indices):
        return None
    return f"{expressions.quoted(names[0])}:{','.join(indices)}"


def _print_one(found: "Report", sort: str | None, as_json: bool) -> None:
    found = _sorted(found, sort)
    print(found.to_json() if as_json else found.table(line_width()))


def _print_sweep(path: Path, patterns: list[str], recipes: list[str], sort: str | None, as_json: bool) -> None:
    import fnmatch

    import jaxviz

    sweep = jaxviz.Sweep.open(path)
    names = [one.name for one in sweep.layers]
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise JaxvizError(f"no layer of {path} is called {pattern!r}; it has {', '.join(names)}")
    for recipe in recipes:
        if recipe not in sweep.recipes:
            raise JaxvizError(f"no recipe of {path} is called {recipe!r}; it has {', '.join(sweep.recipes)}")
    layers = [one for one in sweep.layers if not patterns or any(fnmatch.fnmatch(one.name, each) for each in patterns)]
    chosen = [(one, recipe) for one in layers for recipe in sweep.recipes if not recipes or recipe in recipes]
    if as_json:
        found = [
            {"name": one.name, "recipe": recipe, "report": None if each is None else json.loads(each.to_json())}
            for one, recipe in chosen
            for each in [_report_of(one, recipe, sort)]
        ]
        print_json({"directory": str(path), "complete": sweep.complete, "facts": sweep.facts, "layers": found})
    elif patterns or sort:
        for one, recipe in chosen:
            each = _report_of(one, recipe, sort)
            if len(sweep.recipes) > 1:
                print(f"{one.name}, recipe {recipe}")
            done = f"{one.name}: {one.finished(recipe=recipe)} of {one.channels} units are done"
            print(done if each is None else each.table(line_width()))
            print()
    else:
        _print_summary(sweep, chosen)


def _report_of(layer: "SweptLayer", recipe: str, sort: str | None) -> "Report | None":
    found = layer.report_of(recipe)
    return None if found is None else _sorted(found, sort)


def _print_summary(sweep: "Sweep", chosen: "Sequence[tuple[SweptLayer, str]]") -> None:
    """Prints a row for each layer and recipe; the column of recipes is left out where there is one."""
    import numpy as np

    rows = []
    several = len(sweep.recipes) > 1
    for one, recipe in chosen:
        cells, found = ["-", "-", "-", "-"], one.report_of(recipe)
        if found is not None:
            alive = ~found.dead
            cells[0] = str(int(found.dead.sum()))
            for place, name in enumerate(("reached", "ratio", "selectivity"), 1):
                values = getattr(found, name)[alive]
                if not np.isnan(values).all():
                    cells[place] = f"{np.nanmedian(values):.4g}"
        named = (one.name, one.kind, *([recipe] if several else []))
        rows.append((*named, f"{one.finished(recipe=recipe)}/{one.channels}", *cells))
    middle = ["recipe"] if several else []
    print_table(
        rows,
        headings=("layer", "class", *middle, ">units", ">dead", ">reached", ">ratio", ">selectivity"),
        title=f"{sweep.directory}: {sweep.done} of {sweep.units} units; medians of those that are alive",
    )


def _sorted(found: "Report", column: str | None) -> "Report":
    """Returns a report with its rows in order: numbers from the largest, texts from the first, NaN last."""
    import dataclasses

    import numpy as np

    from jaxviz.reports.report import COLUMNS

    if column is None:
        return found
    headings = {heading: name for name, (heading, _) in COLUMNS.items()}
    column = {"label": "labels", **headings}.get(column, column)
    every = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    rows = {name: value for name, value in every.items() if isinstance(value, np.ndarray | tuple)}
    values = rows.get(column, found.ratio if column == "ratio" else None)
    if values is None:
        names = ", ".join(["label", "ratio", *(name for name in rows if name != "labels")])
        raise JaxvizError(f"unknown column {column!r}; sort by {names}")
    if column == "labels":
        order = np.array(sorted(range(len(found)), key=lambda place: _natural(found.labels[place])))
    else:
        order = np.argsort(values if isinstance(values, tuple) else -np.asarray(values, float), kind="stable")
    changed: dict = {
        name: value[order] if isinstance(value, np.ndarray) else tuple(value[place] for place in order)
        for name, value in rows.items()
    }
    judges = {name: read[order] for name, read in found.judges.items()}
    return dataclasses.replace(found, **changed, judges=judges)


def _natural(label: str) -> list[tuple[int, str]]:
    """Returns what sorts ``conv2d_1:9`` before ``conv2d_1:10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", label)]
