"""Live: a result on its way -> what a notebook shows of it, drawn anew as it climbs; and how far a computation is."""

import contextvars
import sys
import threading
import time

from jaxviz.pictures.markup import Markup, element
from jaxviz.pictures.notebooks import block, pictures
from jaxviz.values.errors import JaxvizError
from jaxviz.visualization import Visualization

__all__ = ["Live", "NotebookBar"]

_PAUSE = 0.25  # seconds between two drawings
_SHARE = 4  # and so many times as long as the last one took
_LATE = 2.0  # seconds after which a bar appears
_TICK = 1.0  # seconds between two of its drawings
_PIXELS = 96  # along a tile


class Live:
    """Shows pictures and score curves in a notebook while they climb, and how far they are.

    ``visualize(…, watch=True)`` makes one; ``watch=jaxviz.Live(most=4), watch_every=8`` says how.

    Args:
      total: how many images there will be; None where that is not known.
      most: how many images are shown, the latest.

    Example:
      >>> import jaxviz
      >>> live = jaxviz.Live(total=1)
      >>> _ = jaxviz.visualize(jaxviz.default_model(), "conv2d_1:3", steps=8, watch=live.see, watch_every=4)
      >>> print(live.state)
      1 of 1 images, conv2d_1:3 after 8 of 8 steps
    """

    def __init__(self, total: int | None = None, *, most: int = 16):
        if most < 1:
            raise JaxvizError(f"most of {most}: give how many images are shown, 1 or more")
        self._total, self._most = total, most
        self._parts: dict[tuple[str, ...], Visualization] = {}
        self._cell = _Cell("live")
        self._due = 0.0

    def __call__(self, part: Visualization) -> None:
        """Takes what climbs, and draws it when it is time.

        Raises:
          JaxvizError: this is no notebook.
        """
        self.see(part)
        begin = time.monotonic()
        if begin >= self._due or _steps(part) == _all_steps(part):
            self._cell.show(self.html())
            now = time.monotonic()
            self._due = now + max(_PAUSE, _SHARE * (now - begin))

    def see(self, part: Visualization) -> None:
        """Takes what climbs, and draws nothing."""
        self._parts.pop(part.labels, None)
        self._parts[part.labels] = part  # the latest stands last

    @property
    def state(self) -> str:
        """How far the images are, in a line."""
        if not self._parts:
            return "no images yet"
        done = sum(len(part) for part in self._parts.values() if _steps(part) == _all_steps(part))
        latest = list(self._parts.values())[-1]
        names = latest.labels[0] if len(latest) == 1 else f"{latest.labels[0]} … {latest.labels[-1]}"
        counted = f"{done} of {self._total}" if self._total else str(done)
        return f"{counted} images, {names} after {_steps(latest)} of {_all_steps(latest)} steps"

    def html(self) -> str:
        """Returns what the notebook shows."""
        tiles: list[Markup] = []
        for part in reversed(self._parts.values()):
            if len(tiles) < self._most:
                tiles = [*pictures(part[: self._most - len(tiles)], most=_PIXELS, of=_all_steps(part)), *tiles]
        return block(self.state, element("div", *tiles, class_="tiles"))


class NotebookBar:
    """Shows in a notebook how far a computation is, once it has taken two seconds.

    Args:
      things: what is counted, such as ``"images"``.
    """

    def __init__(self, things: str):
        self._things, self._done, self._total = things, 0, 0
        self._begin, self._cell, self._stop = time.monotonic(), _Cell("bar"), threading.Event()
        # A thread, so that the clock goes on while XLA compiles; its context is this cell's, to which it writes.
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=lambda: context.run(self._tick), daemon=True)

    def __enter__(self) -> "NotebookBar":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._cell.is_shown:
            self._cell.show(block(self.state))

    def reach(self, done: int, total: int) -> None:
        """Notes how many things are done, of how many."""
        self._done, self._total = done, total

    @property
    def state(self) -> str:
        """How far it is, in a line."""
        counted = f"{self._done} of {self._total} {self._things}" if self._total else self._things
        return f"{counted}, {time.monotonic() - self._begin:.0f} s"

    def _tick(self) -> None:
        wait = _LATE
        while not self._stop.wait(wait):
            wait = _TICK
            bar = element("progress", value=self._done, max=max(self._total, 1), aria_label=self._things)
            self._cell.show(block(self.state, bar))


class _Cell:
    """A place below a cell of a notebook, drawn anew each time."""

    def __init__(self, kind: str) -> None:
        self._kind, self._handle = kind, None

    @property
    def is_shown(self) -> bool:
        return self._handle is not None

    def show(self, html: str) -> None:
        IPython = sys.modules.get("IPython")  # noqa: N806
        if IPython is None or IPython.get_ipython() is None:
            raise JaxvizError("there is no notebook to show pictures in; give watch= a function of your own")
        from IPython import display

        drawn, told = display.HTML(html), {"jaxviz": self._kind}
        if self._handle is None:
            self._handle = display.display(drawn, display_id=True, metadata=told)
        else:
            self._handle.update(drawn, metadata=told)


def _steps(part: Visualization) -> int:
    return part.scores.shape[1]


def _all_steps(part: Visualization) -> int:
    return int(part.provenance["steps"])
