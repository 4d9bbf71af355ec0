"""``jaxviz visualize``: units or any objective -> a sheet of pictures and their numbers."""

import dataclasses
import math
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz.cli.distribution import is_first, join
from jaxviz.cli.interrupts import Stopped, interrupts
from jaxviz.cli.models import load
from jaxviz.cli.options import (
    Architecture,
    AsJson,
    ClassNames,
    Coordinator,
    Custom,
    Distributed,
    InputShape,
    ModelFile,
    Overwrite,
    Precision,
    PreprocessingName,
    Process,
    Processes,
    RecipeName,
    Restarts,
    Seed,
    Steps,
    Watched,
    complete_layer,
    key_of,
)
from jaxviz.cli.picture_files import PictureFiles, stem_of
from jaxviz.cli.printing import print_json
from jaxviz.cli.watching import watching
from jaxviz.values.errors import JaxvizError
from jaxviz.values.indices import parse_indices

if TYPE_CHECKING:
    import jax

    from jaxviz import Model, Recipe, Visualization
    from jaxviz.objectives import Objective

__all__ = ["visualize"]

_LOOKS = 16  # times that the images are shown while they climb


def visualize(
    file: ModelFile,
    out: Annotated[Path, typer.Option(metavar="DIRECTORY", help="Where to write NAME.png and NAME.npz.")],
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The layer's name; `jaxviz layers FILE` lists them.",
            autocompletion=complete_layer,
        ),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Its channels: a range 0:16, a list 3,7,11, or both; by default all."),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Instead of a layer: units, numbers, + - * and parentheses, such as "
            '"conv2d_3:17 - 0.5*conv2d_4:3"; or neuron(LAYER, CHANNEL, ROW, COLUMN), class_logit(7), '
            "class_probability(0:10), class_log_odds(7), layer_mean(LAYER), deepdream(LAYER).",
        ),
    ] = None,
    recipe: RecipeName = None,
    steps: Steps = None,
    seed: Seed = 0,
    restarts: Restarts = None,
    precision: Precision = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIRECTORY", help="Save finished chunks here, and continue from the chunks that are there."
        ),
    ] = None,
    start: Annotated[
        Path | None, typer.Option(metavar="FILE.npy", help="A starting image, or one for each picture.")
    ] = None,
    architecture: Architecture = None,
    preprocessing: PreprocessingName = None,
    input_shape: InputShape = None,
    custom: Custom = None,
    class_names: ClassNames = None,
    distributed: Distributed = False,
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
    watch: Watched = None,
    gif: Annotated[bool, typer.Option("--gif", help="Also write an animation of the ascents, NAME.gif.")] = False,
    each: Annotated[bool, typer.Option("--each", help="Also write a PNG file of each picture, into NAME/.")] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Also write one page with everything, NAME.html, that needs no other file.")
    ] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make pictures of units of a network: a sheet, and a file with their numbers."""
    from jaxviz import recipes
    from jaxviz.files.arrays import read_array
    from jaxviz.files.outputs import staged

    join(distributed=distributed, coordinator=coordinator, processes=processes, process=process)
    asked, name, text = _asked(layer, channels, objective)
    files = PictureFiles(directory=out, stem=stem_of(name), gif=gif, each=each, html=html)
    if not overwrite:
        files.check_free()
    model = load(
        file,
        architecture=architecture,
        preprocessing=preprocessing,
        input_shape=input_shape,
        custom=custom,
        class_names=class_names,
    )
    resolved, key = asked.resolve(model), key_of(seed)
    chosen = recipes.default_for(model) if recipe is None else recipes.find(recipe)
    chosen = chosen if steps is None else chosen.replace(steps=steps)
    settings = {"start": None if start is None else read_array(start), "restarts": restarts, "precision": precision}
    settings |= {"frames": files.frames(chosen.steps)}
    with staged(out):  # it can be written, or is refused before anything is computed
        result = _climbed(model, resolved, chosen, key, settings, name=name, keep=keep, watch=watch)
        if not is_first():
            return
        result = dataclasses.replace(result, provenance=result.provenance | {"objective": text})
        pictures = files.write(result, title=None if layer else name)
    if as_json:
        print_json(_described(result, files, pictures, file))
        return
    print(f"{files.told()}: {len(result)} picture{'s' if len(result) > 1 else ''}")
    if result.dead.any():
        print(f"dead, no picture: {', '.join(result.dead_labels)}")


def _asked(layer: str | None, channels: str | None, objective: str | None) -> "tuple[Objective, str, str]":
    """Returns what the options ask for, its name, and the expression that says it."""
    from jaxviz import objectives
    from jaxviz.objectives import expressions

    if (layer is None) == (objective is None):
        raise JaxvizError("give either --layer NAME or --objective TEXT")
    if objective is not None:
        if channels is not None:
            raise JaxvizError(f"--channels {channels} goes with --layer; in --objective write LAYER:{channels}")
        return expressions.parse(objective), objective, objective
    assert layer is not None
    text = expressions.quoted(layer) + ("" if channels is None else f":{channels}")
    return objectives.channel(layer, None if channels is None else parse_indices(channels)), layer, text


def _climbed(
    model: "Model",
    objective: "Objective",
    recipe: "Recipe",
    key: "jax.Array",
    settings: dict,
    *,
    name: str,
    keep: Path | None,
    watch: Path | None,
) -> "Visualization":
    """Makes the images; where chunks are kept, Ctrl-C lets those at work finish; else it ends this at once."""
    import jaxviz
    from jaxviz.cli.progress import progress_bar

    stopping = interrupts() if keep else nullcontext(lambda: False)
    with progress_bar() as bars, watching(watch) as pictures, stopping as stop:
        bar = bars.task(name, len(objective.labels()), recipe.steps)

        def show(seen: "Visualization") -> None:
            pictures.add(seen.labels, seen.images, seen.canvas)

        every = None if watch is None else max(1, recipe.steps // _LOOKS)
        made = jaxviz.visualize(
            model,
            objective,
            recipe,
            key=key,
            keep=keep,
            progress=bar,
            watch=show,
            watch_every=every,
            stop=stop,
            **settings,
        )
    done, count = len(made) // objective.group, len(objective.labels())
    if done < count:
        raise Stopped(f"stopped: {done} of {count} pictures are kept in {keep}; the same command goes on")
    return made


def _described(result: "Visualization", files: PictureFiles, pictures: list[Path], model: str) -> dict[str, object]:
    """Returns what a machine reads of the result; a score that is no number is null."""
    told: list[dict[str, object]] = [
        {"label": label, "score": float(score) if math.isfinite(score) else None, "dead": bool(dead)}
        for label, score, dead in zip(result.labels, result.final_scores, result.dead, strict=True)
    ]
    for each, path in zip(told, pictures, strict=False):  # none where they are not wanted
        each["file"] = str(path)
    whole = {name: str(path) for name, path in files.whole.items()}
    return {"model": model, **whole, "made_by": result.provenance, "pictures": told}
