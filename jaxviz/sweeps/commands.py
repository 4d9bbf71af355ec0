"""Commands: a manifest -> the command, or the call in Python, that makes a sweep or one of its pictures again."""

import re
import shlex
from pathlib import Path

from jaxviz.objectives.expressions import quoted
from jaxviz.recipes import PRESETS
from jaxviz.sweeps.manifest import Manifest
from jaxviz.sweeps.recipe_facts import preset_of
from jaxviz.sweeps.selection import swept_layers

__all__ = ["call_of_unit", "of_sweep", "of_unit"]

_KEY = re.compile(r"threefry2x32 \[0, (\d+)\]")  # a key that a seed gives


def of_sweep(manifest: Manifest, directory: Path) -> str:
    """Returns the command that makes a sweep; empty where none does, as for a recipe or a key of one's own.

    Recipes with different numbers of steps or restarts take a command each, joined by ``&&``.
    """
    common, recipes = _common(manifest), [_recipe_options(manifest, name) for name in manifest.recipes]
    together: dict[tuple[str, ...], list[str]] = {}
    for name, numbers in zip(manifest.recipes, recipes, strict=True):
        if numbers is None or common is None:
            return ""
        together.setdefault(numbers, []).extend(("--recipe", name))
    chosen = [] if manifest.swept == swept_layers(manifest.network) else manifest.swept
    layers = [word for layer in chosen for word in ("--layer", layer)]
    aspects = ["--negative"] if "negative" in manifest.aspects else []
    aspects += ["--diversity", str(manifest.diversity)] if manifest.diversity else []
    begin, out = ["jaxviz", "sweep", *_model(manifest), *layers], ["--out", directory.name or "."]
    return " && ".join(
        shlex.join([*begin, *names, *numbers, *(common or []), *aspects, *out]) for numbers, names in together.items()
    )


def of_unit(manifest: Manifest, layer: str, unit: int, recipe: str) -> str:
    """Returns the command that makes the picture of one unit by one recipe; empty where none does."""
    common, numbers = _common(manifest), _recipe_options(manifest, recipe)
    if common is None or numbers is None:
        return ""
    asked = f"log_odds({unit})" if layer in manifest.classes else f"{quoted(layer)}:{unit}"
    # An expression, since the file is then named by the unit: the pictures of all units go into one directory.
    words = [*_model(manifest), "--objective", asked, "--recipe", recipe, *numbers, *common, "--out", "pictures"]
    return shlex.join(["jaxviz", "visualize", *words])


def call_of_unit(manifest: Manifest, layer: str, unit: int, recipe: str) -> str:
    """Returns the call in Python that makes the picture of one unit, of the network as ``model``.

    Empty where the recipe is no preset, or the key is no seed.
    """
    key, made = _KEY.fullmatch(manifest.facts.get("key", "")), preset_of(recipe, manifest.recipes[recipe])
    if key is None or made is None:
        return ""
    asked = f"class_log_odds({unit})" if layer in manifest.classes else f"channel({layer!r}, {unit})"
    words = [f"model, jaxviz.objectives.{asked}, {recipe!r}"]
    words += [f"key=jax.random.key({key[1]})"] if key[1] != "0" else []
    preset = PRESETS[recipe]
    words += [
        f"{name}={getattr(made, name)}"
        for name in ("steps", "restarts")
        if getattr(made, name) != getattr(preset, name)
    ]
    words.append(f"precision={manifest.facts['precision']!r}")  # named, since its default is the device's
    return f"jaxviz.visualize({', '.join(words)})"


def _model(manifest: Manifest) -> list[str]:
    """Returns the words by which a command takes the network."""
    return [manifest.source["file"], *shlex.split(manifest.source.get("options", ""))]


def _common(manifest: Manifest) -> list[str] | None:
    """Returns seed and precision as options; None where the network or the key cannot be typed."""
    facts = manifest.facts
    key = _KEY.fullmatch(facts.get("key", ""))
    if key is None or "file" not in manifest.source:
        return None
    options = ["--seed", key[1]] if key[1] != "0" else []
    return [*options, "--precision", facts["precision"]]  # named, since its default is the device's


def _recipe_options(manifest: Manifest, recipe: str) -> tuple[str, ...] | None:
    """Returns steps and restarts of a recipe as options; None for a recipe that is no preset."""
    made = preset_of(recipe, manifest.recipes[recipe])
    if made is None:
        return None
    preset = PRESETS[recipe]
    options = ["--steps", str(made.steps)] if made.steps != preset.steps else []
    return (*options, *(["--restarts", str(made.restarts)] if made.restarts != preset.restarts else []))
