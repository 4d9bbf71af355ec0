"""Planning: a model and the arguments of a call -> the manifest of a sweep."""

import dataclasses
import fnmatch
import hashlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Array

from jaxviz.ascent import batches
from jaxviz.networks.layer import unknown_layer
from jaxviz.networks.model import Model
from jaxviz.networks.wiring import inputs_of
from jaxviz.objectives.arguments import layer_with_channels
from jaxviz.recipes import Recipe
from jaxviz.recipes.provenance import provenance_of
from jaxviz.sweeps.aspects import is_of_classes
from jaxviz.sweeps.manifest import Manifest, NetworkLayer
from jaxviz.sweeps.recipe_facts import facts_of
from jaxviz.sweeps.selection import swept_layers
from jaxviz.values.errors import JaxvizError
from jaxviz.values.references import is_reference

__all__ = ["planned"]


def planned(
    model: Model,
    layers: str | Sequence[str] | None,
    recipes: Sequence[Recipe],
    key: Array,
    precision: str,
    negative: bool,
    diversity: int,
    chunk: int | None,
    source: str | os.PathLike | Sequence[str] | None,
) -> Manifest:
    """Returns the manifest of what is asked for; the arguments are those of `jaxviz.sweep`.

    Raises:
      JaxvizError: there is no such layer, or no such file, or two recipes would have the same folder.
    """
    reads = inputs_of(model)
    words = [] if source is None else [os.fspath(source)] if isinstance(source, str | os.PathLike) else list(source)
    aspects = ["positive", *(["negative"] if negative else []), *(["diversity"] if diversity else [])]
    provenance = provenance_of(recipes[0], key, precision)
    plan = Manifest(
        model=_name(words[0]) if words else "model",
        source=_told(words) if words else {},
        weights=batches.digest(model),
        canvas=model.canvas,
        facts={name: provenance[name] for name in ("precision", "key", "versions")},
        recipes={recipe.name: facts_of(recipe) for recipe in recipes},
        diversity=diversity,
        chunk=chunk or 0,
        network=tuple(
            NetworkLayer(
                **{field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)},
                inputs=reads.get(layer.name, ()),
            )
            for layer in model.layers
        ),
        swept=_matched(model, layers),
        aspects=tuple(aspects),
        classes=tuple(layer.name for layer in model.layers if is_of_classes(model, layer.name)),
        class_names=model.class_names,
        named=tuple(layer.name for layer in model.layers if model.unit_names(layer.name)),
    )
    plan.check_recipe_folders()
    return plan


def _matched(model: Model, layers: str | Sequence[str] | None) -> tuple[str, ...]:
    """Returns the names of the layers that are meant, in the network's order."""
    if layers is None:
        return swept_layers(model.layers)
    names = [layer.name for layer in model.layers]
    chosen: set[str] = set()
    for pattern in [layers] if isinstance(layers, str) else layers:
        if pattern in names:
            chosen.add(layer_with_channels(model, pattern).name)
            continue
        found = [name for name in fnmatch.filter(names, pattern) if model.layer(name).channels]
        if not found:
            raise unknown_layer(pattern, names)
        chosen.update(found)
    if not chosen:
        raise JaxvizError("no layers to sweep; name one or more, or leave them out for all")
    return tuple(name for name in names if name in chosen)


def _name(file: str) -> str:
    """Returns what the network of a file is called, or that of ``module:attribute``: the attribute."""
    return file.rpartition(":")[2] if is_reference(file) else Path(file).stem


def _told(words: Sequence[str]) -> dict[str, str]:
    """Returns the source of a model as a manifest has it. Code has no digest: its model is known by its weights."""
    file, *options = words
    told = {"file": file} if is_reference(file) else {"file": Path(file).as_posix(), "sha256": _sha256(Path(file))}
    return told | ({"options": shlex.join(options)} if options else {})


def _sha256(path: Path) -> str:
    """Returns the digest of a file, or of all files of a directory, by their names."""
    if not path.exists():
        raise JaxvizError(f"no such file: {path}")
    digest = hashlib.sha256()
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(f"{file.relative_to(path)}\0".encode())
        with open(file, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
