"""``jaxviz relate``: a sweep -> how its units act on each other, for its gallery."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz.cli.models import load
from jaxviz.cli.options import Images
from jaxviz.cli.states import names_of, state_of
from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    from jaxviz import Model, Sweep

__all__ = ["relate"]

_OPTIONS = ("architecture", "preprocessing", "input_shape", "custom", "class_names")


def relate(
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="The directory of a sweep.")],
    images: Images = None,
    groups: Annotated[
        int, typer.Option(metavar="N", help="The number of groups of each layer; they need --images.", min=1)
    ] = 6,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHECKPOINT",
            help="A state of the network, for films; as for `jaxviz history`. Given once for each state, in order.",
        ),
    ] = None,
) -> None:
    """Find how the units of a sweep act on each other, for the pages of its gallery; run `jaxviz gallery` afterwards.

    Unit pages get the units before and behind with the strongest weights. With --images, the pages of layers get groups
    of units that are active together. With --checkpoint, unit pages get a film.
    """
    import jaxviz
    from jaxviz.cli.progress import progress_bar
    from jaxviz.reports.real_images import read_real_images

    sweep = jaxviz.Sweep.open(directory)
    model = _model(sweep)
    real = None if images is None else read_real_images(images, model.canvas)[0]
    given = checkpoint or []
    states = [state_of(one, model) for one in given]
    with progress_bar() as bars:
        bar = bars.task("relations", len(sweep.layers), what="layers")
        jaxviz.relate(model, sweep, images=real, groups=groups, states=states, names=names_of(given), progress=bar)
    print(f"{directory}: relations of {len(sweep.layers)} layers; `jaxviz gallery {directory}` shows them")


def _model(sweep: "Sweep") -> "Model":
    """Loads the network of a sweep as the command that made it did."""
    if "file" not in sweep.source:
        raise JaxvizError(
            f"{sweep.directory} does not say what file its network came from; call jaxviz.relate in Python"
        )
    words = shlex.split(sweep.source.get("options", ""))
    options = {name[2:].replace("-", "_"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    given = {name: options.get(name) for name in _OPTIONS}
    architecture = None if given["architecture"] is None else Path(given["architecture"])
    return load(
        sweep.source["file"],
        architecture=architecture,
        preprocessing=given["preprocessing"],
        input_shape=given["input_shape"],
        custom=given["custom"],
        class_names=given["class_names"],
    )
