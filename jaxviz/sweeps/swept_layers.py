"""Swept layers: a folder of a sweep -> the pictures and numbers of one layer, one block of units at a time."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int

from jaxviz.ascent.store import RUN, Store
from jaxviz.files.arrays import read_arrays
from jaxviz.networks.wiring import Strongest
from jaxviz.objectives.labels import counted
from jaxviz.reports.report import Report
from jaxviz.sweeps import commands
from jaxviz.sweeps.exciting import RealImages
from jaxviz.sweeps.manifest import Manifest, NetworkLayer
from jaxviz.sweeps.relations import FILE as RELATIONS
from jaxviz.sweeps.relations import Relations
from jaxviz.sweeps.selection import with_positions
from jaxviz.values.errors import JaxvizError
from jaxviz.values.texts import Texts
from jaxviz.visualization import Visualization, assembled

__all__ = ["BLOCK_BYTES", "REAL", "REPORT", "STRONGEST", "SweptLayer"]


REPORT, STRONGEST, REAL = "units.json", "weights.npz", "real.npz"


BLOCK_BYTES = 64 << 20
"""Of images that are held at a time."""


@dataclasses.dataclass(frozen=True)
class SweptLayer:
    """One layer of a sweep; its files are read when they are needed.

    Attributes:
      directory: its folder.
      manifest: the description of the sweep.
      name: the layer's name.
    """

    directory: Path
    manifest: Manifest
    name: str

    @property
    def kind(self) -> str:
        """The layer's class, with the activation function that follows it."""
        return self._network.description

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of its output for one image."""
        return self._network.output_shape

    @property
    def channels(self) -> int:
        """The number of its units."""
        return self._network.channels or 0

    @property
    def recipes(self) -> tuple[str, ...]:
        """The names of the recipes of its pictures; the first is the default."""
        return tuple(self.manifest.recipes)

    @property
    def aspects(self) -> tuple[str, ...]:
        """The aspects that exist by any recipe, of ``"positive"``, ``"negative"``, ``"diversity"``."""
        return tuple(aspect for aspect in self.manifest.aspects if any(map(self._begun(aspect), self.recipes)))

    @property
    def wanted(self) -> tuple[str, ...]:
        """The aspects that the sweep makes of this layer; ``"diversity"`` needs a layer with positions."""
        differ = with_positions(self.manifest.network, self.name) is not None
        return tuple(aspect for aspect in self.manifest.aspects if differ or aspect != "diversity")

    @property
    def done(self) -> int:
        """The number of units that have their picture by every recipe."""
        return min(self.finished(recipe=recipe) for recipe in self.recipes)

    @property
    def complete(self) -> bool:
        """True if every aspect of every unit by every recipe exists, and the numbers too."""
        return all(
            self.has_numbers(recipe) and all(self.finished(aspect, recipe) == self.channels for aspect in self.wanted)
            for recipe in self.recipes
        )

    @property
    def report(self) -> Report | None:
        """The numbers of all units for the first recipe's pictures; None before they are complete."""
        return self.report_of()

    def report_of(self, recipe: str | None = None) -> Report | None:
        """Returns the numbers of all units for the pictures of one recipe; None before they are complete.

        Raises:
          JaxvizError: the sweep has no such recipe, or the numbers are damaged.
        """
        path = self.folder(recipe) / REPORT
        return Report.load(path) if path.is_file() else None

    def has_numbers(self, recipe: str | None = None) -> bool:
        """Returns whether the numbers of a recipe's pictures exist, without reading them."""
        return (self.folder(recipe) / REPORT).is_file()

    def folder(self, recipe: str | None = None) -> Path:
        """Returns the folder of a recipe, with the numbers of its pictures and a folder for each aspect.

        Raises:
          JaxvizError: the sweep has no such recipe.
        """
        return self.directory / self.manifest.recipe_folder(self._recipe(recipe))

    @property
    def strongest(self) -> Strongest | None:
        """The strongest weights to each unit; None if they are unknown."""
        arrays = self._optional(STRONGEST)
        if arrays is None or "layer" not in arrays:
            return None
        return Strongest(layer=str(arrays["layer"]), channels=arrays["channels"], weights=arrays["weights"])

    @property
    def alike(self) -> Int[np.ndarray, " units"] | None:
        """The units in an order in which those with similar weights are neighbours; None where that is not known.

        See `jaxviz.reports.likeness.order_by_likeness`.
        """
        return (self._optional(STRONGEST) or {}).get("order")

    @property
    def real(self) -> RealImages | None:
        """The real images that excite each unit most and least; None where none were given."""
        arrays = self._optional(REAL)
        return None if arrays is None else RealImages(**arrays)

    @property
    def relations(self) -> Relations | None:
        """How its units act on each other and change; None before `jaxviz.relate`."""
        arrays = self._optional(RELATIONS)
        return None if arrays is None else Relations.of(arrays)

    def blocks(
        self, aspect: str = "positive", *, recipe: str | None = None, most_bytes: int = BLOCK_BYTES
    ) -> Iterator[tuple[Int[np.ndarray, " k"], Visualization]]:
        """Yields finished units and their pictures, some tens of megabytes at a time.

        Args:
          aspect: one of `aspects`. A visualization of ``"diversity"`` has several images of each unit in a row, whose
            labels end in ``#0``, ``#1``, ….
          recipe: one of `recipes`; by default the first.
          most_bytes: the approximate size of a block.

        Raises:
          JaxvizError: the sweep has no such recipe, or a file is damaged.
        """
        recipe = self._recipe(recipe)
        folder = self.folder(recipe) / aspect
        if not self._begun(aspect)(recipe):
            return
        store = Store(folder, name=self.manifest.run_name(self.name, recipe, aspect))
        size = self._chunk(folder)
        waiting: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
        held = 0
        for chunk in range(-(-self.channels // size)):
            if not store.has(chunk):
                continue
            units = np.arange(chunk * size, min((chunk + 1) * size, self.channels))
            arrays = {name: array[: len(units)] for name, array in store.read(chunk).items()}
            waiting.append((units, arrays))
            held += sum(array.nbytes for array in arrays.values())
            if held >= most_bytes:
                yield self._block(waiting, aspect, recipe)
                waiting, held = [], 0
        if waiting:
            yield self._block(waiting, aspect, recipe)

    def visualization(self, aspect: str = "positive", *, recipe: str | None = None) -> Visualization:
        """Returns all finished pictures of an aspect.

        Args:
          aspect: one of `aspects`.
          recipe: one of `recipes`; by default the first.

        Raises:
          JaxvizError: there are none, or the sweep has no such recipe.
        """
        found = [block for _, block in self.blocks(aspect, recipe=recipe)]
        if not found:
            raise JaxvizError(f"{self.folder(recipe)}: no {aspect} pictures of {self.name!r} are finished")
        return found[0] if len(found) == 1 else Visualization.concatenate(found)

    def command(self, unit: int, recipe: str | None = None) -> str:
        """Returns the command that makes one unit's picture again; empty if no command can."""
        return commands.of_unit(self.manifest, self.name, unit, self._recipe(recipe))

    def call(self, unit: int, recipe: str | None = None) -> str:
        """Returns the call in Python that makes one unit's picture again; empty where none does.

        The network is ``model`` in it.
        """
        return commands.call_of_unit(self.manifest, self.name, unit, self._recipe(recipe))

    def labels(self, units: Int[np.ndarray, " k"], aspect: str = "positive") -> tuple[str, ...]:
        """Names units: ``conv2d_3:17`` or ``dense_3:1 goldfish``, with a minus sign for a minimized unit."""
        sign = "-" if aspect == "negative" else ""
        return tuple(counted(f"{sign}{self.name}", units, Texts(self.unit_names)))

    @property
    def unit_names(self) -> tuple[str, ...]:
        """The names of its units, if they are classes with names; else empty."""
        return self.manifest.unit_names(self.name)

    def finished(self, aspect: str = "positive", recipe: str | None = None) -> int:
        """Returns the number of units that have their picture of an aspect by a recipe.

        Raises:
          JaxvizError: the sweep has no such recipe, or the folder is damaged.
        """
        recipe = self._recipe(recipe)
        folder = self.folder(recipe) / aspect
        if not self._begun(aspect)(recipe):
            return 0
        size, store = self._chunk(folder), Store(folder)
        chunks = range(-(-self.channels // size))
        return sum(min(size, self.channels - chunk * size) for chunk in chunks if store.has(chunk))

    def _recipe(self, recipe: str | None) -> str:
        names = self.recipes
        if recipe is not None and recipe not in names:
            raise JaxvizError(f"recipe {recipe!r} is not in this sweep; it has {', '.join(names)}")
        return names[0] if recipe is None else recipe

    def _begun(self, aspect: str) -> Callable[[str], bool]:
        return lambda recipe: (self.folder(recipe) / aspect / RUN).is_file()

    def _block(self, parts: list[tuple[np.ndarray, dict[str, np.ndarray]]], aspect: str, recipe: str):
        units = np.concatenate([some for some, _ in parts])
        arrays = {name: np.concatenate([part[name] for _, part in parts]) for name in parts[0][1]}
        group = self.manifest.diversity if aspect == "diversity" else 1
        facts = self.manifest.provenance(recipe)
        if aspect == "negative":
            facts["target"] = "preactivation"
        return units, assembled(arrays, self.labels(units, aspect), group, self.manifest.canvas, facts)

    def _chunk(self, folder: Path) -> int:
        told = (Store.facts_of(folder) or {}).get("chunk", "")
        if not told.isdecimal() or not 0 < int(told) <= 1 << 20:
            raise JaxvizError(f"{folder / RUN} is damaged; sweep again, which makes its pictures again")
        return int(told)

    def _optional(self, name: str) -> dict[str, np.ndarray] | None:
        path = self.directory / name
        return read_arrays(path) if path.is_file() else None

    @property
    def _network(self) -> NetworkLayer:
        return next(layer for layer in self.manifest.network if layer.name == self.name)
