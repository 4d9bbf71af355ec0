"""Results: the directory of a sweep -> its pictures and numbers, one block of units at a time."""

import dataclasses
import os
from pathlib import Path

from jaxviz.networks.layer import Canvas
from jaxviz.sweeps import commands
from jaxviz.sweeps.manifest import Manifest, NetworkLayer
from jaxviz.sweeps.swept_layers import SweptLayer
from jaxviz.values.errors import JaxvizError

__all__ = ["Sweep"]


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The directory of a sweep, finished or not; files are read only when they are needed.

    Attributes:
      directory: its path.
      manifest: the description of the sweep.
    """

    directory: Path
    manifest: Manifest

    def __repr__(self) -> str:
        counted = "1 layer" if len(self.manifest.swept) == 1 else f"{len(self.manifest.swept)} layers"
        recipes = f"recipe {self.recipes[0]}" if len(self.recipes) == 1 else f"recipes {', '.join(self.recipes)}"
        done, units = self.done, self.units
        made = f"{units} units" if done == units else f"{done} of {units} units"
        return f"Sweep({self.directory}: {made} of {counted}, {recipes})"

    @classmethod
    def open(cls, directory: str | os.PathLike) -> "Sweep":
        """Opens a directory that `jaxviz.sweep` wrote.

        Raises:
          JaxvizError: it has no sweep, or its manifest is damaged.
        """
        path = Path(directory)
        return cls(path, Manifest.read(path))

    @property
    def canvas(self) -> Canvas:
        """Shape, range and layout of the images."""
        return self.manifest.canvas

    @property
    def model_name(self) -> str:
        """The name of the network."""
        return self.manifest.model

    @property
    def source(self) -> dict[str, str]:
        """The ``file`` of the network, its ``sha256`` and the ``options`` that describe it; empty if unknown."""
        return self.manifest.source

    @property
    def facts(self) -> dict[str, str]:
        """Recipe, key, precision and versions, as text; for several recipes only their names."""
        if len(self.recipes) == 1:
            return self.manifest.provenance(self.recipes[0])
        return {"recipe": ", ".join(self.recipes), **self.manifest.facts}

    @property
    def recipes(self) -> tuple[str, ...]:
        """The names of the recipes of the pictures."""
        return tuple(self.manifest.recipes)

    @property
    def command(self) -> str:
        """The command that makes this sweep again; empty if no command can."""
        return commands.of_sweep(self.manifest, self.directory)

    @property
    def network(self) -> tuple[NetworkLayer, ...]:
        """All layers of the network, swept or not."""
        return self.manifest.network

    @property
    def left_out(self) -> dict[str, str]:
        """For each layer that is not swept, the reason."""
        return self.manifest.left_out

    @property
    def layers(self) -> tuple[SweptLayer, ...]:
        """The swept layers."""
        return tuple(
            SweptLayer(self.directory / self.manifest.folder(name), self.manifest, name) for name in self.manifest.swept
        )

    def layer(self, name: str) -> SweptLayer:
        """Returns a swept layer by its name.

        Raises:
          JaxvizError: there is no layer of this name.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise JaxvizError(f"layer {name!r} is not in this sweep; it has {', '.join(self.manifest.swept)}")

    @property
    def units(self) -> int:
        """The number of units of all swept layers."""
        return sum(layer.channels for layer in self.layers)

    @property
    def done(self) -> int:
        """The number of units that have their pictures by every recipe."""
        return sum(layer.done for layer in self.layers)

    @property
    def complete(self) -> bool:
        """True if every layer is complete."""
        return all(layer.complete for layer in self.layers)
