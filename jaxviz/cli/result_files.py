"""Result files: what an analysis found -> figures, arrays and a JSON document in a directory."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

__all__ = ["ResultFiles"]


class ResultFiles:
    """The files of one analysis: ``STEM.json``, ``STEM.npz``, and its pictures.

    Args:
      directory: where they are.
      stem: what their names begin with.
      pictures: the suffixes of the pictures, such as ``.png``.
    """

    def __init__(self, directory: Path, stem: str, *pictures: str):
        self._directory, self._stem = directory, stem
        self.paths = {suffix: directory / f"{stem}{suffix}" for suffix in (*pictures, ".npz", ".json")}

    def check_free(self) -> None:
        """Checks that nothing would be replaced.

        Raises:
          JaxvizError: an earlier file is there.
        """
        found = [path for path in self.paths.values() if path.exists()]
        if found:
            raise JaxvizError(f"{found[0]} is there already; give another --out, or --overwrite to replace it")

    def write(
        self, stage: Path, figures: "Mapping[str, Figure]", arrays: "Mapping[str, np.ndarray]", facts: Mapping
    ) -> None:
        """Writes figures by their suffixes, arrays and facts into a stage, which moves them into place together."""
        import numpy as np

        for suffix, figure in figures.items():
            figure.savefig(stage / f"{self._stem}{suffix}")
        np.savez_compressed(stage / f"{self._stem}.npz", allow_pickle=False, **arrays)
        (stage / f"{self._stem}.json").write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n")

    def told(self) -> str:
        """Names all files for a reader: ``out/logit.3.png, .npz and .json``."""
        first, *others = self.paths
        return f"{self._directory / self._stem}{', '.join([first, *others[:-1]])} and {others[-1]}"
