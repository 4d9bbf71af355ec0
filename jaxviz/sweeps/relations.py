"""Relations: how the units of a swept layer act on each other and change, as stored in its folder."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int, UInt8

__all__ = ["FILE", "Film", "NeighbourWeights", "Relations", "ShownGroups"]

FILE = "relations.npz"


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeighbourWeights:
    """The strongest weights between the units of a layer and those of a swept layer before it.

    In each array of pairs the first row is what excites, the second what inhibits.

    Attributes:
      source: the name of the layer before.
      before: for each unit, the units before that act on it most, ``[units, 2, k]``.
      before_weights: how strongly, ``[units, 2, k]``: the weights above 0, and those below.
      after: for each unit of the layer before, the units that it acts on most, ``[sources, 2, k]``.
      after_weights: how strongly, ``[sources, 2, k]``.
    """

    source: str
    before: Int[np.ndarray, "units 2 k"]
    before_weights: Float[np.ndarray, "units 2 k"]
    after: Int[np.ndarray, "sources 2 l"]
    after_weights: Float[np.ndarray, "sources 2 l"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShownGroups:
    """Groups of units that are active together on real images, as they are shown.

    Attributes:
      pictures: one for each group, ``[groups, height, width, channels]``.
      maps: where the group is active, over the images on which it is most, ``[groups, images, height, width, 3]``.
      units: the units that belong most strongly to each, ``[groups, k]``.
      error: the share of the activations that the groups leave unexplained.
    """

    pictures: UInt8[np.ndarray, "groups height width channels"]
    maps: UInt8[np.ndarray, "groups images height width 3"]
    units: Int[np.ndarray, "groups k"]
    error: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Film:
    """The pictures of the units in several states of the network.

    Attributes:
      states: what each state is called.
      frames: ``[units, states, height, width, channels]``.
    """

    states: tuple[str, ...]
    frames: UInt8[np.ndarray, "units states height width channels"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relations:
    """What is known of a layer; None for what was not asked for.

    Attributes:
      weights: between it and the swept layer before it.
      groups: of its units.
      film: of its units.
    """

    weights: NeighbourWeights | None = None
    groups: ShownGroups | None = None
    film: Film | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns everything as arrays by name, such as ``groups.maps``."""
        known = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            f"{kind}.{field.name}": np.asarray(getattr(part, field.name))
            for kind, part in known.items()
            if part is not None
            for field in dataclasses.fields(part)
        }

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Relations":
        """Makes relations of what `arrays` returned.

        Raises:
          KeyError: an array is missing.
        """
        kinds = {name.partition(".")[0] for name in arrays}

        def part(kind: str, *names: str) -> dict:
            return {name: arrays[f"{kind}.{name}"] for name in names}

        weights = groups = film = None
        if "weights" in kinds:
            names = ("before", "before_weights", "after", "after_weights")
            weights = NeighbourWeights(source=str(arrays["weights.source"]), **part("weights", *names))
        if "groups" in kinds:
            groups = ShownGroups(error=float(arrays["groups.error"]), **part("groups", "pictures", "maps", "units"))
        if "film" in kinds:
            film = Film(states=tuple(arrays["film.states"].tolist()), **part("film", "frames"))
        return cls(weights=weights, groups=groups, film=film)
