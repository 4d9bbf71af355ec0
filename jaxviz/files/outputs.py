"""Outputs: the new files of a directory, written completely or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jaxviz.values.errors import JaxvizError

__all__ = ["UNFINISHED", "present", "staged"]

UNFINISHED = ".unfinished-"
"""How the names of directories begin that a block that was killed may leave."""


@contextlib.contextmanager
def staged(directory: str | os.PathLike) -> Iterator[Path]:
    """Gives a hidden directory to write to, and moves its files into place once the block has ended well.

    A block that fails leaves ``directory`` as it was. Files of the same name are replaced, others are kept.

    Args:
      directory: where the files shall be; made, with its parents, if need be.

    Raises:
      JaxvizError: it cannot be written.
    """
    with present(directory) as target:
        try:
            # Inside the target, so that it is on the same file system and a rename is enough.
            stage = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=target))
        except OSError as error:
            raise JaxvizError(f"cannot write to {target}: {error.strerror}") from error
        try:
            yield stage
            files = sorted(stage.iterdir())
            for file in files:
                if (target / file.name).is_dir():
                    raise JaxvizError(f"{target / file.name} is a directory; give another --out or move it away")
            for file in files:
                os.replace(file, target / file.name)
        except BaseException:
            shutil.rmtree(stage, ignore_errors=True)
            raise
        stage.rmdir()


@contextlib.contextmanager
def present(directory: str | os.PathLike) -> Iterator[Path]:
    """Makes a directory, with its parents, if need be; a block that fails takes those away again that are empty.

    Raises:
      JaxvizError: it cannot be made.
    """
    target = Path(directory)
    try:
        made = _make(target)
    except OSError as error:
        raise JaxvizError(f"cannot write to {target}: {error.strerror}") from error
    try:
        yield target
    except BaseException:
        _remove(made)
        raise


def _make(directory: Path) -> list[Path]:
    """Makes a directory and its parents; returns those that were not there, outermost first."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()][::-1]
    if directory.exists() and not directory.is_dir():
        raise JaxvizError(f"{directory} is a file; give a directory")
    directory.mkdir(parents=True, exist_ok=True)
    return missing


def _remove(made: list[Path]) -> None:
    for path in reversed(made):
        with contextlib.suppress(OSError):  # someone else may have put something there meanwhile
            path.rmdir()
