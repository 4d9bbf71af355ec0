"""Does a damaged Keras file crash, hang or flood the process that loads it, or raise an error that is not jaxviz's?

Command:  JAXVIZ_CACHE_DIR= python -m experiments.fuzz_keras_files --minutes 10
Time:     as given by --minutes; needs only jaxviz.
Expected: no failure, and at least 20,000 files in 10 minutes on 2 cores.

The structure and the bytes of small valid files of every container are changed, and each changed file is loaded in
another process. The structure is the fields of the architecture, the groups, links, attributes and arrays of an HDF5
file, and the entries of an archive. A file that fails is kept in the directory --out, and `--only NUMBER` loads it
again.
"""

import argparse
import collections
import dataclasses
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from multiprocessing import connection
from pathlib import Path

from rich.console import Console
from rich.table import Table

import jaxviz
from experiments.materials.keras_mutants import mutant
from jaxviz import cli

MOST_SECONDS = 10
MOST_BYTES = 2 << 30
_FORGET = 100  # loads after which a worker clears JAX's trace caches, which would fill the memory


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of one file.

    Attributes:
      number: the number of the file.
      kind: the original file and the kind of change.
      result: ``opened``, ``refused``, or what failed.
      seconds: how long it took.
    """

    number: int
    kind: str
    result: str
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        return self.result not in ("opened", "refused")


def load_one(number: int, scratch: Path) -> Outcome:
    """Makes one damaged file, loads it, and returns the outcome.

    A file that took too long is loaded once more, because the machine may have been suspended.
    """
    outcome = _load_once(number, scratch)
    return _load_once(number, scratch) if outcome.seconds > MOST_SECONDS else outcome


def _load_once(number: int, scratch: Path) -> Outcome:
    room = Path(tempfile.mkdtemp(dir=scratch))  # one for each file, since a stopped worker leaves its files behind
    path, kind = mutant(number, room / str(number))
    begin = time.monotonic()
    try:
        jaxviz.keras.load(path)
        result = "opened"
    except jaxviz.JaxvizError:
        result = "refused"
    except Exception as error:  # any error but jaxviz's own is a failure to report
        result = f"{type(error).__name__}: {str(error)[:200]}"
    seconds = time.monotonic() - begin
    if seconds > MOST_SECONDS:
        result = f"took {seconds:.0f} s"
    shutil.rmtree(room)
    return Outcome(number, kind, result, seconds)


def work(first: int, stride: int, scratch: Path, results: connection.Connection) -> None:
    """Loads every stride-th file, beginning with the first, until the process is stopped."""
    import jax

    _limit_memory()
    number = first
    while True:
        results.send(load_one(number, scratch))
        number += stride
        if (number - first) // stride % _FORGET == 0:
            jax.clear_caches()


def _limit_memory() -> None:
    """Limits this process to 2 GB more memory than its libraries have loaded."""
    if sys.platform == "linux":
        import resource

        jaxviz.default_model()  # so that all libraries are loaded
        with open("/proc/self/statm") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_BYTES, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Worker:
    """A process that loads files, and its current file."""

    def __init__(self, first: int, stride: int, scratch: Path):
        context = multiprocessing.get_context("spawn")
        self.results, sender = context.Pipe(duplex=False)
        self.next, self.stride, self.scratch = first, stride, scratch
        self.silence = -60.0  # seconds; it has to import JAX first
        self.suspect = -1  # the file at which the previous worker stopped answering
        self.process = context.Process(target=work, args=(first, stride, scratch, sender), daemon=True)
        self.process.start()
        sender.close()

    def receive(self) -> Outcome:
        """Returns the next outcome; the process's death counts as an outcome."""
        try:
            outcome = self.results.recv()
        except (EOFError, OSError):
            self.process.join()
            outcome = Outcome(self.next, "", f"the process died, exit code {self.process.exitcode}")
        self.next += self.stride
        self.silence = 0.0
        return outcome

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.results.close()

    def after(self) -> "Worker":
        """Returns a new worker that continues after this one's file."""
        self.stop()
        return Worker(self.next, self.stride, self.scratch)


def fuzz(minutes: float, first: int, processes: int, scratch: Path) -> list[Outcome]:
    """Loads damaged files until the time is up, and returns the outcomes."""
    workers = [Worker(first + place, processes, scratch) for place in range(processes)]
    outcomes: list[Outcome] = []
    now = time.monotonic()
    end = now + 60 * minutes
    try:
        while now < end:
            ready = connection.wait([worker.results for worker in workers], timeout=1)
            before, now = now, time.monotonic()
            for place, worker in enumerate(workers):
                if worker.results in ready:
                    outcomes.append(worker.receive())
                    if not worker.process.is_alive() and "died" in outcomes[-1].result:
                        workers[place] = worker.after()
                    continue
                worker.silence += min(now - before, 2)  # a suspended machine must not count as a worker that hangs
                if worker.silence > 3 * MOST_SECONDS:
                    if worker.suspect == worker.next:
                        outcomes.append(Outcome(worker.next, "", f"silent for {worker.silence:.0f} s"))
                        worker.next += worker.stride
                    workers[place] = worker.after()
                    workers[place].suspect = worker.next
    finally:
        for worker in workers:
            worker.stop()
    return outcomes


def show(outcomes: list[Outcome]) -> None:
    """Prints how many files of each kind were opened, refused, and failed."""
    counts = collections.Counter(
        (outcome.kind, outcome.result if not outcome.failed else "failed") for outcome in outcomes
    )
    table = Table(title=f"{len(outcomes):,} files, the slowest {max(o.seconds for o in outcomes):.1f} s")
    for heading in ("seed: mutation", "opened", "refused", "failed"):
        table.add_column(heading, justify="left" if heading.startswith("seed") else "right")
    for kind in sorted({outcome.kind for outcome in outcomes}):
        table.add_row(kind or "unknown", *(str(counts[kind, result]) for result in ("opened", "refused", "failed")))
    totals = (sum(n for (_, kind), n in counts.items() if kind == result) for result in ("opened", "refused", "failed"))
    table.add_row("all", *map(str, totals))
    Console().print(table)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.fuzz_keras_files",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="number of the first file")
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="worker processes; default: one for each core, %(default)s",
    )
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="directory for the files that fail")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="load this file alone, and show its error")
    arguments = parser.parse_args(argv)
    if arguments.only is not None:
        path, kind = mutant(arguments.only, Path(tempfile.mkdtemp()) / str(arguments.only))
        print(f"{path}  ({kind})")
        print(jaxviz.keras.load(path).layers)
        return
    with tempfile.TemporaryDirectory() as scratch:
        outcomes = fuzz(arguments.minutes, arguments.first, arguments.processes, Path(scratch))
    failures = [outcome for outcome in outcomes if outcome.failed]
    for outcome in failures:
        print(f"{outcome.number}  {outcome.kind}  {outcome.result}", flush=True)
        kept = arguments.out / str(outcome.number)
        if not kept.exists():
            arguments.out.mkdir(parents=True, exist_ok=True)
            mutant(outcome.number, kept)
    if outcomes:
        show(outcomes)
    if failures:
        raise jaxviz.JaxvizError(f"{len(failures)} files failed; they are in {arguments.out}")


if __name__ == "__main__":
    cli.run(main)
