"""``jaxviz gallery``: a sweep -> a static site."""

from pathlib import Path
from typing import Annotated

import typer

from jaxviz.values.errors import JaxvizError

__all__ = ["gallery"]


def gallery(
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="The directory of a sweep.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIRECTORY", help="Where to write it; by default DIRECTORY/gallery.")
    ] = None,
    atlas: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="An atlas.npz of `jaxviz atlas`, to which its layer's page links; may be given several times.",
        ),
    ] = None,
) -> None:
    """Write a static site of a sweep, with pages for the network, its layers and every unit."""
    import jaxviz
    from jaxviz.cli.progress import progress_bar

    if not directory.is_dir():
        raise JaxvizError(f"no such directory: {directory}; `jaxviz sweep FILE --out {directory}` makes one")
    sweep = jaxviz.Sweep.open(directory)
    pictures = sum(layer.finished(recipe=recipe) for layer in sweep.layers for recipe in sweep.recipes)
    with progress_bar() as bars:
        index = jaxviz.gallery(
            sweep, out, atlases=atlas or (), progress=bars.task("gallery", pictures, what="pictures")
        )
    print(f"{index}: open it in a browser")
