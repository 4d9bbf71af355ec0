"""Provenance: recipe, key and precision -> text that says how a picture was made."""

import dataclasses
import re
from importlib import metadata

import jax
from jaxtyping import Array

from jaxviz.recipes.recipe import Recipe
from jaxviz.values.contents import described

__all__ = ["provenance_of", "texts_of"]

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # in the memory of this process


def provenance_of(recipe: Recipe, key: Array, precision: str) -> dict[str, str]:
    """Returns recipe, key, precision and the versions of the libraries as text."""
    versions = {name: metadata.version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy")}
    chosen = texts_of(recipe)
    return {
        "recipe": chosen.pop("name"),
        **chosen,
        "precision": precision,
        "key": f"{jax.random.key_impl(key)} {jax.random.key_data(key).tolist()}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def texts_of(recipe: Recipe) -> dict[str, str]:
    """Returns the fields of a recipe as text, the same in every process.

    A function of your own is told by its name, and by a digest of what it reads, ``"contents"``.
    """
    names = [field.name for field in dataclasses.fields(recipe) if field.repr]
    noted = {"contents": described(recipe.contents)} if recipe.contents else {}
    return {name: _ADDRESS.sub("", str(getattr(recipe, name))) for name in names} | noted
