"""References: ``module:attribute`` or ``path/to/file.py:attribute`` as text -> the object that it names."""

import importlib
import importlib.util
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

from jaxviz.values.errors import JaxvizError

__all__ = ["is_reference", "resolve", "told"]

_REFERENCE = re.compile(r"(?P<source>.*\.py|[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<attribute>[^\W\d]\w*(\.[^\W\d]\w*)*)")


def is_reference(text: str) -> bool:
    """Tells whether a text is a reference, and no file is called so.

    Example:
      >>> is_reference("networks.py:trained"), is_reference("my.package:trained"), is_reference("model.h5")
      (True, True, False)
    """
    return _REFERENCE.fullmatch(text) is not None and not Path(text).exists()


def resolve(text: str) -> object:
    """Returns the object that a reference names, and runs the code of the module or file for that.

    Modules are looked for in the current directory first.

    Raises:
      JaxvizError: it is no reference, there is no such module, file or attribute, or its code raises; the message says
        where.
    """
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise JaxvizError(f"{text!r} names no object; write module:attribute or path/to/file.py:attribute")
    source, attribute = found["source"], found["attribute"]
    value: object = _run(text, source)
    for name in attribute.split("."):
        if not hasattr(value, name):
            raise JaxvizError(f"{source} has no attribute {name!r}, which {text} names")
        value = getattr(value, name)
    return value


def told(error: Exception) -> str:
    """Returns what an exception of the user's code says, and where it was raised, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}{where}"


def _run(text: str, source: str) -> ModuleType:
    try:
        if source.endswith(".py"):
            return _of_file(Path(source))
        _look_in(Path.cwd())
        return importlib.import_module(source)
    except JaxvizError:
        raise
    except Exception as error:  # the user's code may raise anything
        if isinstance(error, ModuleNotFoundError) and error.name and f"{source}.".startswith(f"{error.name}."):
            raise JaxvizError(f"there is no module {error.name!r}, which {text} names") from error
        raise JaxvizError(f"{source} does not run: {told(error)}") from error


def _of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise JaxvizError(f"no such file: {path}")
    name = f"<{path.resolve()}>"  # no module that is imported elsewhere has such a name
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise JaxvizError(f"{path} is no Python file")
    _look_in(path.resolve().parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for it
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _look_in(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
