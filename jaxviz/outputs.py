"""Outputs: a directory's new files, written whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jaxviz.errors import JaxvizError

__all__ = ["staged"]


@contextlib.contextmanager
def staged(directory: str | os.PathLike) -> Iterator[Path]:
    """Gives a hidden directory to write to, and moves its files into place once the block has ended well.

    A block that fails leaves ``directory`` as it was. Files of the same name are replaced, others are kept.

    Args:
      directory: where the files shall be; made, with its parents, if need be.

    Raises:
      JaxvizError: it cannot be written.
    """
    target = Path(directory)
    if target.exists() and not target.is_dir():
        raise JaxvizError(f"{target} is a file; give a directory")
    parent = target.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        # A sibling of the target is on the same file system, so that a rename is enough.
        stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=parent))
    except OSError as error:
        raise JaxvizError(f"cannot write to {parent}: {error.strerror}") from error
    try:
        yield stage
        target.mkdir(exist_ok=True)
        for file in sorted(stage.iterdir()):
            os.replace(file, target / file.name)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
