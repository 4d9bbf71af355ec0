"""``jaxviz atlas``: many images -> a map of what a layer sees in them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz.cli.interrupts import Stopped, interrupts
from jaxviz.cli.models import load
from jaxviz.cli.options import (
    Architecture,
    AsJson,
    ClassNames,
    Custom,
    InputShape,
    ModelFile,
    PreprocessingName,
    RecipeName,
    Seed,
    Steps,
    complete_layer,
    key_of,
)
from jaxviz.cli.printing import print_json
from jaxviz.cli.progress import progress_bar

if TYPE_CHECKING:
    from jaxviz import Model
    from jaxviz.analysis import Atlas

__all__ = ["atlas"]

_KEPT = "kept"


def atlas(
    file: ModelFile,
    layer: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="A layer with positions, such as a convolution; `jaxviz layers FILE` lists them. Late layers show "
            "objects, early ones textures.",
            autocompletion=complete_layer,
        ),
    ],
    images: Annotated[
        Path,
        typer.Option(
            metavar="FILE|FOLDER",
            help="The images that the layer looks at, a thousand or more: a folder of photographs, .npy, or .npz with "
            "images (or x). A folder is read a few photographs at a time, so it may be of any size.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIRECTORY", help="Where to write it; an interrupted atlas there is continued.")
    ],
    grid: Annotated[int, typer.Option(metavar="N", min=1, help="Cells along each side.")] = 20,
    zoom: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Further zoom levels, each with twice as many cells along each side, and so four times as many.",
        ),
    ] = 0,
    positions: Annotated[int, typer.Option(metavar="N", min=1, help="Positions that are drawn of each image.")] = 16,
    side: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Pixels along each side of a cell's picture, such as 128 for a network of 224; by default as many as "
            "the network's images have. Time and memory go with its square.",
        ),
    ] = None,
    fewest: Annotated[
        int, typer.Option(metavar="N", min=1, help="A cell with fewer of the drawn activations stays empty.")
    ] = 4,
    patches: Annotated[
        int, typer.Option(metavar="N", min=1, help="Patches of the images that are shown for each cell.")
    ] = 4,
    recipe: RecipeName = None,
    steps: Steps = None,
    seed: Seed = 0,
    architecture: Architecture = None,
    preprocessing: PreprocessingName = None,
    input_shape: InputShape = None,
    custom: Custom = None,
    class_names: ClassNames = None,
    as_json: AsJson = False,
) -> None:
    """Map what a layer sees in many images: what looks alike to it lies together, and each cell has a picture."""
    model = load(
        file,
        architecture=architecture,
        preprocessing=preprocessing,
        input_shape=input_shape,
        custom=custom,
        class_names=class_names,
    )
    key_of(seed)
    grids = [grid * 2**level for level in range(zoom + 1)]
    settings = {"grids": grids, "positions": positions, "side": side, "fewest": fewest, "patches": patches}
    made = _made(model, layer, images, out, settings | {"recipe": recipe, "steps": steps, "seed": seed})
    files = _written(made, out, file)
    cells = sum(len(level) for level in made.levels)
    if as_json:
        described = [{"grid": level.side, "cells": len(level)} for level in made.levels]
        print_json({"layer": layer, "activations": len(made.points), "levels": described, "files": files})
        return
    print(f"{', '.join(files.values())}: {cells} cells of {len(made.points)} activations")


def _made(model: "Model", layer: str, images: Path, out: Path, settings: dict) -> "Atlas":
    from jaxviz import analysis
    from jaxviz.reports.real_images import open_real_images

    given, _ = open_real_images(images, model.canvas)
    with progress_bar() as bars, interrupts() as stop:
        bar = bars.task(layer, 0, what="cells")

        def report(done: int, total: int) -> None:
            bar.pace.total = total
            bar(done - bar.pace.done)

        made = analysis.atlas(model, layer, given, keep=out / _KEPT, progress=report, stop=stop, **settings)
    if not made.complete:
        done, cells = sum(int(level.finished.sum()) for level in made.levels), sum(map(len, made.levels))
        raise Stopped(f"stopped: {done} of {cells} cells are kept in {out}; the same command goes on")
    return made


def _written(made: "Atlas", out: Path, file: str) -> dict[str, str]:
    from PIL import Image

    from jaxviz.files.outputs import staged
    from jaxviz.galleries import atlas_page

    sheet = made.levels[-1].mosaic()
    with staged(out) as stage:
        made.save(stage / "atlas.npz")
        Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet).save(stage / "atlas.png")
    page = atlas_page(made, out, model=Path(file).stem)
    return {"atlas": str(out / "atlas.npz"), "picture": str(out / "atlas.png"), "page": str(page)}
