"""Store: a directory with the finished chunks of a run, so that an interrupted run loses nothing.

``run.json`` describes the run. ``chunk-00007.npz`` holds the eighth chunk and its number. A file is written completely
or not at all. Several processes may share a directory: each writes its own chunks, and all wait for all chunks.
"""

import contextlib
import errno
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from jaxviz.files.arrays import read_arrays
from jaxviz.files.outputs import staged
from jaxviz.values.errors import JaxvizError

__all__ = ["RUN", "Condition", "Store"]

RUN = "run.json"
"""The file that says what the run is."""

Condition = Literal["missing", "sound", "damaged"]
"""How a file of an earlier run is found: ``"damaged"`` where it cannot be read, or is another's."""

_OF = "of"  # the array of a chunk that names its run and its number

_BEAT = 1.0  # seconds between a process's signs of life
_PATIENCE = 60.0  # seconds without one, after which a process counts as dead
_PASSING = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EPERM, errno.ENOMEM, errno.ESTALE}
_GLANCE = 0.1  # seconds between looks for chunks of others


class Store:
    """The finished chunks of one run, in a directory.

    Args:
      directory: made if need be.
      facts: what the run is; a directory of another run is refused. None to read what is there, whatever it is.
      signs: where processes show that they are at work; in the directory itself when left out.
      name: names the run in each of its chunks, so that those of another are known; made of the facts when left out.

    Raises:
      JaxvizError: the directory holds another run, or cannot be written.
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        facts: Mapping[str, str] | None = None,
        signs: str | os.PathLike | None = None,
        name: str | None = None,
    ):
        self.directory = Path(directory)
        told = json.dumps(sorted((facts or {}).items()))
        self._name = name or hashlib.sha256(told.encode()).hexdigest()
        self._signs = Path(directory if signs is None else signs)
        run = self.directory / RUN
        if facts is None:
            return
        if run.exists():
            self._check(run, facts)
        else:
            with staged(self.directory) as stage:
                (stage / RUN).write_text(json.dumps(dict(facts), indent=2) + "\n")

    @staticmethod
    def facts_of(directory: str | os.PathLike) -> dict[str, str] | None:
        """Returns what a directory says it keeps; None where it does not say, or not so that it can be read."""
        try:
            told = json.loads((Path(directory) / RUN).read_text())
        except (OSError, ValueError, RecursionError):
            return None
        return {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else None

    def has(self, chunk: int) -> bool:
        """Tells whether a chunk is finished."""
        return self.path(chunk).exists()

    def read(self, chunk: int) -> dict[str, np.ndarray]:
        """Reads a finished chunk.

        Raises:
          JaxvizError: it is damaged, or another one; deleted, it is made again.
        """
        try:
            return self._read(chunk)
        except JaxvizError as error:
            raise JaxvizError(f"{error}; delete it, and run again to make that chunk again") from error

    def examine(self, chunk: int, shapes: Mapping[str, tuple[int, ...]]) -> Condition:
        """Reads a finished chunk, and deletes it if it is damaged or another one.

        Args:
          chunk: which.
          shapes: of the arrays that it must have.

        Raises:
          JaxvizError: it cannot be read at the moment, which says nothing about it.
        """
        if not self.has(chunk):
            return "missing"
        try:
            found = {name: array.shape for name, array in self._read(chunk).items()}
        except JaxvizError as error:
            if isinstance(error.__cause__, MemoryError) or getattr(error.__cause__, "errno", None) in _PASSING:
                raise
            found = {}
        if found == shapes:
            return "sound"
        self.path(chunk).unlink(missing_ok=True)
        return "damaged"

    def keep_first(self, count: int) -> None:
        """Deletes the chunks after the first ones, which are of a run with another division into chunks."""
        for path in self.directory.glob("chunk-*.npz"):
            number = path.stem.removeprefix("chunk-")
            if number.isdecimal() and int(number) >= count:
                path.unlink(missing_ok=True)

    def write(self, chunk: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keeps a finished chunk.

        Raises:
          OSError: the disk is full, say; the error names the file.
        """
        path = self.path(chunk)
        try:
            with staged(self.directory) as stage, open(stage / path.name, "wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays, **{_OF: np.array(self._named(chunk))})
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error

    @contextlib.contextmanager
    def alive(self, process: int) -> Iterator[None]:
        """Shows the other processes that this one is at work, for as long as the block runs."""
        sign, stop = self._sign(process), threading.Event()

        def beat() -> None:
            while not stop.wait(_BEAT):
                with contextlib.suppress(OSError):  # a disk that hangs for a moment is no reason to stop
                    sign.touch()

        sign.touch()
        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            sign.unlink(missing_ok=True)

    def wait(self, owners: Mapping[int, int], ended: Callable[[], bool] = lambda: False) -> None:
        """Waits until chunks that other processes make are finished.

        Args:
          owners: for each chunk, the process that makes it.
          ended: tells that no more are to come.

        Raises:
          JaxvizError: a process died, which shows within a minute; the finished chunks stay.
        """
        last: dict[int, tuple[float | None, float]] = {}  # process -> its last sign, and when we first saw that
        while (missing := [chunk for chunk in owners if not self.has(chunk)]) and not ended():
            for process in sorted({owners[chunk] for chunk in missing}):
                sign, seen = self._last_sign(process), time.monotonic()
                before = last.setdefault(process, (sign, seen))
                if before[0] != sign:
                    last[process] = (sign, seen)
                left = before[0] is not None and sign is None
                silent = seen - last[process][1] > _PATIENCE
                if (left or silent) and not all(self.has(chunk) for chunk in missing if owners[chunk] == process):
                    raise JaxvizError(
                        f"process {process} ended before its work was done: {len(missing)} of the {len(owners)} chunks "
                        f"are missing; the others are kept in {self.directory}, and the same run goes on from there"
                    )
            time.sleep(_GLANCE)

    def path(self, chunk: int) -> Path:
        """Returns the file of a chunk, whether or not it is there."""
        return self.directory / f"chunk-{chunk:05}.npz"

    def _named(self, chunk: int) -> str:
        return f"chunk {chunk} of {self._name}"

    def _read(self, chunk: int) -> dict[str, np.ndarray]:
        arrays = read_arrays(self.path(chunk))
        told = str(arrays.pop(_OF, "something that does not say what it is"))
        if told != self._named(chunk):
            raise JaxvizError(f"{self.path(chunk)} holds {told}, not {self._named(chunk)}")
        return arrays

    def _sign(self, process: int) -> Path:
        return self._signs / f".alive-{process}"

    def _last_sign(self, process: int) -> float | None:
        try:
            return self._sign(process).stat().st_mtime
        except OSError:
            return None

    def _check(self, run: Path, facts: Mapping[str, str]) -> None:
        there = self.facts_of(self.directory)
        if there is None:
            raise JaxvizError(f"{run} is damaged; give another directory")
        for name in [*facts, *there]:
            if there.get(name) != facts.get(name):
                raise JaxvizError(
                    f"{self.directory} keeps another run: its {name} is {there.get(name)}, not {facts.get(name)}; "
                    "give another directory"
                )
