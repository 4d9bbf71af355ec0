"""Provenance: recipe, key and precision -> text that says how a picture was made."""

import dataclasses
from importlib import metadata

import jax
from jaxtyping import Array

from jaxviz.recipes.recipe import Recipe

__all__ = ["provenance_of"]


def provenance_of(recipe: Recipe, key: Array, precision: str) -> dict[str, str]:
    """Returns recipe, key, precision and the versions of the libraries as text."""
    versions = {name: metadata.version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy")}
    chosen = {field.name: str(getattr(recipe, field.name)) for field in dataclasses.fields(recipe)}
    return {
        "recipe": chosen.pop("name"),
        **chosen,
        "precision": precision,
        "key": f"{jax.random.key_impl(key)} {jax.random.key_data(key).tolist()}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
