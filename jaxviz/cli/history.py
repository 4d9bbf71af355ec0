"""``jaxviz history``: several states of a network -> the pictures of the same units in each, as a film and a strip."""

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
    ModelFile,
    Out,
    Overwrite,
    PreprocessingName,
    RecipeName,
    Seed,
    Steps,
    complete_layer,
    key_of,
)
from jaxviz.cli.picture_files import stem_of
from jaxviz.cli.printing import print_json
from jaxviz.cli.result_files import ResultFiles
from jaxviz.cli.states import names_of, state_of
from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    import jax
    import numpy as np
    from matplotlib.figure import Figure

    from jaxviz import Model
    from jaxviz.cli.progress import Bars

__all__ = ["history"]

_PAIRS = 8  # units that are shown side by side
_FRAME = 0.5  # seconds of a state


def history(
    file: ModelFile,
    checkpoints: Annotated[
        list[str],
        typer.Argument(
            metavar="CHECKPOINT...",
            help="The states of the network, in order: Orbax directories (`jaxviz convert` writes them), Keras files, "
            "or module:attribute.",
        ),
    ],
    objective: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="The units, such as conv2d_3:0:8 or 'logit(0:10)'; as --objective of `jaxviz visualize`.",
        ),
    ],
    out: Out,
    match: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER",
            help="With two checkpoints and --images: also show pairs of units of this layer that are active on the "
            "same images.",
            autocompletion=complete_layer,
        ),
    ] = None,
    images: Images = None,
    from_noise: Annotated[
        bool,
        typer.Option(
            "--from-noise",
            help="Begin all pictures from the same noise, to compare states; else each begins as the one before ended.",
        ),
    ] = False,
    recipe: RecipeName = None,
    steps: Steps = None,
    seed: Seed = 0,
    architecture: Architecture = None,
    preprocessing: PreprocessingName = None,
    input_shape: InputShape = None,
    custom: Custom = None,
    class_names: ClassNames = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make pictures of the same units in several states of a network, such as the checkpoints of its training.

    All have the same random numbers, and each begins as that of the state before ended, for a film without jumps.
    """
    from jaxviz import analysis, animations
    from jaxviz.cli.progress import progress_bar
    from jaxviz.files.outputs import staged
    from jaxviz.reports.real_images import read_real_images

    if (match is None) != (images is None) or (match is not None and len(checkpoints) != 2):
        raise JaxvizError(f"--match goes with --images and two checkpoints; there are {len(checkpoints)}")
    stem = f"{stem_of(objective)}.history"
    files = ResultFiles(out, stem, ".png", ".gif", *([".pairs.png"] if match else []))
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
    key, names = key_of(seed), names_of(checkpoints)
    states = [state_of(one, model) for one in checkpoints]
    real = None if images is None else read_real_images(images, states[0].canvas)[0]
    with staged(out) as stage, progress_bar() as bars:
        bar = bars.task("history", len(states), what="states")
        chained = not from_noise
        found = analysis.history(
            states, objective, recipe, names=names, chained=chained, steps=steps, key=key, progress=bar
        )
        told: dict[str, object] = {"model": file, "objective": objective, "states": names}
        told["labels"] = list(found.states[0].labels)
        told |= {"scores": found.scores.tolist(), "made_by": found.states[0].provenance}
        figures, arrays = {".png": found.figure()}, {"images": found.images, "scores": found.scores}
        if match is not None and real is not None:
            figures[".pairs.png"], told["pairs"] = _pairs(states, match, real, recipe, steps, key, bars)
        files.write(stage, figures, arrays, told)
        animations.gif(found.film(), stage / files.paths[".gif"].name, duration=max(1.0, _FRAME * len(states)))
    if as_json:
        print_json({"files": [str(path) for path in files.paths.values()], **told})
        return
    print(f"{files.told()}: {len(found.states[0])} units in {len(states)} states")


def _pairs(
    states: "list[Model]",
    layer: str,
    real: "np.ndarray",
    recipe: str | None,
    steps: int | None,
    key: "jax.Array",
    bars: "Bars",
) -> "tuple[Figure, list[dict[str, object]]]":
    """Draws the units of two networks that correspond best, and tells of all units."""
    import jaxviz
    from jaxviz import analysis, objectives

    found = analysis.correspondences(states[0], states[1], layer, real)
    units = found.strongest(_PAIRS)
    bar = bars.task("pairs", 2 * len(units))
    both: list[tuple[Model, np.ndarray]] = list(zip(states, (units, found.units[units]), strict=True))
    first, second = (
        jaxviz.visualize(state, objectives.channel(layer, some), recipe, steps=steps, key=key, progress=bar)
        for state, some in both
    )
    told: list[dict[str, object]] = [
        {"unit": unit, "other": int(found.units[unit]), "correlation": float(found.correlations[unit])}
        for unit in range(len(found.units))
    ]
    return found.figure(units, first, second), told
