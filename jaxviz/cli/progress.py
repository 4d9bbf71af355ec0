"""Progress: live bars on a terminal, occasional lines elsewhere."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Column
from rich.text import Text

__all__ = ["Bar", "Bars", "Pace", "clock_time", "progress_bar"]

_SILENCE = 30.0  # seconds between two lines about one task where there is no terminal
_COMPILED = 5.0  # seconds of compiling that are worth a line
_MEASURED = 0.5  # seconds over which a rate is worth telling: that of chunks which end together is endless


class Pace:
    """The speed of a task.

    Compiling comes before the first images are finished, so the rate is counted from then on where that is possible.

    Args:
      total: how many images there will be.
      steps: how many steps each takes; 0 where that is of no interest.
      begin: when the work began, by ``time.monotonic``; now, when left out.
    """

    def __init__(self, total: int, steps: int = 0, begin: float | None = None):
        self.total, self.steps = total, steps
        self.compiling = steps > 0
        self.done = self.climbed = self.again = 0
        self._begin = time.monotonic() if begin is None else begin
        self._first: tuple[float, int] | None = None
        self._last = self._begin

    def advance(self, count: int, kept: bool = False, again: bool = False) -> None:
        """Counts images that are finished; those ``kept`` from an earlier run say nothing about the rate.

        Those made ``again`` since an earlier run's were damaged are counted apart, too.
        """
        self.done += count
        self.again += count if again else 0
        if kept or not count:
            return
        self.climbed += count
        self._last = time.monotonic()
        self._first = self._first or (self._last, count)

    @property
    def elapsed(self) -> float:
        """Seconds since the task began."""
        return time.monotonic() - self._begin

    @property
    def rate(self) -> float | None:
        """Images a second since the first of them; None before that can be told."""
        if not self.steps:  # of many layers, each of which is compiled: that is part of the pace
            return self.climbed / max(self._last - self._begin, _MEASURED) if self.climbed else None
        if self._first is None or self._last - self._first[0] < _MEASURED:
            return None
        since, before = self._first
        return (self.climbed - before) / (self._last - since)

    @property
    def left(self) -> float | None:
        """Seconds that are left, counted from the last images; None before the first."""
        rate = self.rate or self.climbed / max(self._last - self._begin, 1e-9)
        return max(0.0, (self.total - self.done) / rate - (time.monotonic() - self._last)) if rate else None

    def speed(self) -> str:
        """Returns the rate as text: steps per second if steps are known, else pictures per second; empty if unknown."""
        rate = self.rate
        if rate is None:
            return ""
        return f"{_round(rate * self.steps)} steps/s" if self.steps else f"{_round(rate)}/s"


class Bar:
    """One task's bar: what to call with each number of finished pictures.

    Attributes:
      pace: its speed; ``total`` and ``steps`` may be set when they are known.
    """

    def __init__(self, name: str, pace: Pace, what: str, progress: Progress, *, live: bool, silent: float = 0.0):
        self.pace = pace
        self._name, self._what, self._progress, self._live = name, what, progress, live
        self._task = progress.add_task(name, total=pace.total or None, pace=pace)
        self._said, self._finished, self._silent = time.monotonic(), False, silent

    def __call__(self, count: int, kept: bool = False, again: bool = False) -> None:
        """Advances by finished pictures: an earlier run's that are kept, or such as are made again, or new ones."""
        pace = self.pace
        pace.advance(count, kept, again)
        if self._finished:
            return
        self._progress.update(self._task, completed=pace.done, total=pace.total)
        if pace.done >= pace.total:
            self._finish()
        elif not self._live and time.monotonic() - self._said > _SILENCE and pace.left is not None:
            self._said = time.monotonic()
            self._say(_joined(f"{pace.done} of {pace.total}", pace.speed(), f"about {clock_time(pace.left)} remaining"))

    def compiling(self, what: str, seconds: float | None) -> None:
        """Tells that compiling begins, or how long it took."""
        self.pace.compiling = seconds is None
        if seconds is not None and seconds >= _COMPILED:
            self._say(f"{what} compiled in {seconds:.1f} s")

    def _finish(self) -> None:
        self._finished = True
        pace = self.pace
        if pace.elapsed < self._silent:
            return
        counted = f"{pace.total} {self._what if pace.total != 1 else self._what.removesuffix('s')}"
        kept = pace.total - pace.climbed
        if not pace.climbed:
            self._say(_joined(counted, "kept from before"))
            return
        before = _joined(
            f"{kept} kept from before" if kept else "", f"{pace.again} damaged and made again" if pace.again else ""
        )
        took = _joined(f"{pace.elapsed:.1f} s", pace.speed() if pace.steps else "")
        self._say(f"{counted} ({before}), {took}" if before else f"{counted}, {took}")

    def _say(self, line: str) -> None:
        self._progress.console.print(Text(f"{self._name}: {line}"), soft_wrap=True)


class Bars:
    """A stack of progress bars on stderr, where that is a terminal; lines elsewhere.

    A task that is finished leaves one line and gives its bar to the next, so that a hundred layers take the room of
    one.
    """

    def __init__(self, progress: Progress, *, live: bool):
        self._progress, self._live = progress, live

    def task(
        self,
        name: str,
        total: int,
        steps: int = 0,
        *,
        what: str = "pictures",
        begin: float | None = None,
        silent: float = 0.0,
    ) -> Bar:
        """Adds a bar.

        Args:
          name: what is worked at.
          total: how many pictures there will be; 0 while that is not known.
          steps: how many steps each takes; 0 to speak of pictures alone.
          what: what they are called.
          begin: when the work began, by ``time.monotonic``; now, when left out.
          silent: seconds; what takes no longer ends without a line.
        """
        for task in self._progress.tasks:  # not before: without any bar a live display scrolls the terminal
            if task.finished:
                self._progress.remove_task(task.id)
        return Bar(name, Pace(total, steps, begin), what, self._progress, live=self._live, silent=silent)


@contextlib.contextmanager
def progress_bar() -> Iterator[Bars]:
    """Shows bars while the block runs: name, pictures done, steps a second, time elapsed or remaining."""
    console = Console(stderr=True)
    live = console.is_terminal and not console.is_dumb_terminal
    columns = (
        _Told(lambda task: task.description, Column(max_width=28, no_wrap=True, overflow="ellipsis")),
        BarColumn(bar_width=None),
        _Told(lambda task: f"{task.completed:.0f}/{task.total:.0f}" if task.total else "", _narrow()),
        _Told(lambda task: task.fields["pace"].speed(), _narrow()),
        _Told(_left, _narrow()),
    )
    # What is printed meanwhile goes where it was sent: stdout may be a file that a machine reads.
    with Progress(
        *columns, console=console, disable=not live, expand=True, transient=True, redirect_stdout=False
    ) as progress:
        yield Bars(progress, live=live)


def clock_time(seconds: float) -> str:
    """Writes seconds as ``m:ss`` or ``h:mm:ss``.

    Example:
      >>> clock_time(75.4), clock_time(3661.0)
      ('1:15', '1:01:01')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class _Told(ProgressColumn):
    """A column that says something about a task."""

    def __init__(self, tell: Callable[[Task], str], column: Column):
        super().__init__(table_column=column)
        self._tell = tell

    def render(self, task: Task) -> Text:
        return Text(self._tell(task), no_wrap=True)


def _narrow() -> Column:
    return Column(justify="right", no_wrap=True)


def _left(task: Task) -> str:
    left = task.fields["pace"].left
    if left is None:
        gone = clock_time(task.fields["pace"].elapsed)
        return f"compiling {gone}" if task.fields["pace"].compiling else f"{gone} elapsed"
    return f"{clock_time(left)} remaining"


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _round(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
