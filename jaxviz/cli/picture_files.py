"""Picture files: a visualization -> what ``jaxviz visualize --out DIRECTORY`` leaves there."""

import dataclasses
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from jaxviz.values.errors import JaxvizError

if TYPE_CHECKING:
    from jaxviz import Visualization

__all__ = ["PictureFiles", "stem_of"]

_LONGEST_STEM = 80
_FRAMES = 32  # of an animation, where there are as many steps


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureFiles:
    """The files of one visualization: always a sheet of its pictures and their arrays, and more on request.

    Attributes:
      directory: where they are.
      stem: what their names begin with.
      gif: whether there is an animation of the ascents.
      each: whether there is a PNG of each picture, in a directory of its own.
      html: whether there is a page with all pictures and numbers that needs no other file.
    """

    directory: Path
    stem: str
    gif: bool = False
    each: bool = False
    html: bool = False

    @property
    def whole(self) -> dict[str, Path]:
        """The files that show all pictures together, by what they are."""
        wanted = {"image": ".png", "arrays": ".npz"}
        wanted |= {"animation": ".gif"} if self.gif else {}
        wanted |= {"page": ".html"} if self.html else {}
        return {name: self.directory / f"{self.stem}{suffix}" for name, suffix in wanted.items()}

    @property
    def folder(self) -> Path:
        """The directory of the PNG files of the pictures."""
        return self.directory / self.stem

    def frames(self, steps: int) -> int | None:
        """Returns the number of frames that are needed, for a number of steps; None for none."""
        return min(_FRAMES, steps + 1) if self.gif else None

    def check_free(self) -> None:
        """Checks that nothing would be replaced.

        Raises:
          JaxvizError: an earlier file is there.
        """
        found = [path for path in self.whole.values() if path.exists()]
        found += [self.folder] if self.each and self.folder.is_dir() and any(self.folder.iterdir()) else []
        if found:
            raise JaxvizError(f"{found[0]} is there already; give another --out, or --overwrite to replace it")

    def write(self, result: "Visualization", *, title: str | None) -> list[Path]:
        """Writes all files; all of them appear, or none.

        Args:
          result: the visualization; with frames, for an animation.
          title: of the sheet; made of the labels when left out.

        Returns:
          The paths of the PNG files of the pictures; none where they are not wanted.
        """
        from jaxviz.files.outputs import staged
        from jaxviz.pictures import animations, exports, figures

        with staged(self.directory) as stage:
            staged_as = {name: stage / path.name for name, path in self.whole.items()}
            result.save(staged_as["arrays"])
            figures.collage(result, title=title).savefig(staged_as["image"])
            if self.gif:
                animations.gif(result, staged_as["animation"])
            if self.html:
                exports.html(result, staged_as["page"])
            return exports.png(result, self.folder) if self.each else []

    def told(self) -> str:
        """Names all files for a reader: ``out/conv2d_3.png, .npz and .gif``."""
        first, *others = (path.suffix for path in self.whole.values())
        others += [f"{self.folder}/"] if self.each else []
        return f"{self.directory / self.stem}{', '.join([first, *others[:-1]])} and {others[-1]}"


def stem_of(name: str) -> str:
    """Returns the name of a file for a layer or an objective.

    Example:
      >>> stem_of("block1/conv"), stem_of("conv2d_3:17 - 0.5*conv2d_4:3")
      ('block1.conv', 'conv2d_3.17-0.5.conv2d_4.3')
    """
    stem = re.sub(r"[^\w.+-]+", ".", re.sub(r"\s+", "", name)).strip(".")
    return stem if len(stem) <= _LONGEST_STEM else f"{stem[: _LONGEST_STEM - 9]}-{zlib.crc32(name.encode()):08x}"
