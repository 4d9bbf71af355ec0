"""Commands: a manifest -> what to type to make a sweep, or one of its pictures, again."""

import dataclasses
import re
import shlex
from pathlib import Path

from jaxviz.recipes import PRESETS
from jaxviz.sweeps.aspects import swept_layers
from jaxviz.sweeps.manifest import Manifest

__all__ = ["of_sweep", "of_unit"]


def of_sweep(manifest: Manifest, directory: Path) -> str:
    """Returns the command that makes a sweep; empty where none does, as for a recipe or a key of one's own."""
    options = _options(manifest)
    if options is None:
        return ""
    chosen = [] if manifest.swept == swept_layers(manifest.network) else manifest.swept
    layers = [word for layer in chosen for word in ("--layer", layer)]
    aspects = ["--negative"] if "negative" in manifest.aspects else []
    aspects += ["--diversity", str(manifest.diversity)] if manifest.diversity else []
    return shlex.join(
        ["jaxviz", "sweep", manifest.source["file"], *layers, *options, *aspects, "--out", directory.name or "."]
    )


def of_unit(manifest: Manifest, layer: str, unit: int) -> str:
    """Returns the command that makes the picture of one unit; empty where none does."""
    options = _options(manifest)
    if options is None:
        return ""
    if layer in manifest.classes:
        asked = ["--objective", f"log_odds({unit})"]
    else:
        asked = ["--layer", layer, "--channels", str(unit)]
    return shlex.join(["jaxviz", "visualize", manifest.source["file"], *asked, *options, "--out", "pictures"])


def _options(manifest: Manifest) -> list[str] | None:
    """Returns recipe, steps, seed and precision as options; None where they cannot be typed."""
    facts = manifest.facts
    preset = PRESETS.get(facts.get("recipe", ""))
    key = re.fullmatch(r"threefry2x32 \[0, (\d+)\]", facts.get("key", ""))
    if preset is None or key is None or "file" not in manifest.source:
        return None
    made = preset.replace(steps=int(facts["steps"]), restarts=int(facts["restarts"]))
    chosen = {field.name: str(getattr(made, field.name)) for field in dataclasses.fields(made) if field.name != "name"}
    if any(facts.get(name) != value for name, value in chosen.items()):
        return None  # a recipe of one's own, under the name of a preset
    options = ["--recipe", made.name]
    options += ["--steps", facts["steps"]] if made.steps != preset.steps else []
    options += ["--restarts", facts["restarts"]] if made.restarts != preset.restarts else []
    options += ["--seed", key[1]] if key[1] != "0" else []
    return options + (["--precision", facts["precision"]] if facts["precision"] != "float32" else [])
