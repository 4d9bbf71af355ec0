"""``jaxviz sweep``: a whole network -> a directory of images and numbers."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz.cli.distribution import is_first, join
from jaxviz.cli.interrupts import Stopped, interrupts
from jaxviz.cli.models import load, words_of
from jaxviz.cli.options import (
    Architecture,
    AsJson,
    ClassNames,
    Coordinator,
    Custom,
    Distributed,
    Images,
    InputShape,
    ModelFile,
    Precision,
    PreprocessingName,
    Process,
    Processes,
    RecipeNames,
    Restarts,
    Seed,
    Steps,
    Watched,
    complete_layer,
    key_of,
)
from jaxviz.cli.printing import print_json
from jaxviz.cli.progress import Bar, Bars, progress_bar
from jaxviz.cli.watching import Watch, watching
from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    from jaxviz import Sweep
    from jaxviz.sweeps import SweepProgress

__all__ = ["sweep"]

_SHORT = 2.0  # seconds that are not worth a line
_NAMES = 5  # layers that are named in a line


def sweep(
    file: ModelFile,
    out: Annotated[
        Path, typer.Option(metavar="DIRECTORY", help="Where to write it; an interrupted sweep there is continued.")
    ],
    layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A layer, or a pattern such as 'block?_conv*'; may be given several times. "
            "Every convolution and dense layer when left out.",
            autocompletion=complete_layer,
        ),
    ] = None,
    recipe: RecipeNames = None,
    steps: Steps = None,
    seed: Seed = 0,
    restarts: Restarts = None,
    negative: Annotated[bool, typer.Option("--negative", help="Also make an image that minimizes each unit.")] = False,
    diversity: Annotated[int, typer.Option(metavar="N", help="Also make N different images of each unit.")] = 0,
    images: Images = None,
    observer: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Another network, which tells the real images apart by the pictures; with --images."
        ),
    ] = None,
    chunk: Annotated[
        int | None,
        typer.Option(metavar="N", help="Images that are optimized together; by default chosen for the machine."),
    ] = None,
    precision: Precision = None,
    architecture: Architecture = None,
    preprocessing: PreprocessingName = None,
    input_shape: InputShape = None,
    custom: Custom = None,
    class_names: ClassNames = None,
    distributed: Distributed = False,
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
    resume: Annotated[
        bool, typer.Option(help="Continue the sweep in DIRECTORY, or refuse a directory that has one.")
    ] = True,
    watch: Watched = None,
    as_json: AsJson = False,
) -> None:
    """Make pictures of every unit of a network or of some layers, saved chunk by chunk in a directory."""
    import jaxviz
    from jaxviz.reports.real_images import read_real_images
    from jaxviz.sweeps.manifest import FILE

    join(distributed=distributed, coordinator=coordinator, processes=processes, process=process)
    if not resume and (out / FILE).exists():
        raise JaxvizError(f"{out} has a sweep; leave --no-resume out to go on with it, or give another --out")
    model = load(
        file,
        architecture=architecture,
        preprocessing=preprocessing,
        input_shape=input_shape,
        custom=custom,
        class_names=class_names,
    )
    source = words_of(
        file,
        architecture=architecture,
        preprocessing=preprocessing,
        input_shape=input_shape,
        custom=custom,
        class_names=class_names,
    )
    real, labels = (None, None) if images is None else read_real_images(images, model.canvas)
    with progress_bar() as bars, watching(watch) as pictures, interrupts() as stop:
        made = jaxviz.sweep(
            model,
            out,
            layers=layer or None,
            recipe=recipe or None,
            key=key_of(seed),
            steps=steps,
            restarts=restarts,
            negative=negative,
            diversity=diversity,
            images=real,
            labels=labels,
            observer=None if observer is None else load(observer),
            source=source,
            precision=precision,
            chunk=chunk,
            progress=_Shown(bars, pictures),
            stop=stop,
        )
    if not made.complete:
        raise Stopped(f"stopped: {made.done} of {made.units} units are kept in {out}; the same command goes on")
    if not is_first():
        return
    if as_json:
        print_json(_described(made))
        return
    counted = "1 layer" if len(made.layers) == 1 else f"{len(made.layers)} layers"
    print(f"{out}: {made.units} units of {counted}, {_dead(made)}")
    for line in _notes(made, all_meant=not layer):
        print(line)


def _dead(made: "Sweep") -> str:
    """Says how many units are dead, for each recipe."""
    counts = {
        recipe: sum(int(found.dead.sum()) for one in made.layers if (found := one.report_of(recipe)))
        for recipe in made.recipes
    }
    if len(counts) == 1:
        return f"{counts[made.recipes[0]]} of them dead"
    return "of them dead " + ", ".join(f"{count} by {recipe}" for recipe, count in counts.items())


def _notes(made: "Sweep", *, all_meant: bool) -> Iterator[str]:
    """Yields what a sweep leaves out and why, a line for each reason.

    Args:
      made: the sweep.
      all_meant: no layers were named; else layers that were not asked for are not listed.
    """
    from jaxviz.sweeps.selection import NOT_ASKED_FOR, before_activation

    if early := before_activation(made.network, made.manifest.swept):
        yield f"shown before the activation function, whose output cannot be read: {_listed(early)}"
    by_reason: dict[str, list[str]] = {}
    for name, reason in made.left_out.items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        if all_meant and reason != NOT_ASKED_FOR:
            yield f"not swept ({reason}): {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES])
    return shown if len(names) <= _NAMES else f"{shown} and {len(names) - _NAMES} more"


class _Shown:
    """Shows the progress of a sweep: a bar for the layer, one for the sweep, and the latest images."""

    def __init__(self, bars: Bars, pictures: Watch):
        self._bars, self._pictures = bars, pictures
        self._whole = bars.task("in all", 0)
        self._part: Bar | None = None
        self._of: tuple[str, str, str] | None = None
        self._done, self._last = 0, time.monotonic()

    def __call__(self, event: "SweepProgress") -> None:
        import jax

        part = (event.layer, event.recipe, event.aspect)
        if self._part is None or self._of != part:
            jax.clear_caches()  # of this process, which does nothing else: its memory is then the same in each layer
            words = [event.layer, event.recipe if event.recipes > 1 else "", event.aspect.removeprefix("positive")]
            name = " ".join(filter(None, words))
            # What came before the first chunk, compiling above all, is this part's.
            measured = event.aspect == "numbers"
            steps, silent = (0, _SHORT) if measured else (event.steps, 0.0)
            self._part = self._bars.task(name, event.units, steps, what="units", begin=self._last, silent=silent)
            self._of = part
        self._whole.pace.total = event.total_units
        moved = event.total_done - self._done
        self._part(event.done if event.aspect == "numbers" else moved, event.kept, event.again)
        self._whole(moved, event.kept, event.again)
        self._done, self._last = event.total_done, time.monotonic()
        if event.images is not None:
            self._pictures.add(event.labels, event.images, event.canvas)

    def compiling(self, what: str, seconds: float | None) -> None:
        """Tells that compiling the program of the latest part begins, or how long it took."""
        assert self._part is not None
        self._part.compiling(what, seconds)


def _described(made: "Sweep") -> dict[str, object]:
    layers = [
        {
            "name": one.name,
            "class": one.kind,
            "units": one.channels,
            "aspects": one.aspects,
            "dead": int(one.report.dead.sum()) if one.report else None,
        }
        for one in made.layers
    ]
    whole = {"directory": str(made.directory), "units": made.units, "facts": made.facts, "recipes": made.recipes}
    return whole | {"layers": layers, "left_out": made.left_out}
