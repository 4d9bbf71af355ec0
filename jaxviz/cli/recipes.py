"""``jaxviz recipes``: all recipes, and the values of one."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from jaxviz.cli.options import AsJson, complete_recipe
from jaxviz.cli.printing import print_json, print_table

if TYPE_CHECKING:
    from jaxviz.recipes import Recipe

__all__ = ["recipes"]


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A recipe, to show all its values.", autocompletion=complete_recipe),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the recipes; or show all values of one recipe."""
    from jaxviz.recipes import PRESETS, find

    if name is not None:
        values = _values(find(name))
        if as_json:
            print_json(values)
            return
        longest = max(map(len, values))
        for field, value in values.items():
            for place, line in enumerate(value if isinstance(value, list) else [value]):
                print(f"{'' if place else field:{longest}}  {line}")
            if value == []:
                print(f"{field:{longest}}  none")
        return
    if as_json:
        print_json([_values(recipe) for recipe in PRESETS.values()])
        return
    rows = [
        (
            *(recipe.name, str(recipe.steps), str(recipe.views), recipe.units),
            _names((recipe.parameterization,)),
            _names((*recipe.transforms, *recipe.penalties)),
        )
        for recipe in PRESETS.values()
    ]
    print_table(
        rows,
        headings=("recipe", ">steps", ">views", "units", "image", "transforms and penalties"),
        title="Recipes; `jaxviz recipes NAME` shows every value of one",
    )


def _values(recipe: "Recipe") -> dict[str, object]:
    """Returns a recipe's fields: whole numbers as such, several things as a list of texts, all else as text."""
    return {field.name: _value(getattr(recipe, field.name)) for field in dataclasses.fields(recipe) if field.repr}


def _value(value: object) -> object:
    if isinstance(value, tuple):
        return [str(one) for one in value]
    return value if value is None or isinstance(value, int) else str(value)


def _names(values: tuple) -> str:
    return ", ".join(type(value).__name__ for value in values) or "-"
