"""What do the pages of a gallery look like? Takes the screenshots for the documentation.

Command:  python -m experiments.gallery_screenshots GALLERY --layer conv2d_3 --unit 17 --out docs/images
Time:     10 seconds; it needs Chromium.
Expected: gallery_network.png, gallery_layer.png, gallery_real.png (the wall of real images), gallery_unit.png (whole),
and the same from a phone in light colours. --colour writes WebP with all colours, for networks of photographs.
"""

import argparse
import io
import shutil
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from experiments.gallery_scale import QUIET
from jaxviz import cli
from jaxviz.files.outputs import staged

_DESKTOP = {"viewport": {"width": 1280, "height": 820}, "color_scheme": "dark"}
_PHONE = {"viewport": {"width": 360, "height": 720}, "color_scheme": "light", "device_scale_factor": 2}
_COLOURS = 128  # colours: enough for flat pages and grey tiles, at a third of the file size
_QUALITY = 75  # of WebP
_NEEDED = {"network": ".samples .picture", "layer": ".tile", "unit": ".curve", "real": ".tile"}


def main(argv: list[str] | None = None) -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(
        prog="python -m experiments.gallery_screenshots",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("gallery", type=Path, help="the directory of a gallery")
    parser.add_argument("--layer", default="conv2d_3", help="layer whose wall is shown; default %(default)s")
    parser.add_argument("--unit", type=int, default=17, help="unit whose page is shown; default %(default)s")
    parser.add_argument("--name", default="gallery", help="beginning of the files' names; default %(default)s")
    parser.add_argument("--colour", action="store_true", help="write WebP with all colours, not PNG with 128")
    parser.add_argument("--out", type=Path, required=True, metavar="DIRECTORY", help="directory for the files")
    arguments = parser.parse_args(argv)
    index = (arguments.gallery / "index.html").resolve().as_uri()
    layer = quote(arguments.layer, safe="")
    pages = {"network": "", "layer": layer, "unit": f"{layer}/{arguments.unit}"}
    pages["real"] = f"{layer}?pictures=real&sort=similar-pictures"
    with staged(arguments.out) as stage, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        for suffix, device in (("", _DESKTOP), ("_phone", _PHONE)):
            page = browser.new_context(**device).new_page()
            for name, place in pages.items():
                page.goto(f"{index}#/{place}")
                page.wait_for_selector(_NEEDED[name])
                page.wait_for_load_state("networkidle")
                shot = Image.open(io.BytesIO(page.screenshot(full_page=name == "unit" and not suffix))).convert("RGB")
                if arguments.colour:
                    shot.save(stage / f"{arguments.name}_{name}{suffix}.webp", quality=_QUALITY, method=6)
                else:
                    shot.quantize(_COLOURS).save(stage / f"{arguments.name}_{name}{suffix}.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    cli.run(main)
