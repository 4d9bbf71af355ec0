"""Does a sweep that is killed again and again leave what an uninterrupted one leaves, and does its memory stay flat?

Command:  pip install -e '.[test]' && python -m experiments.killed_sweep
Time:     about 40 minutes on 2 cores.
Expected: 20 kills, the same files byte for byte, and no more memory after the last unit than after a quarter of them.

MobileNet of keras.applications, untrained, its 11,944 filters and classes at 32 x 32, is swept once without a break
and once by processes that get SIGKILL at random moments, each going on where the one before was killed. Compiled
programs are cached, as they are for any user, in a directory of this run alone.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jaxviz import cli
from jaxviz.progress import progress_bar

CHILD = """
import resource, sys
import jaxviz
file, out, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
def told(event):
    with open("/proc/self/statm") as status:
        pages = int(status.read().split()[1])
    print(event.total_done, event.total_units, pages * resource.getpagesize(), flush=True)
jaxviz.sweep(jaxviz.keras.load(file), out, steps=steps, source=file, progress=told)
"""


def network(path: Path, name: str, side: int) -> None:
    """Writes an untrained network of keras.applications."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    keras.utils.set_random_seed(0)
    getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), include_top=True).save(path)


def start(file: Path, out: Path, steps: int, cache: Path) -> subprocess.Popen:
    """Begins a sweep in a process of its own."""
    environment = os.environ | {"JAXVIZ_CACHE_DIR": str(cache), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", CHILD, str(file), str(out), str(steps)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def told(line: str) -> tuple[int, int, int]:
    """Reads what a sweep says after each chunk: units done, units in all, bytes of memory."""
    done, units, memory = map(int, line.split())
    return done, units, memory


def files(directory: Path) -> dict[str, bytes]:
    """Returns all files below a directory."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def uninterrupted(file: Path, out: Path, steps: int, cache: Path) -> tuple[float, list[tuple[int, int, int]]]:
    """Sweeps without a break; returns the seconds, and what was said on the way."""
    begin, process, said = time.monotonic(), start(file, out, steps, cache), []
    assert process.stdout is not None
    with progress_bar() as bar:
        advance = None
        for line in process.stdout:
            said.append(told(line))
            advance = advance or bar.task("uninterrupted", said[0][1])
            advance(said[-1][0] - (said[-2][0] if len(said) > 1 else 0))
    if process.wait():
        raise SystemExit("the sweep failed")
    return time.monotonic() - begin, said


def killed(file: Path, out: Path, steps: int, cache: Path, lives: list[float]) -> int:
    """Sweeps with a kill after each of some seconds, then to the end; returns how many kills met a sweep at work."""
    kills = 0
    with progress_bar() as bar:
        advance = bar.task("killed", len(lives))
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
    parser.add_argument("--model", default="MobileNet", help="a function of keras.applications")
    parser.add_argument("--side", type=int, default=32, help="height and width of the images")
    parser.add_argument("--steps", type=int, default=8, help="steps of each ascent")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        network(here / "model.keras", options.model, options.side)
        file, cache = here / "model.keras", here / "cache"
        seconds, said = uninterrupted(file, here / "whole", options.steps, cache)
        units, peak = said[-1][1], max(memory for _, _, memory in said)
        print(f"{units:,} units in {seconds:.0f} s")
        for share in (0.25, 0.5, 0.75, 1.0):
            memory = next(memory for done, _, memory in said if done >= share * units)
            print(f"memory after {share:.0%} of the units: {memory / 2**20:,.0f} MiB")
        print(f"most: {peak / 2**20:,.0f} MiB")
        draw = random.Random(options.seed)
        lives = [draw.uniform(0, 2 * seconds / options.kills) for _ in range(options.kills)]
        kills = killed(file, here / "killed", options.steps, cache, lives)
        one, other = files(here / "whole"), files(here / "killed")
        differ = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
        print(f"{kills} kills; {len(one):,} files, {len(differ)} of which differ {' '.join(differ[:5])}".rstrip())
    if differ:
        raise SystemExit(1)


if __name__ == "__main__":
    cli.run(main)
