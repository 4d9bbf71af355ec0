"""Models: FILE and its options -> a model, and the words with which another command loads it again."""

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

from jaxviz.values.errors import JaxvizError
from jaxviz.values.references import is_reference, resolve, told

if TYPE_CHECKING:
    from jaxviz import Model, Preprocessing

__all__ = ["load", "words_of"]


def load(
    file: str,
    *,
    architecture: Path | None = None,
    preprocessing: str | None = None,
    input_shape: str | None = None,
    custom: str | None = None,
    class_names: str | None = None,
) -> "Model":
    """Returns the model of a command; the arguments are its options.

    Args:
      file: a Keras file, or ``module:attribute`` or ``file.py:attribute``: a model, or a function that returns one.
      architecture: the path of a file that holds the architecture of a Keras file of weights.
      preprocessing: the name of a preprocessing, or a reference to one.
      input_shape: such as ``224,224,3``; a function is called with it by its name.
      custom: a reference to a mapping, the ``custom`` of `jaxviz.keras.load`.
      class_names: the path of a file with a name on each line, or ``imagenet``.

    Raises:
      JaxvizError: there is no such file or object, it is no model, or an option does not go with it.
    """
    shape = None if input_shape is None else _shape(input_shape)
    chosen = None if preprocessing is None else _preprocessing(preprocessing)
    if is_reference(file):
        given = {"--architecture": architecture, "--custom": custom}
        if wrong := [name for name, value in given.items() if value is not None]:
            raise JaxvizError(f"{', '.join(wrong)}: goes with a Keras file; {file} makes its model itself")
        model = _made(file, shape)
        model = model if chosen is None else model.with_preprocessing(chosen)
    else:
        from jaxviz import keras

        layers = None if custom is None else _custom(custom)
        model = keras.load(file, architecture=architecture, input_shape=shape, custom=layers, preprocessing=chosen)
    return model if class_names is None else model.with_class_names(class_names)


def words_of(file: str, **options: object) -> list[str]:
    """Returns FILE and its options as words of a command line; those that are not given are left out.

    Example:
      >>> words_of("networks.py:trained", preprocessing="caffe", input_shape=None)
      ['networks.py:trained', '--preprocessing', 'caffe']
    """
    given = [(name, value) for name, value in options.items() if value is not None]
    return [file, *(word for name, value in given for word in (f"--{name.replace('_', '-')}", str(value)))]


def _made(file: str, shape: tuple[int, ...] | None) -> "Model":
    from jaxviz import Model

    found = resolve(file)
    if isinstance(found, Model):
        if shape is not None:
            raise JaxvizError(f"--input-shape goes with a file or a function; {file} is a model, whose shape is fixed")
        return found
    made = _called(file, found, shape) if callable(found) else found
    if not isinstance(made, Model):
        what = f"gives {type(made).__name__}" if callable(found) else f"is {type(made).__name__}"
        raise JaxvizError(f"{file} {what}; name a jaxviz.Model, or a function without arguments that returns one")
    return made


def _called(file: str, function, shape: tuple[int, ...] | None) -> object:
    if shape is not None and "input_shape" not in inspect.signature(function).parameters:
        raise JaxvizError(f"--input-shape: {file} takes no argument called input_shape")
    try:
        return function() if shape is None else function(input_shape=shape)
    except JaxvizError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise JaxvizError(f"{file} fails: {told(error)}") from error


def _shape(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d{1,9}([,x]\d{1,9})*", text):
        raise JaxvizError(f"--input-shape {text}: give whole numbers, such as 224,224,3")
    return tuple(int(side) for side in re.split("[,x]", text))


def _preprocessing(text: str) -> "str | Preprocessing":
    from jaxviz import Preprocessing
    from jaxviz.networks.preprocessing import NAMED, find

    if text in NAMED or not is_reference(text):
        return find(text)
    found = resolve(text)
    if not isinstance(found, Preprocessing):
        raise JaxvizError(f"--preprocessing {text} is {type(found).__name__}, not a jaxviz.Preprocessing")
    return found


def _custom(text: str) -> dict:
    found = resolve(text)
    if not isinstance(found, dict):
        raise JaxvizError(f"--custom {text} is {type(found).__name__}, not a dict of layers by their names or classes")
    return found
