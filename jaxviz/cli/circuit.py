"""``jaxviz circuit``: an objective and layers -> the strongest paths back through them, as a graph of pictures."""

from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz.cli.models import load
from jaxviz.cli.options import (
    Architecture,
    AsJson,
    Asked,
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

if TYPE_CHECKING:
    from jaxviz.analysis import Circuit

__all__ = ["circuit"]

_PATHS = 8  # that are told


def circuit(
    file: ModelFile,
    objective: Asked,
    through: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="A layer that the paths go through; given once for each layer, in any order.",
            autocompletion=complete_layer,
        ),
    ],
    out: Out,
    images: Images = None,
    units: Annotated[int, typer.Option(metavar="N", help="The number of units of each layer.", min=1)] = 4,
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
    """Find the units of some layers that an answer comes from, and draw the paths between them as a graph of pictures.

    Without --images the paths are those of the weights; with --images those of the attribution on these images.
    """
    from jaxviz import analysis
    from jaxviz.cli.progress import progress_bar
    from jaxviz.files.outputs import staged
    from jaxviz.reports.real_images import read_real_images

    files = ResultFiles(out, f"{stem_of(objective)}.circuit", ".png")
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
    real = None if images is None else read_real_images(images, model.canvas)[0]
    key = key_of(seed)
    with staged(out) as stage, progress_bar() as bars:
        bar = bars.task("circuit", 1 + units * len(set(through)))
        found = analysis.circuit(
            model,
            objective,
            through,
            images=real,
            count=units,
            recipe=recipe,
            steps=steps,
            key=key,
            progress=bar,
        )
        told: dict[str, object] = {"model": file, "objective": objective}
        told["by"] = "weights" if real is None else "attribution"
        told |= _described(found) | {"made_by": found.pictures[0].provenance}
        arrays = {f"shares_{place}": shares for place, shares in enumerate(found.shares)}
        arrays |= {f"images_{place}": pictures.images for place, pictures in enumerate(found.pictures)}
        files.write(stage, {".png": found.figure()}, arrays, told)
    if as_json:
        print_json({"files": [str(path) for path in files.paths.values()], **told})
        return
    print(f"{files.told()}: {sum(map(len, found.units))} units of {len(found.layers)} layers")
    for path in found.paths(3):
        way = " < ".join(f"{layer}:{unit}" for layer, unit in zip(found.layers, path.units, strict=True))
        print(f"{objective} < {way}  {path.weight:+.2%}")


def _described(found: "Circuit") -> dict[str, object]:
    """Returns what a machine reads: units, the shares between them, and the strongest paths."""
    layers = [
        {"name": layer, "units": units.tolist(), "shares": shares.tolist()}
        for layer, units, shares in zip(found.layers, found.units, found.shares, strict=True)
    ]
    paths = [{"units": list(path.units), "share": path.weight} for path in found.paths(_PATHS)]
    return {"layers": layers, "paths": paths}
