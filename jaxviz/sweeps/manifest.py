"""Manifest: what a sweep is, as stored in ``sweep.json``; what may change between runs, and what may not."""

import dataclasses
import hashlib
import json
from pathlib import Path

from jaxviz.files.outputs import staged
from jaxviz.networks.layer import Canvas, Layer
from jaxviz.sweeps.selection import left_out
from jaxviz.values.errors import JaxvizError

__all__ = ["ASPECTS", "FILE", "Manifest", "NetworkLayer"]

FILE = "sweep.json"
FORMAT = 2

ASPECTS = ("positive", "negative", "diversity")
"""What is made of each unit: what it answers to, what silences it, and several images of it that differ."""


_OPTIONAL = ("model file's sha256", "diversity", "chunk")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkLayer(Layer):
    """One layer of the network, swept or not.

    Attributes:
      inputs: the names of the layers that it reads; empty if it reads the image, or if they are unknown.
    """

    inputs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """The description of a sweep.

    Attributes:
      model: the network's name.
      source: the path, as given, and the sha256 of the ``file`` that it came from, or ``module:attribute``, and the
        ``options`` that describe it; empty where it came from none.
      weights: a sha256 of its layers, its variables and the name of what converts images to its input.
      canvas: shape, range and layout of the images.
      facts: key, precision and versions, as text, which all recipes share.
      recipes: the values of each recipe, as text, by its name; at least one.
      diversity: the number of different images of a unit; 0 for none.
      chunk: the number of images that each device optimizes together, if it was given; else 0.
      network: all layers of the network.
      swept: the names of the swept layers, in the network's order.
      aspects: the kinds of pictures of each unit.
      classes: the name of the layer whose units are classes, which are maximized by their log-odds; or empty.
      class_names: the names of the classes, in order; empty if they are unknown.
      named: the names of the layers whose units are the classes: the last layer, and the input of its softmax.
    """

    model: str
    source: dict[str, str]
    weights: str
    canvas: Canvas
    facts: dict[str, str]
    recipes: dict[str, dict[str, str]]
    diversity: int
    chunk: int
    network: tuple[NetworkLayer, ...]
    swept: tuple[str, ...]
    aspects: tuple[str, ...]
    classes: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        """Reads the manifest of a directory.

        Raises:
          JaxvizError: there is none, it is damaged, or a later version of jaxviz wrote it.
        """
        path = directory / FILE
        if not path.is_file():
            raise JaxvizError(f"{directory} holds no sweep: there is no {FILE}; `jaxviz sweep` makes one")
        try:
            told = json.loads(path.read_text())
            version = told.pop("format")
            told.pop("left_out", None)  # derived from the rest
            if version != FORMAT:
                raise JaxvizError(f"{path} has format {version}; this jaxviz reads {FORMAT}")
            canvas = told.pop("canvas")
            layers = tuple(NetworkLayer(**_frozen(layer)) for layer in told.pop("network"))
            found = cls(**_frozen(told), canvas=Canvas(**_frozen(canvas)), network=layers)
            if not set(found.swept) <= {layer.name for layer in layers} or not set(found.aspects) <= set(ASPECTS):
                raise ValueError("it names layers or recipes that do not exist")
            if not found.recipes or not all(isinstance(facts, dict) for facts in found.recipes.values()):
                raise ValueError("it names no recipe")
            return found
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if isinstance(error, JaxvizError):
                raise
            raise JaxvizError(f"{path} is damaged; restore it, or sweep into another directory") from error

    def write(self, directory: Path) -> None:
        """Writes the manifest, completely or not at all."""
        told = {"format": FORMAT, **dataclasses.asdict(self), "left_out": self.left_out}
        with staged(directory) as stage:
            (stage / FILE).write_text(json.dumps(told, indent=1) + "\n")

    def joined(self, other: "Manifest", directory: Path) -> "Manifest":
        """Returns this manifest with the layers, recipes and aspects of another, earlier one of the same sweep.

        Raises:
          JaxvizError: the earlier one is of another sweep, or has a recipe of the same name with other values; the
            message names the difference.
        """
        mine, others = _told(self), _told(other)
        for name, value in mine.items():
            there = others.get(name, "")
            # What only one of them says is no difference: it was not asked for there, and is taken over.
            if value != there and (name not in _OPTIONAL or (value and there)):
                raise JaxvizError(
                    f"{directory} keeps another sweep: its {name} is {there}, not {value}; give another directory"
                )
        for recipe in self.recipes.keys() & other.recipes.keys():
            mine, others = self.recipes[recipe], other.recipes[recipe]
            for name in mine | others:
                if mine.get(name) != others.get(name):
                    raise JaxvizError(
                        f"{directory} keeps pictures by the recipe {recipe} with {name} of {others.get(name)}, "
                        f"not {mine.get(name)}; give another directory"
                    )
        swept = {*self.swept, *other.swept}
        joined = dataclasses.replace(
            self,
            model=other.model,
            source=(other.source or self.source)
            | {name: text for name, text in self.source.items() if name == "options"},
            diversity=self.diversity or other.diversity,
            chunk=self.chunk or other.chunk,
            class_names=self.class_names or other.class_names,
            named=self.named or other.named,
            swept=tuple(layer.name for layer in self.network if layer.name in swept),
            recipes=other.recipes | self.recipes,
            aspects=tuple(aspect for aspect in ASPECTS if aspect in (*self.aspects, *other.aspects)),
        )
        joined.check_recipe_folders()
        return joined

    @property
    def left_out(self) -> dict[str, str]:
        """For each layer that is not swept, the reason; see `selection.left_out`."""
        return left_out(self.network, self.swept, self.aspects)

    def provenance(self, recipe: str) -> dict[str, str]:
        """Returns the settings of a recipe's pictures: its name and values, key, precision and versions."""
        assumed = {"range": self.canvas.assumption} if self.canvas.is_assumed else {}
        return {"recipe": recipe, **self.recipes[recipe], **self.facts, **assumed}

    def unit_names(self, layer: str) -> tuple[str, ...]:
        """Returns the names of a layer's units, in order; empty if they have only numbers."""
        return self.class_names if layer in self.named else ()

    def run_name(self, layer: str, recipe: str, aspect: str) -> str:
        """Returns a name for the pictures of an aspect of a layer by a recipe, which no other sweep has."""
        made = json.dumps([self.weights, self.provenance(recipe)], sort_keys=True)
        return f"{layer} {recipe} {aspect} {hashlib.sha256(made.encode()).hexdigest()[:16]}"

    def folder(self, layer: str) -> str:
        """Returns the folder of a layer: its place in the network, and its name with safe characters."""
        place = [each.name for each in self.network].index(layer)
        return f"{place:03}-{_plain(layer)}"

    def recipe_folder(self, recipe: str) -> str:
        """Returns the folder of a recipe in that of a layer: its name with safe characters."""
        return _plain(recipe) or "_"

    def check_recipe_folders(self) -> None:
        """Checks that no two recipes have the same folder.

        Raises:
          JaxvizError: two have.
        """
        folders: dict[str, str] = {}
        for recipe in self.recipes:
            other = folders.setdefault(self.recipe_folder(recipe), recipe)
            if other != recipe:
                raise JaxvizError(f"recipes {other!r} and {recipe!r} have the same folder; rename one of them")


def _told(manifest: Manifest) -> dict[str, str]:
    """Returns what two runs of one sweep must have in common."""
    optional = (manifest.source.get("sha256", ""), str(manifest.diversity or ""), str(manifest.chunk or ""))
    # Whether its range is assumed or stated changes no picture.
    canvas = dataclasses.replace(manifest.canvas, is_assumed=False)
    strict = {"weights": manifest.weights, "canvas": str(canvas)}
    return {**manifest.facts, **strict, **dict(zip(_OPTIONAL, optional, strict=True))}


def _plain(name: str) -> str:
    """Returns what a file name can hold of a name: letters, digits, ``-`` and ``_``."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in name)[:64]


def _frozen(values: dict) -> dict:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
