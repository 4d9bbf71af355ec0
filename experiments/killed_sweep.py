"""Does a sweep that is killed many times leave the same files as an uninterrupted sweep, in constant memory?

Command:  pip install -e '.[test]' && python -m experiments.killed_sweep
Time:     about 40 minutes on 2 cores.
Expected: 20 kills, the same files byte for byte, and as much memory in each quarter of the units.

The network is an untrained MobileNet of keras.applications, with 11,944 filters and classes, at 32 x 32. One sweep
runs without a break. The other runs in processes that get SIGKILL at random moments, and each process continues where
the previous one was killed. Compiled programs are cached, as for any user, in a directory of this run.
"""

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jaxviz
from jaxviz import cli
from jaxviz.cli.progress import progress_bar
from jaxviz.sweeps.manifest import FILE

MAIN = "from jaxviz.cli import main; main()"


def network(path: Path, name: str, side: int) -> None:
    """Writes an untrained network of keras.applications."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    keras.utils.set_random_seed(0)
    getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), include_top=True).save(path)


def start(file: Path, out: Path, steps: int, cache: Path) -> subprocess.Popen:
    """Begins ``jaxviz sweep`` in a process of its own."""
    environment = os.environ | {"JAXVIZ_CACHE_DIR": str(cache), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", MAIN, "sweep", str(file), "--out", str(out), "--steps", str(steps)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def memory_of(process: subprocess.Popen) -> int:
    """Returns the bytes that a process holds; 0 once it has ended."""
    try:
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def files(directory: Path) -> dict[str, bytes]:
    """Returns all files below a directory."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def uninterrupted(file: Path, out: Path, steps: int, cache: Path) -> tuple[float, list[tuple[int, int, int]]]:
    """Sweeps without a break; returns the seconds, and units done, units in all and memory every second."""
    begin, process = time.monotonic(), start(file, out, steps, cache)
    seen: list[tuple[int, int, int]] = []
    with progress_bar() as bars:
        bar = None
        while process.poll() is None:
            time.sleep(1)
            if not (out / FILE).exists():
                continue
            found = jaxviz.Sweep.open(out)
            bar = bar or bars.task("uninterrupted", found.units, what="units")
            bar(found.done - (seen[-1][0] if seen else 0))
            seen.append((found.done, found.units, memory_of(process)))
    if process.returncode:
        raise SystemExit(f"the sweep failed: {process.communicate()[1]}")
    return time.monotonic() - begin, seen


def killed(file: Path, out: Path, steps: int, cache: Path, lives: list[float]) -> int:
    """Sweeps with a kill after each of some seconds, then to the end; returns how many kills hit a running sweep."""
    kills = 0
    with progress_bar() as bar:
        advance = bar.task("killed", len(lives), what="kills")
        for life in lives:
            process = start(file, out, steps, cache)
            try:
                process.communicate(timeout=life)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
            advance(1)
    last = start(file, out, steps, cache)
    last.communicate()
    if last.returncode:
        raise SystemExit("the last sweep failed")
    return kills


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.killed_sweep",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="MobileNet", help="name of a function of keras.applications")
    parser.add_argument("--side", type=int, default=32, help="height and width of the images")
    parser.add_argument("--steps", type=int, default=8, help="steps of each ascent")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments of the kills")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        network(here / "model.keras", options.model, options.side)
        file, cache = here / "model.keras", here / "cache"
        seconds, said = uninterrupted(file, here / "whole", options.steps, cache)
        units = said[-1][1]
        print(f"{units:,} units in {seconds:.0f} s")
        for quarter in range(4):
            held = [memory for done, _, memory in said if quarter * units <= 4 * done < (quarter + 1) * units]
            print(f"most memory in quarter {quarter + 1} of the units: {max(held, default=0) / 2**20:,.0f} MiB")
        draw = random.Random(options.seed)
        lives = [draw.uniform(0, seconds / options.kills) for _ in range(options.kills)]
        kills = killed(file, here / "killed", options.steps, cache, lives)
        one, other = files(here / "whole"), files(here / "killed")
        differ = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
        print(f"{kills} kills; {len(one):,} files, {len(differ)} of which differ {' '.join(differ[:5])}".rstrip())
    if differ:
        raise SystemExit(1)


if __name__ == "__main__":
    cli.run(main)
