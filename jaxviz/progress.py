"""Progress: bars on a terminal, one line a task elsewhere."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["Bars", "progress_bar"]


class Bars:
    """A stack of progress bars on stderr."""

    def __init__(self, progress: Progress):
        self._progress = progress

    def task(self, name: str, total: int) -> Callable[[int], None]:
        """Adds a bar and returns what to call with each number of finished pictures."""
        task = self._progress.add_task(name, total=total)

        def advance(count: int) -> None:
            self._progress.advance(task, count)
            state = self._progress.tasks[task]
            if not self._progress.console.is_terminal and state.finished:
                self._progress.console.print(f"{name}: {total} pictures, {state.elapsed:.1f} s")

        return advance


@contextlib.contextmanager
def progress_bar() -> Iterator[Bars]:
    """Shows bars while the block runs: name, pictures done, time gone and left."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bars(progress)
