"""Galleries: a sweep -> a static site that needs no server and loads nothing from elsewhere."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from jaxviz.analysis import Atlas
from jaxviz.galleries.atlases import atlas_page, write_atlas
from jaxviz.galleries.belonging import check_layer
from jaxviz.galleries.details import TOGETHER
from jaxviz.galleries.drawing import lines
from jaxviz.galleries.layers import Reader, write_layer
from jaxviz.galleries.publication import published
from jaxviz.galleries.relations import neighbours
from jaxviz.galleries.scripts import number, safe, write_script
from jaxviz.networks.layer import unknown_layer
from jaxviz.reports.findings import STATUSES
from jaxviz.reports.likeness import METHOD
from jaxviz.reports.report import COLUMNS
from jaxviz.sweeps import Sweep

__all__ = ["atlas_page", "gallery"]

_MEANINGS = (
    "it has a picture",
    "its activation is 0 on every real image",
    "the image never changed, or its score was always 0 or NaN",
    "its score became 0 or NaN during the optimization",
    "its score or its image became NaN or infinite",
)
_MOST_READERS = 8


def gallery(
    sweep: Sweep | str | os.PathLike,
    out: str | os.PathLike | None = None,
    *,
    atlases: Sequence[Atlas | str | os.PathLike] = (),
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Writes a static site of a sweep: the network as a drawing, a wall of tiles for each layer, a page for each unit.

    It opens from the file system. The gallery of an unfinished sweep shows what is finished. The same sweep gives the
    same bytes. An older gallery in the directory is replaced at once, and is kept if this call fails.

    Args:
      sweep: the sweep, or its directory.
      out: the directory to write to; by default ``gallery`` inside the sweep's directory.
      atlases: atlases of layers of the network, or their files; the pages of the layers link to them.
      progress: called after each block of pictures with the number of its units.

    Returns:
      The path of the page to open.

    Raises:
      JaxvizError: there is no sweep, an atlas is of another network's layer, the sweep's numbers do not belong to its
        pictures, ``out`` cannot be written or has a page of something else, or another gallery is being written to it.

    Example:
      >>> jaxviz.gallery("sweep-of-vgg16")  # doctest: +SKIP
      PosixPath('sweep-of-vgg16/gallery/index.html')
    """
    sweep = sweep if isinstance(sweep, Sweep) else Sweep.open(sweep)
    directory = Path(out) if out is not None else Path(sweep.directory) / "gallery"
    for layer in sweep.layers:
        check_layer(layer)
    readers, after = _readers(sweep), neighbours(sweep.layers)
    maps = [one if isinstance(one, Atlas) else Atlas.load(one) for one in atlases]
    for one in maps:
        if one.layer not in (names := [layer.name for layer in sweep.network]):
            raise unknown_layer(one.layer, names)
    with published(directory) as files:
        swept = []
        for place, layer in enumerate(sweep.layers):
            folder = files / f"{place:03d}-{safe(layer.name)}"
            folder.mkdir()
            advance = progress or (lambda _: None)
            known: dict = {"readers": readers.get(layer.name, {}), "after": after.get(layer.name, {})}
            swept.append(write_layer(layer, sweep.canvas, folder, **known, advance=advance))
        data = files / "data"
        data.mkdir()
        written = [write_atlas(one, files, place) for place, one in enumerate(maps)]
        write_script(data, "network", _network(sweep, swept) | {"atlases": written})
    return directory / "index.html"


def _network(sweep: Sweep, swept: list[dict[str, object]]) -> dict[str, object]:
    """What the entry page shows, and what all pages share."""
    manifest = sweep.manifest
    place = {layer.name: at for at, layer in enumerate(sweep.network)}
    inputs = [sorted(place[name] for name in layer.inputs if name in place) for layer in sweep.network]
    return {
        "model": sweep.model_name,
        "source": list(sweep.source.items()),
        "recipes": [[name, list(manifest.provenance(name).items())] for name in sweep.recipes],
        "classes": {"layers": list(manifest.named), "names": list(manifest.class_names)},
        "command": sweep.command,
        "complete": sweep.complete,
        "units": sweep.units,
        "layers": [
            {"name": layer.name, "kind": layer.description, "shape": list(layer.output_shape), "inputs": read}
            for layer, read in zip(sweep.network, inputs, strict=True)
        ],
        "lines": lines(inputs),
        "swept": swept,
        "together": TOGETHER,
        "alike": METHOD,
        "columns": [[name, *texts] for name, texts in COLUMNS.items()],
        "statuses": list(zip(STATUSES, _MEANINGS, strict=True)),
    }


def _readers(sweep: Sweep) -> dict[str, dict[int, list[Reader]]]:
    """By layer and unit, the units of later layers that have it among their strongest weights, strongest first."""
    found: dict[str, dict[int, list[Reader]]] = {}
    for layer in sweep.layers:
        if (strongest := layer.strongest) is not None:
            of_layer = found.setdefault(strongest.layer, {})
            rows = zip(strongest.channels.tolist(), strongest.weights.tolist(), strict=True)
            for unit, (channels, weights) in enumerate(rows):
                for channel, weight in zip(channels, weights, strict=True):
                    of_layer.setdefault(channel, []).append((layer.name, unit, number(weight)))
    for of_layer in found.values():
        for each in of_layer.values():
            each.sort(key=lambda reader: -abs(reader[2] or 0))
            del each[_MOST_READERS:]
    return found
