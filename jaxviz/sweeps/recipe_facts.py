"""Recipe facts: recipes -> the text that a manifest stores of each, and back."""

from collections.abc import Mapping, Sequence

from jaxviz import recipes
from jaxviz.recipes import PRESETS, Recipe
from jaxviz.recipes.provenance import texts_of
from jaxviz.values.errors import JaxvizError

__all__ = ["facts_of", "found", "preset_of"]


def found(asked: str | Recipe | Sequence[str | Recipe], changes: Mapping[str, int]) -> tuple[Recipe, ...]:
    """Returns recipes by their names, each once.

    Args:
      asked: one recipe or several, or their names.
      changes: fields that are replaced in all of them, such as ``steps``.

    Raises:
      JaxvizError: there is none, a name is unknown, or two different recipes have one name.
    """
    several = [asked] if isinstance(asked, str | Recipe) else list(asked)
    named: dict[str, Recipe] = {}
    for one in several:
        recipe = recipes.find(one).replace(**changes)
        if named.setdefault(recipe.name, recipe) != recipe:
            raise JaxvizError(f"two recipes have the name {recipe.name!r}; rename one with replace(name=…)")
    if not named:
        raise JaxvizError("no recipe is given; give one or more, such as recipe='quick'")
    return tuple(named.values())


def facts_of(recipe: Recipe) -> dict[str, str]:
    """Returns the fields of a recipe as text, without its name."""
    return {name: text for name, text in texts_of(recipe).items() if name != "name"}


def preset_of(name: str, facts: Mapping[str, str]) -> Recipe | None:
    """Returns the preset, with its own or other steps and restarts, that has these facts; None where none has."""
    preset = PRESETS.get(name)
    if preset is None:
        return None
    try:
        made = preset.replace(steps=int(facts["steps"]), restarts=int(facts["restarts"]))
    except (KeyError, ValueError):
        return None
    return made if facts_of(made) == facts else None
