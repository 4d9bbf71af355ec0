"""Synthetic sweeps of any size, computed while they are read, for code that needs a sweep but no network."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from jaxviz.networks.layer import Canvas
from jaxviz.networks.wiring import Strongest
from jaxviz.reports.report import COLUMNS, Report
from jaxviz.sweeps import RealImages, Sweep, SweptLayer
from jaxviz.sweeps.manifest import Manifest, NetworkLayer
from jaxviz.visualization import Visualization

__all__ = ["SyntheticLayer", "SyntheticSweep", "synthetic_sweep"]

_STEPS, _BLOCK, _REAL, _BINS = 64, 64, 24, 32
_DEAD = 13  # one unit in so many


@dataclasses.dataclass(frozen=True)
class SyntheticLayer(SweptLayer):
    """A layer whose units have striped images, each its own; some units are dead.

    Attributes:
      share: the finished part of the layer, 0 to 1; its numbers exist when it is 1.
    """

    share: float = 1.0

    @property
    def aspects(self) -> tuple[str, ...]:
        return self.manifest.aspects

    @property
    def done(self) -> int:
        return int(self.channels * self.share)

    @property
    def complete(self) -> bool:
        return self.share == 1

    def finished(self, aspect: str = "positive", recipe: str | None = None) -> int:
        return self.done

    def _dead(self, units: np.ndarray) -> np.ndarray:
        return units % _DEAD == _DEAD - 1

    def blocks(
        self, aspect: str = "positive", *, recipe: str | None = None, most_bytes: int = 0
    ) -> Iterator[tuple[np.ndarray, Visualization]]:
        for first in range(0, self.done, _BLOCK):
            units = np.arange(first, min(first + _BLOCK, self.done))
            group = self.manifest.diversity if aspect == "diversity" else 1
            yield units, self._shown(np.repeat(units, group), aspect, group, recipe or self.recipes[0])

    def _shown(self, units: np.ndarray, aspect: str, group: int, recipe: str) -> Visualization:
        canvas, dead = self.manifest.canvas, self._dead(units)
        turns = np.arange(len(units)) % group + len(aspect) + self.recipes.index(recipe)
        pairs = zip(units.tolist(), turns.tolist(), strict=True)
        images = np.stack([_stripes(canvas, unit, turn) for unit, turn in pairs])
        images[dead] = 0
        reached = np.where(dead, 0, 1 + (units * 37 % 101) / 50).astype(np.float32)
        labels = self.labels(units, aspect)
        return Visualization(
            images=images,
            starts=np.zeros_like(images),
            scores=reached[:, None] * np.linspace(0, 1, _STEPS, dtype=np.float32) ** 0.5,
            final_scores=reached,
            labels=tuple(f"{label}#{place % group}" for place, label in enumerate(labels)) if group > 1 else labels,
            canvas=canvas,
            provenance=self.manifest.provenance(recipe),
            restarts=np.stack([images, np.flip(images, 1)], axis=1) if aspect == "positive" else None,
            restart_scores=np.stack([reached, reached / 2], axis=1) if aspect == "positive" else None,
        )

    def report_of(self, recipe: str | None = None) -> Report | None:
        if not self.complete:
            return None
        units = np.arange(self.channels)
        dead, unknown = self._dead(units), np.full(self.channels, np.nan)
        numbers = dict.fromkeys((name for name in COLUMNS if name != "ratio"), unknown)
        numbers |= {"reached": np.where(dead, 0, 1 + (units * 37 % 101) / 50), "largest": 1 + (units * 17 % 89) / 60}
        numbers |= {"selectivity": (units * 53 % 97) / 97}
        status = tuple("dead at the start" if one else "alive" for one in dead)
        return Report(labels=self.labels(units), status=status, dead=dead, judges={}, facts={}, **numbers)

    @property
    def strongest(self) -> Strongest | None:
        place = self.manifest.swept.index(self.name)
        if not place or not self.complete:
            return None
        before = next(layer for layer in self.manifest.network if layer.name == self.manifest.swept[place - 1])
        channels = (np.arange(self.channels)[:, None] * 7 + np.arange(4) * 3) % (before.channels or 1)
        weights = np.array([1.5, -1.0, 0.5, -0.25], np.float32)
        return Strongest(
            layer=before.name, channels=channels.astype(np.int32), weights=np.tile(weights, (self.channels, 1))
        )

    @property
    def alike(self) -> np.ndarray | None:
        return np.arange(self.channels)[::-1] if self.complete else None

    @property
    def real(self) -> RealImages | None:
        if not self.complete:
            return None
        units = np.arange(self.channels)[:, None]
        places, least = (units + np.arange(9)) % _REAL, (units + 12 + np.arange(9)) % _REAL
        activations = np.tile(np.linspace(1, 0.2, 9, dtype=np.float32), (self.channels, 1))
        tiles = np.random.default_rng(0).integers(0, 256, (_REAL, 16, 16, 1), np.uint8)
        plane = len(self.manifest.canvas.shape) == 3
        corner = np.stack([units % 5 + np.arange(9) % 3, units % 7 + np.arange(9) % 4], axis=-1)
        return RealImages(
            indices=places,
            activations=activations,
            places=places,
            least_indices=least,
            least_activations=-activations,
            least_places=least,
            tiles=tiles,
            counts=(units * 13 + np.arange(_BINS) * 29) % 17,
            ranges=np.tile(np.array([-0.2, 1.0], np.float32), (self.channels, 1)),
            labels=np.arange(_REAL) % 10,
            boxes=np.concatenate([corner, corner + 9], axis=-1) if plane else None,
            crops=tiles[places, :9, :9] if plane else None,
        )


@dataclasses.dataclass(frozen=True)
class SyntheticSweep(Sweep):
    """A sweep of striped layers.

    Attributes:
      share: how much of the last layer is finished.
    """

    share: float = 1.0

    @property
    def layers(self) -> tuple[SyntheticLayer, ...]:
        shares = [1.0] * (len(self.manifest.swept) - 1) + [self.share]
        names = zip(self.manifest.swept, shares, strict=True)
        return tuple(SyntheticLayer(self.directory, self.manifest, name, share) for name, share in names)


def synthetic_sweep(
    counts: Mapping[str, int],
    shape: tuple[int, ...] = (28, 28, 1),
    *,
    aspects: tuple[str, ...] = ("positive",),
    recipes: tuple[str, ...] = ("stripes",),
    share: float = 1.0,
    model: str = "synthetic",
    channel_axis: int = -1,
    class_names: tuple[str, ...] = (),
) -> SyntheticSweep:
    """Returns a synthetic sweep.

    Args:
      counts: the number of units of each layer; between any two there is a layer that is not swept.
      shape: the shape of its images.
      aspects: the kinds of images of each unit; diversity has two images.
      recipes: the names of recipes; the stripes of each have another angle.
      share: how much of the last layer is finished.
      model: what the network is called.
      channel_axis: the channel axis of its images.
      class_names: the names of the units of the last layer.
    """
    network: list[NetworkLayer] = []
    for name, count in counts.items():
        read = (network[-1].name,) if network else ()
        skip = (network[-1].name, name) if network else (name,)
        for each, kind, inputs in ((name, "Conv2D", read), (f"{name}_add", "Add", skip)):
            network.append(
                NetworkLayer(
                    name=each,
                    kind=kind,
                    output_shape=(8, 8, count),
                    channel_axis=-1,
                    learned=kind == "Conv2D",
                    inputs=inputs,
                )
            )
    manifest = Manifest(
        model=model,
        source={},
        weights="",
        canvas=Canvas(shape=shape, channel_axis=channel_axis),
        facts={},
        recipes={recipe: {"steps": str(_STEPS)} for recipe in recipes},
        diversity=2 if "diversity" in aspects else 0,
        network=tuple(network),
        swept=tuple(counts),
        aspects=aspects,
        chunk=0,
        classes=(),
        class_names=class_names,
        named=tuple(counts)[-1:] if class_names else (),
    )
    return SyntheticSweep(Path(), manifest, share)


def _stripes(canvas: Canvas, unit: int, turn: int) -> np.ndarray:
    grid = np.meshgrid(*(np.linspace(0, 1, side, dtype=np.float32) for side in canvas.shape), indexing="ij")
    angle, waves = unit * 0.61 + turn, 3 + unit % 7
    phase = sum(np.sin(angle + place) * axis for place, axis in enumerate(grid))
    return (0.5 + 0.45 * np.sin(2 * np.pi * waves * phase)).astype(np.float32)
