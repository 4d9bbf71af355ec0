"""Watching: finished images -> one picture on disk, written again every few seconds."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    import numpy as np

    from jaxviz.networks.layer import Canvas

__all__ = ["Watch", "watching"]

_MOST = 256  # tiles; the latest
_SIDE = 96  # pixels that a larger image is thinned out to, about
_PAUSE = 3.0  # seconds between two pictures
_SHARE = 20  # and this many times as long as the last one took to draw


class Watch:
    """A picture of the latest images, which grows with them.

    Args:
      path: the PNG file; None to draw nothing.
    """

    def __init__(self, path: Path | None):
        self._path = path
        self._tiles: dict[str, np.ndarray] = {}
        self._due, self._changed, self._count, self._told = 0.0, False, 0, False

    def add(self, labels: Sequence[str], images: "np.ndarray", canvas: "Canvas") -> None:
        """Takes images ``[n, *canvas.shape]``, finished or as they are by now, and draws when it is time.

        An image of a label that is there already takes the place of the earlier one.
        """
        if self._path is None:
            return
        from jaxviz.pictures.images import channels_last, rendering

        render = rendering(images, canvas.low, canvas.high)
        whole = channels_last(images, canvas.channel_axis)
        apart = max(1, max(whole.shape[1:3]) // _SIDE)
        tiles = [render(image)[::apart, ::apart] for image in whole]
        self._count += len(set(labels) - self._tiles.keys())
        self._tiles |= dict(zip(labels, tiles, strict=True))
        for label in list(self._tiles)[:-_MOST]:
            del self._tiles[label]
        self._changed = True
        if time.monotonic() >= self._due:
            self.draw()

    def draw(self) -> None:
        """Writes the picture, if anything is new; it is there whole, or as it was.

        A file that cannot be written is told of once, and tried again later: the work must not end with it.
        """
        if self._path is None or not self._changed:
            return
        begin = time.monotonic()
        try:
            self._write(self._path)
            self._changed = False
        except (OSError, JaxvizError) as error:
            if not self._told:
                print(f"{self._path} is not drawn: {error}", file=sys.stderr)
            self._told = True
        now = time.monotonic()
        self._due = now + max(_PAUSE, _SHARE * (now - begin))

    def _write(self, path: Path) -> None:
        import numpy as np

        from jaxviz.files.outputs import staged
        from jaxviz.pictures import figures

        labels, tiles = list(self._tiles), list(self._tiles.values())
        layers = list(dict.fromkeys(label.rpartition(":")[0] for label in labels))
        names = layers[0] if len(layers) == 1 else f"{layers[0]} to {layers[-1]}"
        captions = [label.rpartition(":")[2] for label in labels] if len(layers) == 1 else labels
        latest = f", the latest {len(tiles)} of {self._count}" if self._count > len(tiles) else f", {len(tiles)}"
        figure = figures.tiles_figure(np.stack(tiles), captions=captions, title=f"{names}{latest}")
        with staged(path.parent) as stage:
            figure.savefig(stage / path.name)


@contextlib.contextmanager
def watching(path: Path | None) -> Iterator[Watch]:
    """Draws while the block runs, and once more when it ends, however it ends.

    Raises:
      JaxvizError: the file's name does not end in ``.png``.
    """
    if path is not None and path.suffix != ".png":
        raise JaxvizError(f"watch {path}: give the name of a .png file")
    if path is not None:
        print(f"{path} shows the latest images", file=sys.stderr)
    watch = Watch(path)
    try:
        yield watch
    except BaseException:
        with contextlib.suppress(Exception):  # what ended the block is what to tell of
            watch.draw()
        raise
    watch.draw()
