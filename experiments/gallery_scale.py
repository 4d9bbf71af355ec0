"""Does a gallery of 10,000 units open in under 2 seconds, and scroll without long frames?

Command:  python -m experiments.gallery_scale
Time:     about two minutes on 2 cores; it needs Chromium.
Expected: the first tiles of a wall of all units in half a second, and a unit's page in 0.2 s. Scrolling by 40 pixels
a frame runs at 60 frames a second, with at most one frame of 300 over 50 ms. Scrolling by a whole window a frame had
one in eight frames over 50 ms on 2 cores that other programs used too.

The sweep is synthetic, with the units in one layer and over 40 layers. A new browser opens its gallery from the file
system. Times are from the start of the navigation to the frame that shows the first tile, with its sheet decoded. Long
tasks are those of 50 ms and more that the browser reports. Long frames are gaps of more than 50 ms between two calls of
requestAnimationFrame.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

import jaxviz
from experiments.materials.synthetic_sweeps import synthetic_sweep
from jaxviz import cli

QUIET = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")
"""Chromium as a program that asks nothing of anybody; in a container it has no sandbox of its own."""

# Wait for one more frame, so that the first one has been painted.
_PAINTED = """() => new Promise(done =>
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"""
_DECODED = """async () => {
  const box = document.querySelector(".tile .picture:not(.none)");
  const image = new Image();
  image.src = /"(.*)"/.exec(getComputedStyle(box).backgroundImage)[1];
  await image.decode();
}"""
_SCROLL = """async ([step, frames]) => {
  const tasks = [];
  const seen = new PerformanceObserver(list => tasks.push(...list.getEntries().map(entry => entry.duration)));
  seen.observe({ entryTypes: ["longtask"] });
  const gaps = [];
  let last = performance.now();
  for (let frame = 0; frame < frames; frame++) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    gaps.push(now - last);
    last = now;
    window.scrollBy(0, step);
    if (window.scrollY + innerHeight >= document.documentElement.scrollHeight - 1) window.scrollTo(0, 0);
  }
  seen.disconnect();
  return { gaps: gaps.slice(2), tasks };
}"""


def measure(index: Path, layer: str, unit: int, *, zoom: int | None = None) -> dict[str, float]:
    """Opens a gallery in a new browser; returns milliseconds and counts by name."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        if zoom:
            page.add_init_script(f"localStorage.setItem('jaxviz-gallery-zoom', '{zoom}')")
        page.goto(f"{index.as_uri()}#/{layer}")
        page.wait_for_selector(".tile")
        page.evaluate(_DECODED)
        found = {"wall ms": page.evaluate(_PAINTED), "tiles": page.locator(".tile").count()}
        for name, step, frames in (("gentle", 40, 300), ("fast", 900, 200)):
            told = page.evaluate(_SCROLL, [step, frames])
            gaps = sorted(told["gaps"])
            found |= {
                f"{name}: median ms": statistics.median(gaps),
                f"{name}: 99 % ms": gaps[int(len(gaps) * 0.99)],
                f"{name}: longest ms": gaps[-1],
                f"{name}: over 50 ms": sum(gap > 50 for gap in gaps),
                f"{name}: long tasks": len(told["tasks"]),
            }
        before = page.evaluate("performance.now()")
        page.evaluate(f"location.hash = '#/{layer}/{unit}'")
        page.wait_for_selector(".curve")
        found["unit ms"] = page.evaluate(_PAINTED) - before
        fresh = browser.new_page()
        fresh.goto(index.as_uri())
        fresh.wait_for_selector(".layer .samples .picture")
        found["network ms"] = fresh.evaluate(_PAINTED)
        browser.close()
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.gallery_scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--units", type=int, default=10_000, help="default %(default)s")
    parser.add_argument("--side", type=int, default=28, help="side of the images in pixels; default %(default)s")
    parser.add_argument("--runs", type=int, default=3, help="how often each gallery is opened; default %(default)s")
    parser.add_argument("--zoom", type=int, help="side of the tiles in CSS pixels; default: the gallery's")
    arguments = parser.parse_args(argv)
    table = Table(title=f"{arguments.units} units, {arguments.runs} runs")
    rows: dict[str, list[str]] = {}
    cases = {"one layer": 1, "40 layers": 40}
    with tempfile.TemporaryDirectory() as directory:
        for case, layers in cases.items():
            counts = {f"layer_{place}": arguments.units // layers for place in range(layers)}
            sweep = synthetic_sweep(counts, (arguments.side, arguments.side, 1))
            index = jaxviz.gallery(sweep, Path(directory) / case.replace(" ", "-"))
            last = list(counts)[-1]
            runs = [measure(index, last, counts[last] // 2, zoom=arguments.zoom) for _ in range(arguments.runs)]
            for name in runs[0]:
                values = sorted(run[name] for run in runs)
                rows.setdefault(name, []).append(" ".join(f"{value:.0f}" for value in values))
    for heading in ("", *cases):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, cells in rows.items():
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    cli.run(main)
