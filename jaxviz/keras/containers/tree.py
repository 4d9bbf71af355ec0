"""Trees: the contents of an HDF5 file, as plain values."""

import dataclasses
from collections.abc import Mapping

import numpy as np

__all__ = ["Group"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Group:
    """One group of an HDF5 file.

    Attributes:
      attributes: name -> its text, or a tuple of texts; those that hold no text are left out.
      groups: the groups inside.
      arrays: the arrays inside, float32.
    """

    attributes: Mapping[str, str | tuple[str, ...]]
    groups: "Mapping[str, Group]"
    arrays: Mapping[str, np.ndarray]

    def find(self, path: str) -> "Group | np.ndarray | None":
        """Returns what a path such as ``conv/kernel:0`` leads to; None where it leads nowhere."""
        place: Group | np.ndarray | None = self
        for part in filter(None, path.split("/")):
            if not isinstance(place, Group):
                return None
            place = place.groups.get(part, place.arrays.get(part))
        return place
