"""Publication: the files of a site -> a directory in which all of them appear at once, named by their content."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path

from jaxviz.files.outputs import UNFINISHED, present, staged
from jaxviz.galleries.page import page
from jaxviz.sweeps.locks import locked
from jaxviz.values.errors import JaxvizError

__all__ = ["published"]

_PAGE, _ICON = "index.html", "icon.svg"
_FILES = re.compile(r"files-[0-9a-f]{16}")
_MARK = '<meta name="generator" content="jaxviz gallery">'


@contextmanager
def published(directory: Path) -> Iterator[Path]:
    """Gives an empty folder to write a site's data to, and publishes it with the page once the block has ended well.

    The folder's final name is a hash of what it holds, and the page, which names it, is replaced last: whoever opens
    the gallery at any moment sees the old one whole or the new one whole. A block that fails leaves the old one.

    Raises:
      JaxvizError: the directory cannot be written, holds a page that is no gallery, or another gallery is being written
        to it.
    """
    _check(directory / _PAGE)
    with _alone(directory), _staged(directory) as files:
        yield files


@contextmanager
def _staged(directory: Path) -> Iterator[Path]:
    with staged(directory) as stage:
        files = stage / "files"
        files.mkdir()
        (files / _ICON).write_bytes((resources.files(__package__) / "site" / _ICON).read_bytes())
        yield files
        name = f"files-{_digest(files)}"
        if (directory / name).is_dir():  # the same gallery once more, unless somebody has changed it meanwhile
            shutil.rmtree(files if f"files-{_digest(directory / name)}" == name else directory / name)
        if files.is_dir():
            files.rename(stage / name)
        (stage / _PAGE).write_text(page(name), encoding="utf-8", newline="\n")
    for old in directory.iterdir():
        if _FILES.fullmatch(old.name) and old.name != name:
            shutil.rmtree(old)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Holds the directory, made if need be, and removes what galleries left there that were killed."""
    with present(directory), ExitStack() as held:
        try:
            held.enter_context(locked(directory))
        except JaxvizError as error:
            message = f"another gallery is being written to {directory}; wait for it to end"
            raise JaxvizError(message) from error
        except OSError as error:
            raise JaxvizError(f"cannot write to {directory}: {error.strerror}") from error
        for old in directory.glob(f"{UNFINISHED}*"):
            # Others may write there, too; a gallery's is known by its files.
            if (old / "files").is_dir() or any(old.glob("files-*")):
                shutil.rmtree(old, ignore_errors=True)
        yield


def _check(path: Path) -> None:
    if path.is_file() and _MARK not in path.read_text(encoding="utf-8", errors="replace"):
        raise JaxvizError(f"{path} is no gallery and would be replaced; give another directory or move it away")


def _digest(folder: Path) -> str:
    """Hashes the names and contents of all files of a folder."""
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with open(path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(f"{path.relative_to(folder).as_posix()} {digest}\n".encode())
    return whole.hexdigest()[:16]
