"""``jaxviz attribution``: an objective and real images -> the units and positions of a layer that it comes from."""

from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz.cli.models import load
from jaxviz.cli.options import (
    Architecture,
    AsJson,
    Asked,
    ClassNames,
    Custom,
    InputShape,
    ModelFile,
    Out,
    Overwrite,
    PreprocessingName,
    RealImages,
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
    from jaxviz.analysis import Attribution

__all__ = ["attribution"]

_TOLD = 12  # units of each image in the JSON document


def attribution(
    file: ModelFile,
    objective: Asked,
    images: RealImages,
    layer: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The layer, one before those that OBJECTIVE reads; `jaxviz layers FILE` lists them.",
            autocompletion=complete_layer,
        ),
    ],
    out: Out,
    method: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="gradient: activation times gradient. integrated: gradients on the way from zero to the activation; "
            "the parts then sum to the whole.",
        ),
    ] = "integrated",
    show: Annotated[
        int, typer.Option(metavar="N", help="The number of images in the picture, the first of --images.", min=1)
    ] = 8,
    units: Annotated[int, typer.Option(metavar="N", help="The number of units shown for each image.", min=1)] = 4,
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
    """Divide an objective, such as a class, among the units and positions of a layer, for real images."""
    import numpy as np

    import jaxviz
    from jaxviz import analysis, objectives
    from jaxviz.cli.progress import progress_bar
    from jaxviz.files.outputs import staged
    from jaxviz.reports.real_images import read_real_images

    files = ResultFiles(out, f"{stem_of(objective)}.from.{stem_of(layer)}", ".png")
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
    real, _ = read_real_images(images, model.canvas)
    key = key_of(seed)
    with staged(out) as stage, progress_bar() as bars:
        bar = bars.task("attribution", len(real), what="images")
        found = analysis.attribution(model, objective, real, layer, method=method, progress=bar)
        shown = np.unique(found.strongest(units)[:show])
        wanted = objectives.channel(layer, shown)
        bar = bars.task(layer, len(shown))
        pictures = jaxviz.visualize(model, wanted, recipe, steps=steps, key=key, progress=bar)
        told: dict[str, object] = {"model": file, "objective": objective, "method": method}
        told |= _described(found) | {"made_by": pictures.provenance}
        arrays = {"units": found.units, "maps": found.maps, "scores": found.scores, "gaps": found.gaps}
        extent = analysis.extent_of(model, layer, real)
        figure = found.figure(real[:show], shown, pictures, count=units, extent=extent)
        files.write(stage, {".png": figure}, arrays, told)
    if as_json:
        print_json({"files": [str(path) for path in files.paths.values()], **told})
        return
    print(f"{files.told()}: {len(real)} image{'s' if len(real) > 1 else ''}")
    strongest = np.argsort(-np.abs(found.units.mean(axis=0)), kind="stable")[:units]
    listed = ", ".join(f"{layer}:{unit} {found.units[:, unit].mean():+.2g}" for unit in strongest)
    print(f"on average {found.scores.mean():.3g}, most of it from {listed}")


def _described(found: "Attribution") -> dict[str, object]:
    """Returns what a machine reads: the score of each image, and the units that it comes from most."""
    images = [
        {
            "score": float(score),
            "score_at_zero": float(base),
            "gap": float(gap),
            "units": [{"unit": int(unit), "attribution": float(row[unit])} for unit in strongest],
        }
        for score, base, gap, row, strongest in zip(
            found.scores, found.base_scores, found.gaps, found.units, found.strongest(_TOLD), strict=True
        )
    ]
    return {"layer": found.layer, "images": images}
